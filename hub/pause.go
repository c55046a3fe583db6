package hub

// Pause is for an owner that cannot handle events for a while. It ends the
// subscription and takes back the events in its channel, which would be kept in memory
// although history may have evicted them. Err is then ErrSlow, and Resume continues
// before these events. If the channel is open and its events have atMost bytes or
// fewer, Pause does nothing and returns false. The same is true if the subscription has
// ended for another reason than ErrSlow.
func (s *Subscription) Pause(atMost int) bool {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	if s.ended != open && s.ended != slow || s.epoch == "" {
		return false
	}
	var events []*Event
	size := 0
	for range len(s.events) {
		e := <-s.events // does not wait: only the caller receives
		events = append(events, e)
		size += e.size
	}
	if s.ended == open && size <= atMost {
		for _, e := range events {
			s.events <- e // does not wait: only the holder of the lock sends
		}
		return false
	}
	s.endLocked(slow)
	s.takeBackLocked(events)
	return true
}

// takeBackLocked makes the subscription continue before events that were in its
// channel. Resume cannot find the last statuses of removed streams, so they are kept.
func (s *Subscription) takeBackLocked(events []*Event) {
	first := true
	for _, e := range events {
		switch {
		case e.id.IsZero():
			s.ensureRare().notices = append(s.ensureRare().notices, e)
		case first:
			s.after, first = e.id.seq-1, false
		}
	}
}
