package hub

import (
	"cmp"
	"slices"
	"time"
)

// What one replay holds at most. Who missed more gets it in several: each but
// the last comes with a subscription that has already ended as slow. So a
// subscriber that takes its time keeps little of an old history alive.
const (
	replayEvents = 256
	replayBytes  = 1 << 20
)

// replay returns what a subscriber of the topics gets before its channel, and the
// sequence number up to which it needs nothing any more. It reports false if
// there is more to replay.
//
// The caller holds the lock of the subscriber's group. So an event that is in
// history has not been broadcast to the group since, or is still to come and
// will be known by its number; one that is not will be broadcast after the
// subscriber has joined.
func (h *Hub) replay(topics []topic, opts SubscribeOptions) (replay []*Event, after uint64, whole bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if !opts.After.IsZero() || opts.LastEventID != "" {
		id, reason := opts.After, Reason("")
		if id.IsZero() {
			var err error
			if id, err = ParseID(opts.LastEventID); err != nil {
				reason = ReasonInvalid
			}
		}
		if reason == "" {
			replay, reason = h.missed(topics, id, !opts.After.IsZero())
		}
		if reason == "" {
			h.counters.resumed.Add(1)
			first := limit(replay)
			return first, h.head, len(first) == len(replay)
		}
		h.counters.reset(reason)
		replay = append(replay, resets[reason])
	} else if !opts.Since.IsZero() {
		replay = h.kept(topics, opts.Since)
		first := limit(replay)
		return first, h.head, len(first) == len(replay)
	}
	for _, t := range topics {
		if e := t.stream.history.newest(); e != nil {
			replay = append(replay, e)
		}
		if e := t.stream.status; e != nil && e.state != Live {
			replay = append(replay, e)
		}
	}
	sortByID(replay)
	return replay, h.head, true
}

// missed returns the events behind id, or the reason why it cannot. Who was told
// everything up to id is not told an older status again; a Last-Event-ID says
// only which documents a client has.
func (h *Hub) missed(topics []topic, id ID, toldAll bool) (missed []*Event, reason Reason) {
	switch {
	case id.epoch != h.epoch:
		return nil, ReasonEpoch
	case id.seq > h.head:
		return nil, ReasonAhead
	}
	for _, t := range topics {
		events, whole := t.stream.history.since(id.seq)
		if !whole {
			return nil, ReasonEvicted
		}
		missed = append(missed, some(events)...)
		if e := t.stream.status; e != nil && (e.id.seq > id.seq || e.state != Live && !toldAll) {
			missed = append(missed, e)
		}
	}
	sortByID(missed)
	return missed, ""
}

// kept returns what is kept of the streams from the given time on, at least the
// newest of each, behind a reset if there was more.
func (h *Hub) kept(topics []topic, since time.Time) (kept []*Event) {
	whole := true
	for _, t := range topics {
		events, all := t.stream.history.from(since)
		if e := t.stream.history.newest(); len(events) == 0 && e != nil {
			events = []*Event{e}
		}
		kept, whole = append(kept, some(events)...), whole && all
		if e := t.stream.status; e != nil && (e.state != Live || !e.time.Before(since)) {
			kept = append(kept, e)
		}
	}
	if !whole {
		h.counters.reset(ReasonEvicted)
		kept = append(kept, resets[ReasonEvicted])
	}
	sortByID(kept)
	return kept
}

// some returns the beginning of what is to be replayed of one stream: one event
// more than a replay holds, so that limit sees that there is more.
func some(events []*Event) []*Event { return events[:min(len(events), replayEvents+1)] }

// limit returns the beginning of a replay, as much as one may hold.
func limit(replay []*Event) []*Event {
	size := 0
	for i, e := range replay {
		size += e.size()
		if i == replayEvents || i > 0 && size > replayBytes {
			return slices.Clone(replay[:i])
		}
	}
	return replay
}

// sortByID brings events of several streams into the order of the timeline. A
// reset has no ID and stays in front.
func sortByID(events []*Event) {
	byID := func(a, b *Event) int { return cmp.Compare(a.id.seq, b.id.seq) }
	if !slices.IsSortedFunc(events, byID) {
		slices.SortStableFunc(events, byID)
	}
}
