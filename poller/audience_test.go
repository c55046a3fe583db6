package poller_test

import "sync"

// audience is the clients of a stream. It implements both kinds of channels that Demand
// allows.
type audience struct {
	replaced bool // whether the channel is closed and replaced, or sent to

	mu        sync.Mutex
	listeners int
	changed   chan struct{}
}

func newAudience(replaced bool) *audience {
	return &audience{replaced: replaced, changed: make(chan struct{}, 1)}
}

func (a *audience) Listeners() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.listeners
}

func (a *audience) Changed() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.changed
}

func (a *audience) join()  { a.move(1) }
func (a *audience) leave() { a.move(-1) }

func (a *audience) move(by int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.listeners
	a.listeners += by
	switch {
	case (before > 0) == (a.listeners > 0):
	case a.replaced:
		close(a.changed)
		a.changed = make(chan struct{}, 1)
	default:
		select {
		case a.changed <- struct{}{}:
		default:
		}
	}
}
