package hub

import (
	"slices"
	"time"
)

// wish is where a subscription is to begin.
type wish struct {
	// Of somebody who comes.
	asked  SubscribeOptions
	id     ID     // what LastEventID says
	reason Reason // why that is no ID; "" if it is one, or empty

	// Of somebody who goes on.
	epoch string
	rest  *plan // nil: somebody who comes
}

func (h *Hub) newWish(opts SubscribeOptions) wish {
	w := wish{asked: opts}
	if opts.LastEventID != "" {
		w.id, w.reason = choose(opts.LastEventID, h.Position())
	}
	return w
}

// plan is what a subscription is still to be told of what lies behind it.
type plan struct {
	told    uint64    // everything up to here it was told already
	floor   uint64    // documents up to here are not wanted
	bounds  []uint64  // likewise for each topic; nil: of a fresh one, the newest alone is wanted
	changes uint64    // freshness that changed behind this is told, even where it is live
	since   time.Time // and freshness that changed from then on, if not zero
	fresh   bool      // a stream of which nothing was told may begin with its newest document
}

// bound returns behind which sequence number a topic's documents are to be told of.
func (h *Hub) bound(p *plan, topics []topic, i int) uint64 {
	bound := max(p.told, p.floor)
	switch {
	case p.bounds != nil:
		bound = max(bound, p.bounds[i])
	case p.fresh:
		bound = max(bound, h.beforeNewest(topics[i]))
	}
	return bound
}

// of returns the plan for some of the old topics, in the same order.
func (p *plan) of(old, topics []topic) *plan {
	if p.bounds == nil {
		return p
	}
	part := *p
	part.bounds = make([]uint64, 0, len(topics))
	for i := 0; len(part.bounds) < len(topics); i++ {
		if old[i].stream.name == topics[len(part.bounds)].stream.name {
			part.bounds = append(part.bounds, p.bounds[i])
		}
	}
	return &part
}

// tells reports whether the plan has a stream's freshness in it.
func (p *plan) tells(status *Event) bool {
	return status.id.seq > p.told &&
		(status.state != Live || status.id.seq > p.changes || !p.since.IsZero() && !status.time.Before(p.since))
}

// begin returns what a subscription gets before its channel, notices in front, and
// what remains for the next one; nil if nothing does. It sets how far that reaches.
//
// The caller holds the lock of the subscriber's group. So an event that is in
// history has not been broadcast to the group since, or is still to come and
// will be known by its number; one that is not will be broadcast after the
// subscriber has joined.
func (h *Hub) begin(s *Subscription, wish wish, notices []*Event) (events []*Event, rest *plan) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	s.epoch, s.after, s.position = h.epoch, h.head, h.head
	if h.epoch == "" {
		asked := wish.asked // a copy, so that nobody else pays for its being kept
		s.early, s.needRare().asked = true, &asked
		return notices, nil
	}
	var p plan
	var reason Reason
	switch {
	case wish.rest != nil:
		if p, reason = h.goOn(s.topics, wish); reason != "" {
			h.counters.losses.Add(1)
		}
	case wish.asked.LastEventID != "":
		if p, reason = h.missed(s.topics, wish); reason != "" {
			h.counters.reset(reason)
		} else {
			h.counters.resumed.Add(1)
		}
	case !wish.asked.Since.IsZero():
		p, reason = h.since(s.topics, wish.asked.Since)
	default:
		p = h.newest()
	}
	if reason != "" {
		notices = append(notices, resets[reason])
	}
	bounds := p.bounds
	events, whole := h.fill(notices, s.topics, &p)
	if !whole {
		if p.fresh && bounds == nil { // to be written down, because what is the newest changes
			for _, t := range s.topics {
				bounds = append(bounds, h.beforeNewest(t))
			}
		}
		rest = &plan{told: p.told, floor: p.floor, bounds: bounds, changes: p.changes, since: p.since, fresh: p.fresh}
	}
	return events, rest
}

// newest returns the plan of somebody who begins with the newest document of each
// stream.
func (h *Hub) newest() plan { return plan{changes: h.head, fresh: true} }

// beforeNewest returns the bound that only the newest document is behind.
func (h *Hub) beforeNewest(t topic) uint64 {
	if e := t.stream.history.newest(); e != nil {
		return e.id.seq - 1
	}
	return h.head
}

// missed returns the plan of somebody who resumes after an ID, or why that cannot
// be. A Last-Event-ID says only which documents a client has, so it is told of all
// freshness that is not live.
func (h *Hub) missed(topics []topic, wish wish) (plan, Reason) {
	reason := wish.reason
	switch {
	case reason != "":
	case wish.id.epoch != h.epoch:
		reason = ReasonEpoch
	case wish.id.seq > h.head:
		reason = ReasonAhead
	case slices.ContainsFunc(topics, func(t topic) bool { return t.stream.history.evicted > wish.id.seq }):
		reason = ReasonEvicted
	default:
		return plan{floor: wish.id.seq, changes: wish.id.seq}, ""
	}
	return h.newest(), reason
}

// since returns the plan of somebody who wants what is kept from a time on, at
// least the newest document of each stream, and says if there was more.
func (h *Hub) since(topics []topic, at time.Time) (plan, Reason) {
	bounds, reason := make([]uint64, 0, len(topics)), Reason("")
	for _, t := range topics {
		events, all := t.stream.history.from(at)
		if !all {
			reason = ReasonEvicted
		}
		if len(events) > 0 {
			bounds = append(bounds, events[0].id.seq-1)
		} else {
			bounds = append(bounds, h.beforeNewest(t))
		}
	}
	return plan{bounds: bounds, changes: h.head, since: at}, reason
}

// goOn returns the plan of somebody who was there already, or why what comes next
// is gone.
func (h *Hub) goOn(topics []topic, wish wish) (plan, Reason) {
	if wish.epoch != h.epoch {
		return h.newest(), ReasonEpoch
	}
	p := *wish.rest
	p.bounds = slices.Clone(p.bounds) // the subscription may be resumed another time, if this one fails
	for i, t := range topics {
		if t.stream.history.evicted <= h.bound(&p, topics, i) {
			continue
		}
		if !p.fresh || p.bounds[i] < p.told {
			return h.newest(), ReasonEvicted
		}
		p.bounds[i] = h.beforeNewest(t)
	}
	return p, ""
}
