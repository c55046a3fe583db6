package fanout

// A client that is written to holds what its socket has not taken, and waits while all
// clients together hold too much: see holdings.

// keep notes what the socket did not take: rest, which is what is left of bufs. before
// is how many bytes the client had been sent before that.
func (c *Client) keep(bufs, rest [][]byte, before uint64) {
	cut := int(c.bytes - before)
	for _, buf := range bufs[:len(bufs)-len(rest)] {
		cut -= len(buf)
	}
	c.pending = append([][]byte(nil), rest...) // without what was sent, which may go
	c.engine.holdings.hold(c, rest, cut, true)
}

// awaitRoom lets the client wait until clients hold less. It holds nothing meanwhile:
// the next documents come whole, because the last one is not kept to be compared.
func (w *writer) awaitRoom(c *Client) {
	if !c.adopted || c.pending != nil || c.waiting {
		return
	}
	c.waiting = true
	w.waiting = append(w.waiting, c)
	w.engine.holdings.waits.Add(1)
	c.encoder.Forget()
}

// admitWaiting continues with clients that wait, in the order in which they came, as
// long as there is room.
func (w *writer) admitWaiting() {
	for len(w.waiting) > 0 {
		c := w.waiting[0]
		if c.adopted && !c.mayResubscribe() {
			return
		}
		w.waiting[0] = nil
		w.waiting = w.waiting[1:]
		c.waiting = false
		if c.adopted {
			w.pump(c)
		}
	}
	w.waiting = nil
}
