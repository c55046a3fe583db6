package hub

import (
	"slices"
	"time"
)

// startPoint says where a subscription begins.
type startPoint struct {
	// For a new subscriber.
	asked  SubscribeOptions
	id     ID          // that LastEventID names
	reason ResetReason // why it names none; "" if it names one or is empty

	refuted bool // a log that other hubs read too has never given out id

	// For a subscription that is resumed.
	epoch   string
	rest    *plan    // nil for a new subscriber
	notices []*Event // of streams that were removed earlier
}

func (h *Hub) newStartPoint(opts SubscribeOptions) startPoint {
	from := startPoint{asked: opts}
	if !opts.LastEventID.IsZero() {
		head := h.Position()
		if h.opts.Shared {
			head.seq = noPosition // whatever the log may have given out
		}
		from.id, from.reason = opts.LastEventID.choose(head)
	}
	return from
}

// plan says which events of the history a subscription still has to get.
//
// For example, the history of the streams a and b is a1 b2 a3 b4 a5, where the numbers
// are sequence numbers, and a subscription has both streams.
//
//   - It resumes after 2: floor is 2, and it gets a3 b4 a5. If the first portion ends
//     with b4, replayed becomes 4, and the next portion is a5.
//   - It is new: fromNewest is set, and starts is nil. So it starts after 4 in a and after
//     3 in b, just before the newest documents, and gets b4 a5. If the first portion ends
//     with b4, begin stores these starts, and replayed is 4. Once a6 has been published,
//     the next portion is a5 a6: starts computed then would leave out a5.
//   - It resumes after 2, and b is fresh: it starts after 2 in a and after 3 in b.
//   - It resumes after 2, and a has the policy ReplayLatest: leaveOut makes it start after
//     4 in a and after 2 in b. It gets a reset that says that one document of a was left
//     out, and then b4 a5.
type plan struct {
	replayed    uint64    // every event up to this sequence number was replayed
	floor       uint64    // documents up to this sequence number are not wanted, if starts is nil
	starts      []start   // where each topic starts; nil: at floor, or see fromNewest
	statusAfter uint64    // a status after this sequence number is wanted even if it is live
	since       time.Time // and a status from this time on, if not zero
	fromNewest  bool      // no portion was replayed, and each topic starts with its newest document
}

// start says which documents of a topic are wanted.
type start struct {
	after uint64 // those after this sequence number
	anew  bool   // the first event is the newest of the stream, see plan.begins
	known uint64 // what was lost up to this sequence number is no loss, or the subscriber was told
}

// startAnew returns the start with the newest document.
func (h *Hub) startAnew(t topic) start { return start{h.beforeNewest(t), true, h.known(t)} }

// known returns the sequence number up to which a subscriber knows of each loss that it is told
// now. A log may say that something is lost before it comes there.
func (h *Hub) known(t topic) uint64 { return max(h.head, t.stream.history.evicted) }

// begins reports whether a topic begins anew, and none of its documents was replayed yet.
// Then it may begin with a newer document than planned, without a reset.
func (p *plan) begins(i int) bool {
	return p.fromNewest || p.starts != nil && p.starts[i].anew && p.starts[i].after >= p.replayed
}

// misses reports whether a subscriber misses a wanted document of a topic, because history
// does not have it any more, or the log has lost it.
func (h *Hub) misses(p *plan, topics []topic, i int) bool {
	known := h.bound(p, topics, i)
	if p.starts != nil {
		known = max(known, p.starts[i].known)
	}
	return topics[i].stream.history.evicted > known
}

// bound returns the sequence number after which documents of a topic are wanted.
func (h *Hub) bound(p *plan, topics []topic, i int) uint64 {
	switch {
	case p.starts != nil:
		return max(p.replayed, p.starts[i].after)
	case p.fromNewest:
		return h.beforeNewest(topics[i])
	default:
		return max(p.replayed, p.floor)
	}
}

// of returns the plan for some of the old topics, in the same order.
func (p *plan) of(old, topics []topic) *plan {
	if p.starts == nil {
		return p
	}
	part := *p
	part.starts = make([]start, 0, len(topics))
	for i := 0; len(part.starts) < len(topics); i++ {
		if old[i].stream.name == topics[len(part.starts)].stream.name {
			part.starts = append(part.starts, p.starts[i])
		}
	}
	return &part
}

// includes reports whether a status of a stream is wanted.
func (p *plan) includes(status *Event) bool {
	return status.id.seq > p.replayed &&
		(status.marked || status.id.seq > p.statusAfter || !p.since.IsZero() && !status.time.Before(p.since))
}

// begin returns the events that a subscription gets before those of its channel,
// after the notices, and what remains for the next replay, or nil. It sets the
// position of the subscription.
//
// The caller holds the lock of the subscriber's group. So an event that is in history
// was broadcast to the group before, or will be, and is then known by its number. An
// event that is not in history will be broadcast after the subscriber has joined.
func (h *Hub) begin(s *Subscription, from startPoint, notices []*Event) (events []*Event, rest *plan) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	s.epoch, s.after, s.position = h.epoch, h.head, h.head
	if h.epoch == "" {
		asked := from.asked // a copy, so that from need not be allocated otherwise
		s.early, s.ensureRare().asked = true, &asked
		return notices, nil
	}
	if isAhead := h.isAhead(from); isAhead || h.isPendingLocked(s.topics()) {
		h.waitLocked(s, from, isAhead)
		return h.addStatuses(notices, s.topics(), from), nil
	}
	var p plan
	var reason ResetReason
	switch {
	case from.rest != nil:
		p, reason = h.planRest(s, from)
	case !from.asked.LastEventID.IsZero():
		p, reason = h.planAfterID(s, from)
	case !from.asked.Since.IsZero():
		p, reason = h.planSince(s.topics(), from.asked.Since)
	default:
		p = h.planNewest()
	}
	if reason == "" {
		var resets []*Event
		resets, reason = h.leaveOut(s, &p)
		notices = append(notices, resets...)
	} else {
		notices = append(notices, resets[reason])
	}
	notices = h.addStatuses(notices, s.topics(), from)
	h.countStart(from, reason)
	s.conflates = p.since.IsZero() && slices.ContainsFunc(s.topics(), func(t topic) bool {
		return t.stream.rules.policy.asked(s.replayMode).replay != ReplayAll
	})
	events, whole := notices, false
	if !from.asked.Later {
		events, whole = h.fill(notices, s.topics(), &p)
	}
	if !whole {
		h.fixStarts(s.topics(), &p)
		remaining := p // a copy, so that p need not be allocated otherwise
		rest = &remaining
	}
	return events, rest
}

// fixStarts notes where each topic starts: its newest document changes before the next
// portion, see plan.
func (h *Hub) fixStarts(topics []topic, p *plan) {
	if !p.fromNewest {
		return
	}
	p.fromNewest, p.starts = false, make([]start, len(topics))
	for i, t := range topics {
		p.starts[i] = h.startAnew(t)
	}
}

// countStart counts how a subscription begins.
func (h *Hub) countStart(from startPoint, reason ResetReason) {
	switch {
	case from.rest != nil:
		if reason != "" && reason != ReasonSkipped {
			h.counters.losses.Add(1)
		}
	case from.asked.LastEventID.IsZero():
	case reason != "":
		h.counters.reset(reason)
	default:
		h.counters.resumed.Add(1)
	}
}

// planNewest returns the plan that begins with the newest document of each stream.
func (h *Hub) planNewest() plan { return plan{statusAfter: h.head, fromNewest: true} }

// beforeNewest returns the bound after which there is only the newest document.
func (h *Hub) beforeNewest(t topic) uint64 {
	if e := t.stream.history.newest(); e != nil {
		return e.id.seq - 1
	}
	return h.head
}

// planAfterID returns the plan to resume after an ID, or why that is impossible and
// the plan to begin anew. A Last-Event-ID says only which documents a client has, so
// each status that is not live is wanted. Of a fresh stream it has nothing, so that
// begins with its newest document, which may be older than the ID.
func (h *Hub) planAfterID(s *Subscription, from startPoint) (plan, ResetReason) {
	topics := s.topics()
	reason, fresh := from.reason, from.asked.Fresh
	switch {
	case reason != "":
	case from.id.epoch != h.epoch:
		reason = ReasonEpoch
	case from.id.seq > h.head:
		reason = ReasonAhead
	case !s.several && topics[0].stream.history.evicted > from.id.seq && !isFresh(fresh, topics[0]):
		reason = ReasonEvicted // for several, see leaveOut
	case len(fresh) == 0:
		return plan{floor: from.id.seq, statusAfter: from.id.seq}, ""
	default:
		starts := make([]start, len(topics))
		for i, t := range topics {
			if isFresh(fresh, t) {
				starts[i] = h.startAnew(t)
			} else {
				starts[i].after = from.id.seq
			}
		}
		return plan{starts: starts, statusAfter: from.id.seq}, ""
	}
	return h.planNewest(), reason
}

// isFresh reports whether a topic is one of the fresh streams.
func isFresh(fresh []string, t topic) bool {
	return slices.ContainsFunc(fresh, func(name string) bool { return streamName(name) == t.stream.name })
}

// planSince returns the plan for the events that are kept from a time on, and at
// least the newest document of each stream. The reason is ReasonEvicted if there were
// more.
func (h *Hub) planSince(topics []topic, at time.Time) (plan, ResetReason) {
	starts, reason := make([]start, len(topics)), ResetReason("")
	for i, t := range topics {
		events, all := t.stream.history.from(at)
		if !all {
			reason = ReasonEvicted
		}
		if len(events) > 0 {
			starts[i].after = events[0].id.seq - 1
		} else {
			starts[i].after = h.beforeNewest(t)
		}
	}
	return plan{starts: starts, statusAfter: h.head, since: at}, reason
}

// planRest returns the plan for a subscription that is resumed, or why the next event
// is gone and the plan to begin anew.
func (h *Hub) planRest(s *Subscription, from startPoint) (plan, ResetReason) {
	if from.epoch != h.epoch {
		p := h.planNewest()
		p.statusAfter = 0 // it was told the state of another epoch, which may have been a worse one
		return p, ReasonEpoch
	}
	p := *from.rest
	p.starts = slices.Clone(p.starts) // if this fails, the subscription may be resumed again
	for i, t := range s.topics() {
		switch {
		case !h.misses(&p, s.topics(), i):
		case p.begins(i):
			p.starts[i] = h.startAnew(t)
		case !s.several || !p.since.IsZero():
			return h.planNewest(), ReasonEvicted
		}
	}
	return p, ""
}
