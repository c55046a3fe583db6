package hub

// Demand tells how many clients listen to a stream. Its methods do not wait.
type Demand interface {
	// Listeners returns how many clients listen now.
	Listeners() int

	// Changed returns a channel that can be received from, because it holds a
	// value or because it was closed, as soon as Listeners has become 0, or more
	// than 0, after the call. The number changes before the channel does, so a
	// caller that calls Changed before Listeners misses no change. The channel may
	// also hold a value without a change, but not again and again.
	//
	// It may be one channel with room for one value, or a channel that is closed
	// and replaced by another.
	Changed() <-chan struct{}
}

// Demand returns the demand for a plain stream, for the use of one goroutine. It is
// valid as long as the hub has the stream. For keys see [Hub.Keys].
func (h *Hub) Demand(name string) (Demand, error) {
	s := h.streams.load(streamName(name))
	if s == nil || s.family != nil {
		return nil, unknownStream(name)
	}
	return demand{s}, nil
}

type demand struct{ stream *stream }

func (d demand) Listeners() int           { return int(d.stream.subscribers.Load()) }
func (d demand) Changed() <-chan struct{} { return d.stream.demand }

// enter counts a subscriber of a stream. It returns false for a key that has ended. A
// subscriber enters its streams before it joins them, and leaves them after it has left
// their lists: so nobody is on a list of a stream without subscribers.
func (h *Hub) enter(s *stream) bool {
	for {
		n := s.subscribers.Load()
		if n < 0 {
			return false
		}
		if s.subscribers.CompareAndSwap(n, n+1) {
			h.entered(s, n+1)
			return true
		}
	}
}

// entered notes the number of subscribers after one has entered.
func (h *Hub) entered(s *stream, n int64) {
	if s.family != nil {
		s.family.subscribers.Add(1)
	}
	if n == 1 {
		h.demandChanged(s)
	}
}

// leave takes a subscriber from the count.
func (h *Hub) leave(s *stream) {
	n := s.subscribers.Add(-1)
	if s.family != nil {
		s.family.subscribers.Add(-1)
	}
	if n == 0 {
		h.demandChanged(s)
	}
}

func (h *Hub) leaveAll(topics []topic) {
	for _, t := range topics {
		h.leave(t.stream)
	}
}

// demandChanged tells that the first subscriber came, or that the last one left.
func (h *Hub) demandChanged(s *stream) {
	if s.family != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.settleLocked(s)
		return
	}
	select {
	case s.demand <- struct{}{}:
	default: // the last value has not been received yet
	}
}
