package fanout

import "github.com/polluxhub/pollux/hub"

// maxCatchUp is how often catchUp resumes a subscription that has ended meanwhile.
const maxCatchUp = 3

// catchUp moves a client whose socket was full to the newest document of each stream of
// which it does not get every document. What the client does not get is told by a reset.
// The writers call it as late as possible, when the socket takes bytes again: a document
// that is encoded is sent.
func (c *Client) catchUp() {
	if !c.behind {
		return
	}
	c.behind = false
	if !c.subscription.Conflates() {
		return
	}
	if c.pace == holds { // nothing is pending: the backlog counts again with the next portion
		c.engine.holdings.release(c)
	}
	before := c.backlog.all()
	backlog, size := c.subscription.Newest(before)
	// What has to be sent anyway stays in history, so that slow clients do not hold it.
	for resumed := 0; size < largeHeld; resumed++ {
		waiting, ended := receive(backlog, c.subscription.Events())
		backlog, size = c.subscription.Newest(waiting)
		c.backlog.set(backlog)
		if !ended || size >= largeHeld || resumed == maxCatchUp || !c.mayResubscribe() {
			break
		}
		waiting = backlog
		if c.resubscribe() != "" {
			break // next finds the same
		}
		backlog, size = c.subscription.Newest(append(waiting, c.backlog.all()...))
	}
	c.backlog.set(backlog)
	if len(before) > 0 && (len(backlog) == 0 || backlog[0] != before[0]) {
		c.encoder.Cancel() // it may have waited for a document that is left out
	}
}

// receive appends the events that are in the channel, and reports whether it is closed.
func receive(list []*hub.Event, events <-chan *hub.Event) (_ []*hub.Event, closed bool) {
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return list, true
			}
			list = append(list, e)
		default:
			return list, false
		}
	}
}
