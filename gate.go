package pollux

import "sync"

// gate counts those who publish while a set of streams is in force, so that SetStreams
// can wait for them before a stream is polled. The zero value is open.
type gate struct {
	mu     sync.Mutex
	inside int
	empty  chan struct{} // closed when the gate is closed and nobody is inside; nil while it is open
}

// enter reports whether the gate is open. A caller that has entered must leave.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.empty != nil {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 && g.empty != nil {
		close(g.empty)
	}
}

// close closes the gate, which is open. The channel is closed when all have left.
func (g *gate) close() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.empty = make(chan struct{})
	if g.inside == 0 {
		close(g.empty)
	}
	return g.empty
}
