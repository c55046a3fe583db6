package hub

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// What a client of the model gets when it joins or resumes.

// newcomer returns the events for a client that joins, and the reason of a reset.
func (m *model) newcomer(c *modelClient) (told []modelEvent, reason ResetReason) {
	c.begins(false)
	c.later = c.asked.Later
	if !c.asked.LastEventID.IsZero() {
		var id ID
		if id, reason = m.position(c.asked.LastEventID.String()); reason == "" {
			for _, name := range c.names {
				c.lost[name] = m.streams[name].evicted > id.seq && !c.isFresh(name)
				if c.lost[name] && !c.several() {
					reason = ReasonEvicted
				}
			}
		}
		if reason == "" {
			for _, name := range c.names {
				s := m.streams[name]
				c.begin[name] = id.seq
				if c.isFresh(name) {
					c.begin[name], c.fresh[name], c.known[name] = m.beforeNewest(s), true, m.seq
				}
				for _, e := range s.kept {
					if e.seq > c.begin[name] {
						told = append(told, e)
					}
				}
				if e := s.status; e.seq > 0 && (e.state != Live || e.seq > id.seq) {
					told = append(told, e)
				}
			}
			return m.leaveOut(c, told), ""
		}
		m.resets[reason]++
	} else if since := c.asked.Since; !since.IsZero() {
		c.begins(true)
		for _, name := range c.names {
			s := m.streams[name]
			var kept []modelEvent
			whole := s.evicted == 0
			for _, e := range s.kept {
				if !modelTime(e.seq).Before(since) {
					kept = append(kept, e)
				} else if e.seq >= s.evicted {
					whole = true
				}
			}
			if e, ok := s.newest(); ok && len(kept) == 0 {
				kept = append(kept, e)
			}
			c.begin[name] = m.seq
			if len(kept) > 0 {
				c.begin[name] = kept[0].seq - 1
			}
			told = append(told, kept...)
			if !whole {
				reason = ReasonEvicted
			}
			if e := s.status; e.seq > 0 && (e.state != Live || !modelTime(e.seq).Before(since)) {
				told = append(told, e)
			}
		}
		return told, reason
	}
	return m.newest(c), reason
}

// isFresh reports whether a client asked for a stream of which it has nothing.
func (c *modelClient) isFresh(name string) bool { return slices.Contains(c.asked.Fresh, name) }

// begins has a client begin without knowing where in each stream.
func (c *modelClient) begins(since bool) {
	c.begin, c.known, c.since = make(map[string]uint64), make(map[string]uint64), since
	c.fresh, c.lost = make(map[string]bool), make(map[string]bool)
}

// hasNothing reports whether a client got no document of a stream yet.
func (c *modelClient) hasNothing(name string) bool { return c.fresh[name] && c.begin[name] >= c.told }

// beforeNewest returns the bound after which a stream has only its newest document.
func (m *model) beforeNewest(s *modelStream) uint64 {
	if e, ok := s.newest(); ok {
		return e.seq - 1
	}
	return m.seq
}

// newest returns the events for a client that begins with the newest documents.
func (m *model) newest(c *modelClient) (told []modelEvent) {
	c.begins(false)
	for _, name := range c.names {
		s := m.streams[name]
		c.begin[name], c.fresh[name], c.known[name] = m.seq, true, m.seq
		if e, ok := s.newest(); ok {
			told = append(told, e)
			c.begin[name] = e.seq - 1
		}
		if s.status.seq > 0 && s.status.state != Live {
			told = append(told, s.status)
		}
	}
	return told
}

// position returns the meaning of a Last-Event-ID.
func (m *model) position(text string) (best ID, reason ResetReason) {
	reason = ReasonInvalid
	for part := range strings.SplitSeq(text, ",") {
		id, err := ParseID(strings.TrimSpace(part))
		switch {
		case err != nil:
		case id.epoch != m.epoch():
			if reason == ReasonInvalid {
				reason = ReasonEpoch
			}
		case id.seq > m.seq:
			if reason != "" {
				reason = ReasonAhead
			}
		default:
			if reason != "" || id.seq > best.seq {
				best, reason = id, ""
			}
		}
	}
	return best, reason
}

// goesOn returns the events for a client that resumes its subscription.
func (m *model) goesOn(c *modelClient) (told []modelEvent, reason ResetReason) {
	if c.epoch == "" {
		return m.newcomer(c)
	}
	c.later = false
	lose := func(reason ResetReason) ([]modelEvent, ResetReason) {
		m.losses++
		return m.newest(c), reason
	}
	if c.epoch != m.epoch() {
		told, reason = lose(ReasonEpoch)
		for _, name := range c.names { // it was told the states of another epoch
			if e := m.streams[name].status; e.seq > 0 && e.state == Live {
				told = append(told, e)
			}
		}
		return told, reason
	}
	for _, name := range c.names {
		s := m.streams[name]
		gone := slices.ContainsFunc(c.pending, func(e modelEvent) bool { return e.stream == name && e.state == "" && !s.has(e) })
		has := max(c.begin[name], c.told)
		if c.lost[name] = s.evicted > max(has, c.known[name]); !c.fresh[name] && !c.since && !c.another[name] {
			c.lost[name] = s.evicted > c.head || gone
		}
		from, again := c.head, gone || c.lost[name]
		switch {
		case !again:
		case c.lost[name] && !c.hasNothing(name):
			if c.since || !c.several() {
				return lose(ReasonEvicted)
			}
			from = has
		case c.lost[name]: // none of its documents was replayed, so it begins with the newest one
			c.begin[name], c.known[name] = m.beforeNewest(s), m.seq
			from, c.lost[name] = max(c.begin[name], c.told), false
		default:
			from = has
		}
		if again {
			c.pending = slices.DeleteFunc(c.pending, func(e modelEvent) bool { return e.stream == name && e.state == "" })
		}
		for _, e := range s.kept {
			if e.seq > from {
				told = append(told, e)
			}
		}
		if s.status.seq > c.head {
			told = append(told, s.status)
		}
	}
	for _, e := range c.pending {
		s := m.streams[e.stream]
		switch {
		case !slices.Contains(c.names, e.stream):
		case e.state == "" && !s.has(e):
			panic(fmt.Sprintf("%+v was lost unseen", e))
		case e.state == "" || s.status == e: // a status that has changed since is not replayed
			told = append(told, e)
		}
	}
	if !c.since {
		told = m.leaveOut(c, told)
	}
	return told, ""
}

func (c *modelClient) several() bool { return len(c.asked.Streams) > 1 }

// replay returns what a client gets of the documents of a stream that it missed.
func (m *model) replay(c *modelClient, name string) Replay {
	if c.asked.Replay != ReplayDefault {
		return c.asked.Replay
	}
	return cmp.Or(m.streams[name].rules.Replay, ReplayAll)
}

// leaveOut returns told without the documents that are left out of it, and with the
// resets that say so. It counts the client as resumed, or not.
func (m *model) leaveOut(c *modelClient, told []modelEvent) []modelEvent {
	reason := ResetReason("")
	for _, name := range c.names {
		s, size := m.streams[name], 0
		var missed []modelEvent
		for _, e := range told {
			if e.stream == name && e.state == "" {
				missed, size = append(missed, e), size+e.data
			}
		}
		begins := !c.resumes && c.fresh[name] || c.hasNothing(name)
		if c.lost[name] && len(missed) == 0 && m.replay(c, name) != ReplayAll {
			c.lost[name], c.begin[name], c.fresh[name] = false, m.seq, false // it has the newest document
		}
		evicted, skips := c.lost[name], false
		switch m.replay(c, name) {
		case ReplayDefault, ReplayAll:
		case ReplayAuto:
			skips = len(missed) > 1 && (len(missed) > s.rules.ReplayEvents || size > s.rules.ReplayBytes)
		case ReplayLatest:
			skips = len(missed) > 1
		}
		if !skips && !evicted {
			continue
		}
		told = slices.DeleteFunc(told, func(e modelEvent) bool { return e.stream == name && e.state == "" })
		c.begin[name], c.fresh[name], c.known[name] = m.seq, begins || evicted, 0
		if evicted {
			c.known[name] = m.seq
		}
		if e, ok := s.newest(); ok && len(missed) > 0 {
			told = append(told, e)
			c.begin[name] = e.seq - 1
		}
		switch {
		case begins:
		case evicted:
			reason, told = ReasonEvicted, append(told, modelEvent{stream: name, reset: ReasonEvicted})
		default:
			if reason == "" {
				reason = ReasonSkipped
			}
			m.countSkipped(name, len(missed)-1)
			told = append(told, modelEvent{stream: name, reset: ReasonSkipped, skipped: len(missed) - 1})
		}
	}
	switch {
	case c.resumes && reason == ReasonEvicted:
		m.losses++
	case c.resumes:
	case reason == "":
		m.resumed++
	default:
		m.resets[reason]++
	}
	return told
}
