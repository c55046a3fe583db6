package hub

import (
	"maps"
	"slices"
	"sync/atomic"
)

// counters only rise.
type counters struct {
	published  atomic.Uint64
	subscribed atomic.Uint64
	refused    atomic.Uint64
	resumed    atomic.Uint64
	slow       atomic.Uint64
	gaps       atomic.Uint64

	evicted, otherEpoch, ahead, invalid atomic.Uint64
}

func (c *counters) reset(reason Reason) {
	switch reason {
	case ReasonEvicted:
		c.evicted.Add(1)
	case ReasonEpoch:
		c.otherEpoch.Add(1)
	case ReasonAhead:
		c.ahead.Add(1)
	case ReasonInvalid:
		c.invalid.Add(1)
	}
}

// Stats is what a hub counted since New, and what it holds now.
type Stats struct {
	Epoch       string // "" before the first event
	Subscribers int    // open subscriptions

	Published  uint64 // documents that became part of history
	Subscribed uint64 // subscriptions begun
	Refused    uint64 // subscriptions refused with ErrFull
	Resumed    uint64 // subscriptions that resumed after their last event
	Slow       uint64 // subscriptions ended with ErrSlow
	Gaps       uint64 // jumps in the log

	Resets map[Reason]uint64 // subscriptions that could not resume

	Streams []StreamStats // sorted by name
}

// StreamStats is the part of one stream in Stats.
type StreamStats struct {
	Name         string
	Subscribers  int    // open subscriptions to this stream
	Events       uint64 // documents since New
	HistoryLen   int    // events kept
	HistoryBytes int    // their encoded size
	LastEventID  ID     // of the newest document; zero before the first
}

// Stats returns the counters and sizes of the moment. Each figure is exact; two
// of them need not be of the same instant.
func (h *Hub) Stats() Stats {
	c := &h.counters
	stats := Stats{
		Subscribers: int(h.subscribers.Load()),
		Published:   c.published.Load(),
		Subscribed:  c.subscribed.Load(),
		Refused:     c.refused.Load(),
		Resumed:     c.resumed.Load(),
		Slow:        c.slow.Load(),
		Gaps:        c.gaps.Load(),
		Resets: map[Reason]uint64{
			ReasonEvicted: c.evicted.Load(),
			ReasonEpoch:   c.otherEpoch.Load(),
			ReasonAhead:   c.ahead.Load(),
			ReasonInvalid: c.invalid.Load(),
		},
	}
	streams := h.streams.load()
	stats.Streams = make([]StreamStats, 0, len(streams))
	h.mu.RLock()
	defer h.mu.RUnlock()
	stats.Epoch = h.epoch
	for _, name := range slices.Sorted(maps.Keys(streams)) {
		s := streams[name]
		one := StreamStats{
			Name:         name,
			Subscribers:  int(s.subscribers.Load()),
			Events:       s.events,
			HistoryLen:   len(s.history.events),
			HistoryBytes: s.history.bytes,
		}
		if newest := s.history.newest(); newest != nil {
			one.LastEventID = newest.id
		}
		stats.Streams = append(stats.Streams, one)
	}
	return stats
}
