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

// admitWaiting continues with clients that wait and for which there is room, in the order
// in which they came. A client that waits for more room than another does not block it.
func (w *writer) admitWaiting() {
	list := w.waiting
	w.waiting = nil
	for _, c := range list {
		switch {
		case !c.adopted:
		case c.mayResubscribe():
			c.waiting = false
			w.pump(c)
		default:
			w.waiting = append(w.waiting, c)
		}
	}
}
