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
	waiting := c.backlog
	for range maxCatchUp {
		var ended bool
		if waiting, ended = receive(waiting, c.subscription.Events()); !ended {
			break
		}
		if !c.mayResubscribe() || c.resubscribe() != "" {
			break // next finds the same
		}
		waiting = append(waiting, c.backlog...)
	}
	c.backlog = c.subscription.Newest(waiting)
	if len(c.backlog) != len(waiting) {
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
