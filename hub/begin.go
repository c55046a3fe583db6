package hub

// beginLocked replaces the history of a stream. Subscribers that miss something of it are
// told. The caller holds Hub.mu.
func (h *Hub) beginLocked(begin Beginning) {
	s := h.streams.load(begin.Stream)
	if s == nil {
		return // it was removed, or the key has ended
	}
	before := s.history.extent()
	s.history.clear()
	s.history.markLostUpTo(begin.Lost)
	for _, e := range begin.Events {
		s.history.add(e)
	}
	h.budget.changed(s, before)
	s.setStatus(begin.Status)
	if n := len(begin.Events); n > 0 && s.family != nil {
		h.recordKeyLocked(s, begin.Events[n-1])
	}
	if !s.pending {
		h.lacking = append(h.lacking, lack{s, begin.Lost})
	}
	s.pending = false
	for _, f := range h.followers {
		f.looks, f.behind = true, true // what begins did not come as an event
	}
}
