package fanout

import "sync"

// news are the clients of a writer that waited for something which is made by now.
// Workers put them in.
type news struct {
	wake chan struct{} // of capacity 1

	mu      sync.Mutex
	clients []*Client
}

// waitingClient is a client whose next event is being made.
type waitingClient Client

// Ready implements [view.Waiter]: the client's writer goes on with the client.
func (c *waitingClient) Ready() {
	n := &c.writer.made
	n.mu.Lock()
	n.clients = append(n.clients, (*Client)(c))
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default: // the writer has not looked yet
	}
}

// serveMade serves those whose next event is made.
func (w *writer) serveMade() {
	w.made.mu.Lock()
	clients := w.made.clients
	w.made.clients = nil
	w.made.mu.Unlock()
	for i, c := range clients {
		if c.adopted {
			w.pump(c)
		}
		if i%perBreath == perBreath-1 {
			w.breathe()
		}
	}
}
