package pollux

import (
	"context"
	"sync"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/metrics"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// Nodes are the other Pollux that share Options.Log with this one: of all of them, one polls
// a stream at a time.
type Nodes interface {
	poller.Lease

	// View returns what this node knows of all of them. It does not wait.
	View() handlers.Nodes

	// Run connects this node with the others until ctx ends.
	Run(ctx context.Context, here Here) error

	// PollNow has the node that polls a stream poll it now, and returns when that is due. The
	// error is handlers.ErrNobodyPolls if no node does.
	PollNow(ctx context.Context, stream string) (time.Time, error)

	// Stats are for metrics.
	Stats() metrics.Leases

	// Close ends the connection. It is called when everything else has ended.
	Close()
}

// Here is this node, for the others. Its methods do not wait.
type Here interface {
	// Heed is told what has changed in what the clients of all other nodes listen to.
	Heed(change hub.Wants)

	// PollNow has a stream polled that this node polls, and returns when that is due; false
	// if another node polls it.
	PollNow(stream string) (time.Time, bool)

	// Changed returns a channel that holds a value if Take has something to return.
	Changed() <-chan struct{}

	// Take returns what has changed in what the clients of this node listen to of streams
	// that other nodes poll.
	Take() hub.Wants

	// Settings returns Stream.Settings of each stream that has some, by name. Nobody changes
	// the map. The digest is another one for other settings.
	Settings() (digest string, streams map[string]string)
}

// touchEvery is the least time between two requests for one fetch of a stream or key that
// another node polls.
const touchEvery = time.Second

// maxTouched bounds the names for which that is remembered.
const maxTouched = 10_000

// here is what a Pollux that is one of several has beside everything else. What clients of
// other nodes listen to counts as one subscriber here while this node polls the stream. Of
// streams that other nodes poll, it tells them what its own clients listen to.
type here struct {
	pollux *Pollux
	demand *demand

	mu      sync.Mutex
	wanted  map[string]map[string]bool // what clients of other nodes listen to, by stream
	entered map[string]func()          // what counts here because of that, by name
	touches []string                   // to be told
	touched map[string]time.Time       // when that was told last
}

func newHere(p *Pollux) *here {
	h := &here{
		pollux: p, demand: newDemand(p),
		wanted: map[string]map[string]bool{}, entered: map[string]func(){}, touched: map[string]time.Time{},
	}
	h.demand.node = true
	return h
}

// watch looks at what the clients of this node listen to, until ctx ends.
func (h *here) watch(ctx context.Context) error {
	h.demand.renew() // a node that never polls anything is told of no change
	return h.demand.watch(ctx)
}

// move notes that this node polls a stream, or other keys of it than before, or does not any
// more.
func (h *here) move(stream string) {
	h.demand.move(stream, h.pollux.poller.Holds(stream))
	h.mu.Lock()
	defer h.mu.Unlock()
	for name := range h.wanted[stream] {
		if h.pollux.poller.Holds(name) {
			h.enterLocked(name)
		} else {
			h.leaveLocked(name)
		}
	}
}

// enterLocked counts a subscriber for the clients of other nodes.
func (h *here) enterLocked(name string) {
	if h.entered[name] != nil {
		return
	}
	release, err := h.pollux.hub.Want(name)
	if err != nil {
		h.pollux.log.Debug("what clients of another node want cannot be had", "stream", name, "error", err)
		return
	}
	h.entered[name] = release
}

func (h *here) leaveLocked(name string) {
	if release := h.entered[name]; release != nil {
		release()
		delete(h.entered, name)
	}
}

// Heed implements Here.
func (h *here) Heed(change hub.Wants) {
	h.mu.Lock()
	for _, name := range change.Want {
		stream := streamOf(name)
		if h.wanted[stream] == nil {
			h.wanted[stream] = map[string]bool{}
		}
		if h.wanted[stream][name] = true; h.pollux.poller.Holds(name) {
			h.enterLocked(name)
		}
	}
	for _, name := range change.Unwant {
		stream := streamOf(name)
		if delete(h.wanted[stream], name); len(h.wanted[stream]) == 0 {
			delete(h.wanted, stream)
		}
		h.leaveLocked(name)
	}
	var touch []string
	for _, name := range change.Touch {
		if h.pollux.poller.Holds(name) {
			touch = append(touch, name)
		}
	}
	h.mu.Unlock()
	for _, name := range touch {
		if err := h.pollux.hub.Touch(name); err == nil { // else the stream was removed a moment ago
			h.pollux.poller.Refresh(name)
		}
	}
}

// PollNow implements Here.
func (h *here) PollNow(stream string) (time.Time, bool) {
	at, err := h.pollux.poller.PollNow(stream)
	return at, err == nil
}

// Changed implements Here.
func (h *here) Changed() <-chan struct{} { return h.demand.changed }

// Take implements Here.
func (h *here) Take() hub.Wants {
	var change hub.Wants
	change.Want, change.Unwant = h.demand.Take()
	h.demand.mu.Lock()
	change.Touch, h.demand.touches = h.demand.touches, nil
	h.demand.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	change.Touch, h.touches = append(change.Touch, h.touches...), nil
	return change
}

// Settings implements Here.
func (h *here) Settings() (digest string, streams map[string]string) {
	set := h.pollux.streams.Load()
	return set.digest, set.settings
}

// refresh has the node that polls a stream or key fetch it once, if it has not for an
// interval.
func (h *here) refresh(name string) {
	if h.pollux.poller.Holds(name) {
		h.pollux.poller.Refresh(name)
		return
	}
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if now.Sub(h.touched[name]) < touchEvery {
		return
	}
	if len(h.touched) >= maxTouched {
		clear(h.touched)
	}
	h.touched[name] = now
	if len(h.touches) < maxTouched {
		h.touches = append(h.touches, name)
	}
	signal(h.demand.changed)
}
