package fanout

import "sync"

// unblocked are the clients of a writer whose next event was being made and is ready now.
// Workers add them.
type unblocked struct {
	wake chan struct{} // of capacity 1

	mu      sync.Mutex
	clients []*Client
}

// waitingClient is a client whose next event is being made.
type waitingClient Client

// Ready implements [view.Waiter]: the client's writer goes on with the client.
func (c *waitingClient) Ready() {
	u := &c.writer.unblocked
	u.mu.Lock()
	u.clients = append(u.clients, (*Client)(c))
	u.mu.Unlock()
	select {
	case u.wake <- struct{}{}:
	default: // the writer has not reacted yet
	}
}

// serveUnblocked serves the clients whose next event is ready now.
func (w *writer) serveUnblocked() {
	w.unblocked.mu.Lock()
	clients := w.unblocked.clients
	w.unblocked.clients = nil
	w.unblocked.mu.Unlock()
	for i, c := range clients {
		if c.adopted {
			w.pump(c)
		}
		if i%yieldAfter == yieldAfter-1 {
			w.yield()
		}
	}
}
