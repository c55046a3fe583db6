package fanout

// postpone lets other clients go first. A client that takes a long replay as fast as it
// is written would occupy the writer, and its end would wait for the end of the replay.
func (w *writer) postpone(c *Client) {
	if !c.postponed {
		c.postponed = true
		w.postponed = append(w.postponed, c)
	}
}

// morePostponed returns a channel from which can be received if a client was postponed.
func (w *writer) morePostponed() <-chan struct{} {
	if len(w.postponed) == 0 {
		return nil
	}
	return always
}

// always is closed.
var always = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// servePostponed serves the clients that were postponed.
func (w *writer) servePostponed() {
	list := w.postponed
	w.postponed = nil
	for _, c := range list {
		c.postponed = false
		if !c.adopted {
			continue
		}
		if w.wheel.Now() >= c.endAt && c.pending.isNil() && c.ending() == "" {
			w.bufs = w.bufs[:0]
			w.end(c, c.endReason())
			continue
		}
		w.pump(c)
	}
	w.yield()
}
