package hub

// The bounds of one replay. A subscriber that is to get more gets it in several
// portions. So no lock is held longer than a portion takes, and a slow subscriber
// keeps little of an old history alive.
const (
	replayEvents = 256
	replayBytes  = 1 << 20
)

// portion bounds one replay, which always has at least one event.
type portion struct {
	events int
	bytes  int
}

// fill appends the first portion of the plan for the topics to events, in the order
// of the timeline, and notes in the plan how far that reaches. Earlier elements of
// events do not count. It returns false if there is more. The caller holds Hub.mu.
func (h *Hub) fill(events []*Event, topics []topic, p *plan) (filled []*Event, whole bool) {
	var space [inlineCursors]cursor
	sources := cursors(space[:0])
	for i, t := range topics {
		if list := t.stream.history.after(h.bound(p, topics, i)); len(list) > 0 {
			sources = append(sources, cursor{list[0], list[1:]})
		}
		if e := t.stream.status; e != nil && p.includes(e) {
			sources = append(sources, cursor{e, nil})
		}
	}
	sources.order()
	count, size := 0, 0
	for len(sources) > 0 {
		e := sources[0].next
		size += e.size
		if count == h.portion.events || count > 0 && size > h.portion.bytes {
			return events, false
		}
		count++
		events, p.replayed = append(events, e), e.id.seq
		sources = sources.advance()
	}
	return events, true
}

// inlineCursors is the number of sources that are merged without allocating. Most
// subscribers have one stream.
const inlineCursors = 8

// cursor is one source of events, in order.
type cursor struct {
	next *Event
	rest []*Event
}

// cursors is a heap: the first one has the next event.
type cursors []cursor

// order makes the list a heap.
func (c cursors) order() {
	for i := len(c)/2 - 1; i >= 0; i-- {
		c.down(i)
	}
}

// advance removes the first event.
func (c cursors) advance() cursors {
	if rest := c[0].rest; len(rest) > 0 {
		c[0] = cursor{rest[0], rest[1:]}
	} else {
		last := len(c) - 1
		c[0], c = c[last], c[:last]
	}
	c.down(0)
	return c
}

func (c cursors) down(i int) {
	for {
		first := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(c); child++ {
			if c[child].next.id.seq < c[first].next.id.seq {
				first = child
			}
		}
		if first == i {
			return
		}
		c[i], c[first] = c[first], c[i]
		i = first
	}
}
