package hub

// ahead is a position of a subscriber that this hub has not read yet, in a log that other
// hubs read too.
type ahead struct {
	seq   uint64
	heads uint64 // Hub.heads when the subscription began
}

// waitLocked makes a subscription wait for the position with which it begins. It gets
// nothing before that. The caller holds Hub.mu and the lock of the group.
func (h *Hub) waitLocked(s *Subscription, from startPoint) {
	asked := from.asked // a copy, so that from need not be allocated otherwise
	s.early, s.epoch, s.position, s.after = true, "", 0, noPosition
	s.ensureRare().asked, s.rare.ahead = &asked, &ahead{from.id.seq, h.heads}
	h.waiting.Add(1)
}

// isAhead reports whether a subscriber begins with a position that the log may have given
// out, and that this hub has not read yet. The caller holds Hub.mu.
func (h *Hub) isAhead(from startPoint) bool {
	return h.opts.Shared && from.rest == nil && from.reason == "" && !from.refuted &&
		from.id.epoch == h.epoch && from.id.seq > h.head
}

// endWaiting ends, with ErrGap, the subscriptions that wait for a position that has been
// read now, and those whose position the log has never given out: its head is earlier, and
// it has told that twice since they began, so one of the two heads is younger than they
// are. Resume begins them.
func (h *Hub) endWaiting(head ID) {
	if h.waiting.Load() == 0 {
		return
	}
	h.mu.RLock()
	at, heads := h.head, h.heads
	h.mu.RUnlock()
	for _, g := range h.groups.load() {
		g.mu.Lock()
		g.endAllLocked(gap, func(s *Subscription) bool {
			if s.rare == nil || s.rare.ahead == nil {
				return false
			}
			wanted := s.rare.ahead
			s.rare.refuted = wanted.seq > at && !head.IsZero() && wanted.seq > head.seq && heads >= wanted.heads+2
			return wanted.seq <= at || s.rare.refuted
		})
		g.mu.Unlock()
	}
}
