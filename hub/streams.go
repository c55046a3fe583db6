package hub

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/polluxhub/pollux/hub/sse"
)

// stream is what the hub knows of one stream.
type stream struct {
	name        string
	subscribers atomic.Int64
	demand      chan struct{} // of capacity 1: subscribers became none, or one
	removed     atomic.Bool

	// Guarded by Hub.mu.
	history history
	rank    int // in Hub.budget
	status  *Event
	events  uint64
}

// StreamOptions are a stream's name, see [CheckStream], and what is kept of it.
type StreamOptions struct {
	Name string

	// History is how many events are kept. 0 means Options.History.
	History int

	// HistoryBytes bounds what these take, in bytes. The newest is kept whatever
	// its size. 0 means Options.HistoryBytes.
	HistoryBytes int
}

// Named returns streams with these names, of which the hub keeps as much as its
// Options say.
func Named(names ...string) []StreamOptions {
	streams := make([]StreamOptions, len(names))
	for i, name := range names {
		streams[i].Name = name
	}
	return streams
}

// count notes that one subscriber more or less is there.
func (s *stream) count(change int64) {
	if n := s.subscribers.Add(change); n == 0 || n == 1 && change > 0 {
		select {
		case s.demand <- struct{}{}:
		default: // it was not looked at yet
		}
	}
}

// streamMap is read with every broadcast and every join, and replaced when
// streams come or go.
type streamMap struct {
	pointer atomic.Pointer[map[string]*stream]
}

func (m *streamMap) load() map[string]*stream         { return *m.pointer.Load() }
func (m *streamMap) store(streams map[string]*stream) { m.pointer.Store(&streams) }

// newStreams returns the streams that are wanted: the old ones where there are.
func (h *Hub) newStreams(wanted []StreamOptions, old map[string]*stream) map[string]*stream {
	streams := make(map[string]*stream, len(wanted))
	for _, one := range wanted {
		s := old[one.Name]
		if s == nil {
			s = &stream{name: one.Name, demand: make(chan struct{}, 1)}
			s.history.maxEvents, s.history.maxBytes = h.bounds(one)
		}
		streams[one.Name] = s
	}
	return streams
}

// bounds returns how much is kept of a stream.
func (h *Hub) bounds(one StreamOptions) (events, bytes int) {
	events, bytes = one.History, one.HistoryBytes
	if events == 0 {
		events = h.opts.History
	}
	if bytes == 0 {
		bytes = h.opts.HistoryBytes
	}
	return events, bytes
}

// checkStreams names everything that is wrong with streams.
func checkStreams(streams []StreamOptions) error {
	var errs []error
	seen := make(map[string]bool, len(streams))
	for _, s := range streams {
		if err := CheckStream(s.Name); err != nil {
			errs = append(errs, err)
		}
		if seen[s.Name] {
			errs = append(errs, fmt.Errorf("hub: stream %q is named twice", s.Name))
		}
		seen[s.Name] = true
		for name, value := range map[string]int{"History": s.History, "HistoryBytes": s.HistoryBytes} {
			if value < 0 {
				errs = append(errs, fmt.Errorf("hub: %s of stream %q is %d, want at least 1, or 0 for what the hub has", name, s.Name, value))
			}
		}
	}
	return errors.Join(errs...)
}

// SetStreams makes these the streams of the hub, while it runs. A stream that is
// there already goes on undisturbed, with the bounds that it has now, and a new one
// begins without history. Who subscribes to one that is not there any more gets a
// last status, state Down and error "removed", which has no ID; a subscription that
// had no other stream ends with ErrUnknownStream. After an error nothing has changed.
func (h *Hub) SetStreams(wanted []StreamOptions) error {
	if err := checkStreams(wanted); err != nil {
		return err
	}
	h.setting.Lock()
	defer h.setting.Unlock()
	old := h.streams.load()
	streams := h.newStreams(wanted, old)

	h.mu.Lock()
	for name, s := range streams {
		if old[name] == nil {
			s.history.forgetUpTo(h.head) // what came before may have been of this stream
			h.budget.add(s)
		}
	}
	for name, s := range old {
		if streams[name] == nil {
			h.budget.remove(s)
		}
	}
	h.streams.store(streams)
	h.mu.Unlock()

	for _, one := range wanted {
		if s := old[one.Name]; s != nil {
			h.rebound(s, one)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		s := old[name]
		if streams[name] != nil {
			continue
		}
		s.removed.Store(true)
		notice, err := removal(name)
		if err != nil {
			return err
		}
		for _, g := range h.groups.load() {
			g.mu.Lock()
			g.removeLocked(s, notice)
			g.mu.Unlock()
		}
	}
	return nil
}

// rebound changes how much is kept of a stream. What is too much goes bit by bit, so
// that nobody waits long for the lock.
func (h *Hub) rebound(s *stream, one StreamOptions) {
	events, bytes := h.bounds(one)
	for done := false; !done; {
		h.mu.Lock()
		before := s.history.bytes
		for range replayEvents {
			if done = !s.history.exceeds(events, bytes); done {
				s.history.maxEvents, s.history.maxBytes = events, bytes
				break
			}
			s.history.evict()
		}
		h.budget.changed(s, before)
		h.mu.Unlock()
	}
}

// removal returns the last status of a stream. The name may come from outside.
func removal(name string) (*Event, error) {
	if err := CheckStream(name); err != nil {
		return nil, err
	}
	document, err := Status{State: Down, Since: time.Now(), Error: "removed"}.Document(name)
	if err != nil {
		return nil, err
	}
	plain, err := encode(sse.Event{Name: StatusEvent, Data: document})
	if err != nil {
		return nil, err
	}
	return &Event{stream: name, kind: KindStatus, state: Down, data: document, plain: plain}, nil
}

// removeLocked takes everybody out of a stream.
func (g *Group) removeLocked(s *stream, notice *Event) {
	// From the end, because everybody leaves the list.
	list := g.lists[s]
	for j := len(list) - 1; j >= 0; j-- {
		subscription := list[j]
		subscription.offerLocked(notice)
		if subscription.ended == open {
			subscription.leaveLocked(s)
		}
	}
	g.wakeLocked()
}

// StreamNames returns the names of all streams, sorted.
func (h *Hub) StreamNames() []string {
	return slices.Sorted(maps.Keys(h.streams.load()))
}

// HasStream reports whether there is a stream of this name.
func (h *Hub) HasStream(name string) bool { return h.streams.load()[name] != nil }

func (h *Hub) stream(name string) (*stream, error) {
	s := h.streams.load()[name]
	if s == nil {
		return nil, fmt.Errorf("%w %q", ErrUnknownStream, name)
	}
	return s, nil
}

// Demand says how many clients listen to a stream. Its methods do not wait.
type Demand interface {
	// Listeners returns how many clients listen now.
	Listeners() int

	// Changed returns a channel that can be received from, because it holds a
	// value or because it was closed, as soon as Listeners has become 0, or more
	// than 0, after the call. The number changes before the channel does, so a
	// caller that calls Changed before Listeners misses no change. The channel may
	// also hold a value without a change, but not again and again.
	//
	// It may be one channel with room for one value, which is sent without
	// waiting, or a channel that is closed and replaced by another.
	Changed() <-chan struct{}
}

// Demand returns the demand for a stream, for one goroutine that acts on it. It
// holds as long as the hub has the stream.
func (h *Hub) Demand(name string) (Demand, error) {
	s, err := h.stream(streamName(name))
	if err != nil {
		return nil, err
	}
	return demand{s}, nil
}

type demand struct{ stream *stream }

func (d demand) Listeners() int           { return int(d.stream.subscribers.Load()) }
func (d demand) Changed() <-chan struct{} { return d.stream.demand }
