package fanout

// A client that is written to holds what its socket has not taken, and waits while all
// clients together hold too much: see holdings.

// keep notes what the socket did not take: what send has returned, and records of TLS.
func (c *Client) keep(rest [][]byte, cut int) {
	c.pending.set(append(make([][]byte, 0, len(rest)), rest...)) // without what was sent, which may go
	c.engine.holdings.hold(c, rest, cut, true)
	if c.carrier != nil {
		c.engine.holdings.hold(c, [][]byte{c.carrier.out}, 0, true)
	}
}

// awaitRoom lets the client wait until clients hold less. It holds nothing meanwhile:
// the next documents come whole, because the last one is not kept to be compared.
func (w *writer) awaitRoom(c *Client) {
	if !c.adopted || !c.pending.isNil() || c.waiting {
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
