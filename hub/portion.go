package hub

// What one replay holds at most. Who has more to get gets it in several, and
// between them others come to their turn. So no lock is held longer than a portion
// takes, and a subscriber that takes its time keeps little of an old history alive.
const (
	replayEvents = 256
	replayBytes  = 1 << 20
)

// portion bounds one replay. One event is always in it.
type portion struct {
	events int
	bytes  int
}

// fill appends the beginning of what the plan has for the topics to events, which
// count nothing, in the order of the timeline, and notes in the plan how far that
// goes. It reports false if there is more. The caller holds Hub.mu.
func (h *Hub) fill(events []*Event, topics []topic, p *plan) (filled []*Event, whole bool) {
	var space [few]cursor
	sources := cursors(space[:0])
	for i, t := range topics {
		if list := t.stream.history.behind(h.bound(p, topics, i)); len(list) > 0 {
			sources = append(sources, cursor{list[0], list[1:]})
		}
		if e := t.stream.status; e != nil && p.tells(e) {
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
		events, p.told = append(events, e), e.id.seq
		sources = sources.advance()
	}
	return events, true
}

// few is how many sources of events need no memory to be merged. Most subscribers
// have one stream.
const few = 8

// cursor is one source of events, in order.
type cursor struct {
	next *Event
	rest []*Event
}

// cursors are a heap: the first one has the event that comes next.
type cursors []cursor

// order makes a heap of any list.
func (c cursors) order() {
	for i := len(c)/2 - 1; i >= 0; i-- {
		c.down(i)
	}
}

// advance goes on to the event behind the first one.
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
