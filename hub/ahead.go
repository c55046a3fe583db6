package hub

import "slices"

// ahead is a position of a subscriber that this hub has not read yet, in a log that other
// hubs read too; or 0 for one that waits for the history of its streams alone.
type ahead struct {
	seq   uint64
	heads uint64 // Hub.heads when the subscription began
}

// waitLocked makes a subscription wait for the position with which it begins, if it is
// ahead, and for the histories of its streams. It gets nothing before that. The caller holds
// Hub.mu and the lock of the group.
func (h *Hub) waitLocked(s *Subscription, from startPoint, isAhead bool) {
	rare := s.ensureRare()
	rare.ahead = &ahead{heads: h.heads}
	if isAhead {
		rare.ahead.seq = from.id.seq
	}
	s.early, s.after = true, noPosition
	if from.rest != nil {
		s.epoch, s.position, rare.rest = from.epoch, noPosition, from.rest
	} else {
		asked := from.asked // a copy, so that from need not be allocated otherwise
		s.epoch, s.position, rare.asked = "", 0, &asked
	}
	h.waiting.Add(1)
}

// isAhead reports whether a subscriber begins with a position that the log may have given
// out, and that this hub has not read yet. The caller holds Hub.mu.
func (h *Hub) isAhead(from startPoint) bool {
	return h.opts.Shared && from.rest == nil && from.reason == "" && !from.refuted &&
		from.id.epoch == h.epoch && from.id.seq > h.head
}

// isPendingLocked reports whether the history of one of the streams is still to come. The
// caller holds Hub.mu.
func (h *Hub) isPendingLocked(topics []topic) bool {
	return h.opts.Beginnings && slices.ContainsFunc(topics, func(t topic) bool { return t.stream.pending })
}

// endWaiting ends, with ErrGap, the subscriptions that wait for a position that has been
// read now, and those whose position the log has never given out: its head is earlier, and
// it has told that twice since they began, so one of the two heads is younger than they
// are. The histories of their streams are there. Resume begins them.
func (h *Hub) endWaiting(head ID) {
	if h.waiting.Load() == 0 {
		return
	}
	for _, g := range h.groups.load() {
		g.mu.Lock()
		h.mu.RLock()
		g.endAllLocked(gap, func(s *Subscription) bool {
			if s.rare == nil || s.rare.ahead == nil || h.isPendingLocked(s.topics()) {
				return false
			}
			wanted := s.rare.ahead
			s.rare.refuted = wanted.seq > h.head && !head.IsZero() && wanted.seq > head.seq && h.heads >= wanted.heads+2
			return wanted.seq <= h.head || s.rare.refuted
		})
		h.mu.RUnlock()
		g.mu.Unlock()
	}
}
