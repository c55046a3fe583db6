package poller_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// term is how long a lease is kept for a node that says nothing.
const term = 10 * time.Second

// office gives out leases, of which there is one for each stream or group of keys, to those who
// have waited longest.
type office struct {
	mu      sync.Mutex
	holders map[string]*tenure
	queues  map[string][]*waiter
	saved   map[string]note
}

type note struct {
	text []byte
	at   time.Time
}

type waiter struct {
	agent   *agent
	ctx     context.Context
	granted chan *tenure
}

func newOffice() *office {
	return &office{holders: map[string]*tenure{}, queues: map[string][]*waiter{}, saved: map[string]note{}}
}

// agent is the Lease of one node.
type agent struct {
	*office
	name string
	dead bool // what it releases runs out; guarded by office.mu
}

func (a *agent) Acquire(ctx context.Context, stream string) (poller.Held, error) {
	w := &waiter{agent: a, ctx: ctx, granted: make(chan *tenure, 1)}
	a.mu.Lock()
	a.queues[stream] = append(a.queues[stream], w)
	a.serveLocked(stream)
	a.mu.Unlock()
	select {
	case held := <-w.granted:
		return held, nil
	case <-ctx.Done():
		a.mu.Lock()
		defer a.mu.Unlock()
		a.queues[stream] = slices.DeleteFunc(a.queues[stream], func(one *waiter) bool { return one == w })
		select {
		case held := <-w.granted:
			held.endLocked()
		default: // nobody has given it one meanwhile
		}
		return nil, ctx.Err()
	}
}

func (a *agent) Observe(stream string) (node string, saved []byte, age time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if held := a.holders[stream]; held != nil {
		node = held.agent.name
	}
	last := a.saved[stream]
	return node, last.text, time.Since(last.at)
}

// serveLocked gives a lease that is free to the first one that wants it.
func (o *office) serveLocked(stream string) {
	if o.holders[stream] != nil || len(o.queues[stream]) == 0 {
		return
	}
	w := o.queues[stream][0]
	o.queues[stream] = o.queues[stream][1:]
	held := &tenure{agent: w.agent, stream: stream, saved: o.saved[stream], wanted: make(chan struct{})}
	held.ctx, held.cancel = context.WithCancel(w.ctx)
	o.holders[stream] = held
	w.granted <- held
}

// expire ends the leases of a node. It learns of that some time before others can have them, or
// a term after that, because it was stopped.
func (o *office) expire(node string, learns bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, held := range o.heldLocked() {
		if held.agent.name != node {
			continue
		}
		if !learns {
			held.unnoticed = true
			time.AfterFunc(term, held.cancel)
			held.endLocked()
			continue
		}
		held.cancel()
		time.AfterFunc(term/3, func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			held.endLocked()
		})
	}
}

// want asks the holders of leases for some of them, by their number, or for all of them if which
// is nil.
func (o *office) want(which func(i int) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, held := range o.heldLocked() {
		if !held.isWanted && (which == nil || which(i)) {
			held.isWanted = true
			close(held.wanted)
		}
	}
}

// heldLocked returns the leases that somebody holds, in a fixed order.
func (o *office) heldLocked() (list []*tenure) {
	for _, lease := range slices.Sorted(maps.Keys(o.holders)) {
		if held := o.holders[lease]; held != nil {
			list = append(list, held)
		}
	}
	return list
}

// tenure is a lease that is held.
type tenure struct {
	agent  *agent
	stream string
	saved  note
	ctx    context.Context
	cancel context.CancelFunc
	wanted chan struct{}

	isWanted  bool // guarded by office.mu
	unnoticed bool // the node was stopped and does not know yet that it has lost it; likewise
}

// endLocked makes the lease free.
func (h *tenure) endLocked() {
	if o := h.agent.office; o.holders[h.stream] == h {
		o.holders[h.stream] = nil
		o.serveLocked(h.stream)
	}
}

func (h *tenure) Context() context.Context { return h.ctx }
func (h *tenure) Holds() bool              { return h.ctx.Err() == nil }
func (h *tenure) Wanted() <-chan struct{}  { return h.wanted }

func (h *tenure) Saved() (saved []byte, age time.Duration) {
	return h.saved.text, time.Since(h.saved.at)
}

func (h *tenure) Save(text []byte) {
	h.agent.mu.Lock()
	defer h.agent.mu.Unlock()
	if h.agent.holders[h.stream] == h {
		h.agent.office.saved[h.stream] = note{text, time.Now()}
	}
}

func (h *tenure) Release(context.Context) error {
	h.cancel()
	h.agent.mu.Lock()
	defer h.agent.mu.Unlock()
	if h.agent.dead {
		time.AfterFunc(term, func() {
			h.agent.mu.Lock()
			defer h.agent.mu.Unlock()
			h.endLocked()
		})
		return errors.New("dead")
	}
	h.endLocked()
	return nil
}

// node is one of several that share a log and an upstream.
type node struct {
	*poller.Poller
	hub    *hub.Hub
	agent  *agent
	cancel context.CancelFunc
	ended  chan error
}

// cluster is several nodes.
type cluster struct {
	t      *testing.T
	log    *hub.MemoryLog
	office *office
	stream poller.Stream // of all nodes
	keys   *hub.KeyOptions
	spread time.Duration

	elsewhere func(node string, changes []hub.KeyChange) // nil: nobody wants to know
}

func newCluster(t *testing.T, s poller.Source) *cluster {
	shared := struct{ poller.Source }{s} // which no node closes
	return &cluster{t: t, log: hub.NewMemoryLog(), office: newOffice(), stream: poller.Stream{Name: "default", Source: shared, Every: every}}
}

// start starts a node, which ends with the test.
func (c *cluster) start(name string) *node {
	c.t.Helper()
	h, err := hub.New(hub.Options{Log: c.log, Shared: true, Streams: []hub.StreamOptions{{Name: c.stream.Name, Keys: c.keys}}})
	if err != nil {
		c.t.Fatal(err)
	}
	n := &node{hub: h, agent: &agent{office: c.office, name: name}, ended: make(chan error, 2)}
	n.Poller, err = poller.New(poller.Options{
		Publisher: h, Streams: []poller.Stream{c.stream}, Spread: c.spread,
		Newest: func(stream string) *hub.Event {
			event, err := h.Latest(stream)
			if err != nil {
				panic(err)
			}
			return event
		},
		Told: h.Status, Lease: n.agent, Position: h.Position,
		Elsewhere: func(changes []hub.KeyChange) {
			if c.elsewhere != nil {
				c.elsewhere(name, changes)
			}
		},
		Logger: slog.New(slog.DiscardHandler), Rand: func() float64 { return 0 },
	})
	if err != nil {
		c.t.Fatal(err)
	}
	reading, stopReading := context.WithCancel(context.Background())
	polling, stopPolling := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { n.ended <- h.Run(reading) })
	all.Go(func() {
		<-h.Recovered()
		n.ended <- n.Run(polling)
	})
	n.cancel = sync.OnceFunc(func() {
		stopPolling()
		if err := <-n.ended; err != nil {
			c.t.Errorf("node %s: %v", name, err)
		}
		stopReading()
		all.Wait()
	})
	c.t.Cleanup(n.cancel)
	return n
}

// kill stops a node that cannot tell anybody.
func (n *node) kill() {
	n.agent.mu.Lock()
	n.agent.dead = true
	n.agent.mu.Unlock()
	n.cancel()
}

// status returns what the node knows of the stream.
func (n *node) status() hub.Upstream { return n.Status()[0] }

// newest returns the newest document at the node.
func (n *node) newest() string {
	event, err := n.hub.Latest("default")
	if err != nil || event == nil {
		return fmt.Sprint(err)
	}
	return string(event.Data())
}

// told returns the documents of the log, and the states.
func (c *cluster) told() (list []string) {
	ctx, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	_ = c.log.Tail(ctx, func(batch hub.Batch) error { // which ends with ctx
		for _, e := range batch.Events {
			text := string(e.Data())
			if e.Kind() == hub.KindStatus {
				var status struct{ State string }
				if err := json.Unmarshal(e.Data(), &status); err != nil {
					return err
				}
				text = status.State
			}
			list = append(list, text)
		}
		cancel()
		return nil
	})
	return list
}
