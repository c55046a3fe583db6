package hub

import (
	"cmp"
	"slices"
)

// replay returns what a subscriber of the topics gets before its channel, given
// that everything up to sequence number upTo of the epoch was broadcast to its
// shard, and the sequence number up to which it needs nothing any more.
func (h *Hub) replay(topics []topic, lastEventID, epoch string, upTo uint64) (replay []*Event, after uint64) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if epoch != h.epoch {
		upTo = 0 // the shard has seen nothing of this epoch yet
	}
	if lastEventID != "" {
		missed, after, reason := h.missed(topics, lastEventID, upTo)
		if reason == "" {
			h.counters.resumed.Add(1)
			return missed, max(after, upTo)
		}
		h.counters.reset(reason)
		replay = append(replay, resets[reason])
	}
	for _, t := range topics {
		if e := t.stream.history.newest(upTo); e != nil {
			replay = append(replay, e)
		}
		if e := t.stream.status; e != nil && e.state != Live && e.id.seq <= upTo {
			replay = append(replay, e)
		}
	}
	sortByID(replay)
	return replay, upTo
}

// missed returns the events between lastEventID and upTo, or the reason why it
// cannot.
func (h *Hub) missed(topics []topic, lastEventID string, upTo uint64) (missed []*Event, after uint64, reason Reason) {
	id, err := ParseID(lastEventID)
	switch {
	case err != nil:
		return nil, 0, ReasonInvalid
	case id.epoch != h.epoch:
		return nil, 0, ReasonEpoch
	case id.seq > h.head:
		return nil, 0, ReasonAhead
	}
	for _, t := range topics {
		events, whole := t.stream.history.between(id.seq, upTo)
		if !whole {
			return nil, 0, ReasonEvicted
		}
		missed = append(missed, events...)
		if e := t.stream.status; e != nil && e.id.seq <= upTo && (e.state != Live || e.id.seq > id.seq) {
			missed = append(missed, e)
		}
	}
	sortByID(missed)
	return missed, id.seq, ""
}

// sortByID brings events of several streams into the order of the timeline. A
// reset has no ID and stays in front.
func sortByID(events []*Event) {
	slices.SortStableFunc(events, func(a, b *Event) int { return cmp.Compare(a.id.seq, b.id.seq) })
}
