package fanout

import (
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout/view"
)

// progress is the result of gather.
type progress uint8

const (
	drained   progress = iota // nothing more is ready
	more                      // the portion is full, and there may be more
	satisfied                 // the client has all documents that it asked for
	broken                    // the subscription has ended
	waiting                   // the next event is not made yet
)

// The bounds of one portion, unless a single event is larger. They bound what a client
// has to take in one write timeout.
const (
	portionBytes  = 64 << 10
	portionEvents = 64

	// A document that is encoded is sent, even if a newer one exists by then. So less is
	// encoded ahead for a client that gets the newest document where it is slow.
	conflatingBytes = 16 << 10
)

// gather appends what is ready to bufs, as chunks or as it is: first the events of the
// backlog, then those in the channel. If the next one is not made yet, w is told when it
// is, unless w is nil.
func (c *Client) gather(bufs [][]byte, chunked bool, w view.Waiter) ([][]byte, progress) {
	events := 0
	bufs, state := c.collect(bufs, chunked, w, &events)
	if events > 0 {
		c.engine.stats.deliveries.Add(uint64(events))
	}
	if state == drained && !c.settled {
		c.settled = true
		bufs = c.settle(bufs, chunked)
	}
	return bufs, state
}

// settle appends the position of the client, if no event had it as ID. A script does not
// receive a block that is only an ID, and cannot see where the replay ends: it gets a
// heartbeat.
func (c *Client) settle(bufs [][]byte, chunked bool) [][]byte {
	if c.heartbeatEvent && !c.encoder.Lines() {
		return append(bufs, c.heartbeat().As(chunked))
	}
	if at := c.announce(); !at.IsZero() {
		bufs = append(bufs, c.position(at).As(chunked))
	}
	return bufs
}

// complete appends what completes the stream that ends for this reason: a status, if the
// time of the client is over; the position of the client, if it does not know it, so that
// it does not return to one that history has dropped by then; when to return, if the engine
// drains; and the end of the gzip member.
func (c *Client) complete(bufs [][]byte, chunked bool, reason EndReason) [][]byte {
	if reason == ReasonExpired {
		bufs = append(bufs, c.expired().As(chunked))
	}
	if reason == ReasonDrain {
		bufs = append(bufs, c.farewell().As(chunked))
	} else if at := c.announce(); !at.IsZero() {
		bufs = append(bufs, c.position(at).As(chunked))
	}
	if trailer := c.encoder.End(); trailer != nil {
		bufs = append(bufs, trailer.As(chunked))
	}
	return bufs
}

func (c *Client) collect(bufs [][]byte, chunked bool, w view.Waiter, events *int) ([][]byte, progress) {
	if c.satisfied() {
		return bufs, satisfied
	}
	c.catchUp()
	size, limit := 0, portionBytes
	if c.subscription.Conflates() {
		limit = conflatingBytes
	}
	for range portionEvents {
		if size >= limit {
			return bufs, more
		}
		e, state := c.next()
		if e == nil {
			return bufs, state
		}
		head, form, ok := c.take(e, chunked, w)
		if !ok {
			return bufs, waiting
		}
		if !c.encoder.Whole() {
			size += len(e.Data()) // the work that it was, however small the result
		}
		if form == nil {
			continue // no part that the client wants has changed
		}
		if head != nil {
			bufs = append(bufs, head)
		}
		bufs, size = append(bufs, form), size+len(head)+len(form)
		*events++
		if c.satisfied() {
			return bufs, satisfied
		}
	}
	return bufs, more
}

// next returns the next event. Without one, progress says why. An event of the backlog stays there
// until take has handled it. An event from the channel has left the channel: take puts it
// into the backlog if it is not encoded yet.
func (c *Client) next() (*hub.Event, progress) {
	if backlog := c.backlog.all(); len(backlog) > 0 {
		return backlog[0], drained
	}
	c.backlog.set(nil)
	if !c.replayed {
		c.replayed = true
		if at := c.subscription.Position(); !at.IsZero() && !c.isBefore(at) {
			c.move(at)
		}
	}
	select {
	case e, ok := <-c.subscription.Events():
		if !ok {
			return nil, broken
		}
		return e, drained
	default:
		return nil, drained
	}
}

// isBefore reports whether a position is one that the client has left behind. The backlog
// may have held events from the channel too, see catchUp.
func (c *Client) isBefore(at hub.ID) bool {
	return at.Epoch() == c.written.Epoch() && at.Seq() < c.written.Seq()
}

func (c *Client) satisfied() bool { return c.limit > 0 && c.documents >= c.limit }

// take returns what the client gets of the event that next returned, and moves the
// position of the client to it. If the event is not encoded yet, take reports false and
// changes nothing, except that the event is now the first of the backlog: the following
// next returns it again.
func (c *Client) take(e *hub.Event, chunked bool, w view.Waiter) (head, form []byte, ok bool) {
	head, form, ok = c.encoder.Event(e, chunked, w)
	switch {
	case !ok && c.backlog.len() == 0:
		c.backlog.set([]*hub.Event{e})
		return nil, nil, false
	case !ok:
		return nil, nil, false
	case c.backlog.len() > 0:
		backlog := c.backlog.all()
		backlog[0] = nil // or it would stay as long as the others
		c.backlog.set(backlog[1:])
	}
	if e.Kind() == hub.KindReset {
		c.engine.stats.reset(e.Reason())
	}
	switch id := e.ID(); {
	case e.Kind() == hub.KindReset && e.Stream() != "":
		// It concerns one stream, and the position stays.
	case e.Kind() == hub.KindReset:
		c.move(hub.ID{})
	case e.IsLast():
		c.streams = c.streams.without(e.Stream())
	case id.IsZero():
		// A status that the hub tells by itself has no place in the timeline.
	case id.Epoch() != c.written.Epoch() || id.Seq() > c.written.Seq():
		c.move(id) // a status at the beginning may be older
	}
	if e.Kind() == hub.KindData && form != nil {
		c.documents++
		c.announced = e.ID() == c.written
	}
	return head, form, true
}

// move notes another position of the client, which it does not know yet.
func (c *Client) move(to hub.ID) {
	if to != c.written {
		c.written, c.announced = to, false
	}
}

// announce returns the position of the client if the client does not know it, and notes
// that it does now. Otherwise it returns the zero ID. Within a backlog there is no
// position: the client may have a later event of one stream, and still lack an earlier
// one of another.
func (c *Client) announce() hub.ID {
	if c.backlog.len() > 0 || c.subscription.Position().IsZero() {
		return hub.ID{}
	}
	if c.written.IsZero() {
		c.move(c.subscription.Position()) // the hub did not know it when the client came
	}
	if c.announced {
		return hub.ID{}
	}
	c.announced = true
	return c.written
}
