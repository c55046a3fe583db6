package hub

import (
	"cmp"
	"slices"
)

// skip is what a replay leaves out of one stream.
type skip struct {
	documents uint64
	evicted   bool // there were more, which are no longer kept, so their number is unknown
}

// reset returns the event that says so, before the newest document of the stream.
func (k skip) reset(s *Subscription, stream string) *Event {
	if k.evicted {
		return newStreamReset(ReasonEvicted, stream, s.several, 0)
	}
	return newStreamReset(ReasonSkipped, stream, s.several, k.documents)
}

// leaveOut changes the plan so that of a stream whose policy says so only the newest of
// the missed documents is replayed. It returns the resets that say how many documents
// are left out, and whether any of them was evicted. For a subscription with several
// streams, a stream of which documents were evicted is treated the same way, whatever its
// policy, so that the other streams go on undisturbed. The caller holds Hub.mu. The
// comment of plan has an example.
func (h *Hub) leaveOut(s *Subscription, p *plan) (resets []*Event, reason ResetReason) {
	if !p.since.IsZero() || p.fromNewest {
		return nil, "" // history is what was asked for; nothing was missed
	}
	for i, t := range s.topics() {
		policy, missed := t.stream.rules.policy.asked(s.replayMode), t.stream.history.after(h.bound(p, s.topics(), i))
		begins := p.begins(i)
		k := skip{evicted: !begins && h.misses(p, s.topics(), i)}
		switch {
		case k.evicted && len(missed) == 0:
			wantsAll := policy.replay == ReplayAll
			p.setStart(s.topics(), i, start{after: h.known(t), anew: wantsAll})
			if !wantsAll {
				continue // who has the newest document has what it wants, whatever was lost since
			}
		case k.evicted:
			p.setStart(s.topics(), i, h.startAnew(t))
		case policy.skips(missed):
			p.setStart(s.topics(), i, start{after: h.beforeNewest(t), anew: begins})
		default:
			continue
		}
		switch {
		case begins:
			continue
		case k.evicted:
			reason = ReasonEvicted
		default:
			k.documents = uint64(len(missed) - 1)
			t.stream.rules.skipped.Add(k.documents)
			reason = cmp.Or(reason, ReasonSkipped)
		}
		resets = append(resets, k.reset(s, t.stream.name))
	}
	return resets, reason
}

// setStart sets where one topic starts, and leaves the others.
func (p *plan) setStart(topics []topic, i int, at start) {
	if p.starts == nil {
		p.starts = slices.Repeat([]start{{after: p.floor}}, len(topics))
	}
	p.starts[i] = at
}

// Conflates reports whether a document of some stream of the subscription may be left
// out because a newer one of the stream exists. A subscription that replays history,
// because it was asked for with Since, does not conflate.
func (s *Subscription) Conflates() bool { return s.conflates }

// Newest returns events, which the subscriber has in this order from Replay and Events
// and has not handled, without the documents that may be left out because a newer one
// follows. A reset that says how many were left out stands before each such newer
// document. It belongs to the owner of the subscription.
//
// For example, documents of a may be left out, those of b may not. The numbers are
// sequence numbers.
//
//	a1 b2 a3 a4            ->  b2 reset(a, 2 skipped) a4
//	a1 reset(a, 7) a9 a10  ->  reset(a, 9 skipped) a10
//	a1 reset a5 a6         ->  reset reset(a, 1 skipped) a6
//
// In the second line, a replay had already left out 7 documents before a9. In the third
// line, the reset that concerns all streams stands for everything before it.
//
// size is the size of the events that no newer one can replace, in bytes.
func (s *Subscription) Newest(events []*Event) (list []*Event, size int) {
	state := s.stateStreams()
	type kept struct {
		skip  skip
		stale bool // the newest document stands before a reset that concerns all streams
	}
	newest := map[string]*kept{}
	keep := make([]bool, len(events))
	global := false
	for i, e := range slices.Backward(events) {
		k := newest[e.stream]
		switch {
		case e.kind == KindReset && e.stream == "":
			keep[i], global = true, true
		case e.kind == KindReset && k == nil:
			keep[i] = true // its document comes with a later replay
		case e.kind == KindReset:
			if !global {
				k.skip.documents += e.skipped
				k.skip.evicted = k.skip.evicted || e.reason == ReasonEvicted
			}
		case e.kind == KindStatus || state[e.stream] == nil:
			keep[i], size = true, size+e.size
		case k == nil:
			keep[i], newest[e.stream] = true, &kept{stale: global}
		case !global || k.stale:
			k.skip.documents++
			state[e.stream].skipped.Add(1)
		}
	}
	for i, e := range events {
		if !keep[i] {
			continue
		}
		if k := newest[e.stream]; k != nil && e.kind == KindData && k.skip != (skip{}) {
			list = append(list, k.skip.reset(s, e.stream))
		}
		list = append(list, e)
	}
	return list, size
}

// stateStreams returns the streams of the subscription of which documents may be left
// out.
func (s *Subscription) stateStreams() map[string]*rules {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	h := s.group.hub
	h.mu.RLock()
	defer h.mu.RUnlock()
	streams := map[string]*rules{}
	for _, t := range s.topics() {
		if s.conflates && t.stream.rules.policy.asked(s.replayMode).replay != ReplayAll {
			streams[t.stream.name] = t.stream.rules
		}
	}
	return streams
}
