package hub

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// counters only rise.
type counters struct {
	published  atomic.Uint64
	subscribed atomic.Uint64
	resumed    atomic.Uint64
	losses     atomic.Uint64
	slow       atomic.Uint64
	gaps       atomic.Uint64

	evicted, otherEpoch, ahead, invalid, skipped atomic.Uint64
}

func (c *counters) reset(reason ResetReason) {
	switch reason {
	case ReasonEvicted:
		c.evicted.Add(1)
	case ReasonEpoch:
		c.otherEpoch.Add(1)
	case ReasonAhead:
		c.ahead.Add(1)
	case ReasonInvalid:
		c.invalid.Add(1)
	case ReasonSkipped:
		c.skipped.Add(1)
	}
}

// Stats is what a hub has counted since New, and what it holds now.
type Stats struct {
	Epoch        string // "" before the log has told it
	Subscribers  int    // subscriptions that were neither closed nor resumed
	HistoryBytes int    // size of the events kept for all streams

	Published  uint64 // documents that became part of history
	Subscribed uint64 // subscriptions begun with Subscribe
	Resumed    uint64 // those of them that continued after their LastEventID
	Slow       uint64 // subscriptions that ended because their channel was full
	Losses     uint64 // resets from Resume, because the next event was gone
	Gaps       uint64 // how often the log lost events or began a new epoch

	// Subscriptions that did not get every event after their LastEventID. One that was
	// told of evicted and of skipped documents counts as ReasonEvicted.
	Resets map[ResetReason]uint64

	Streams []StreamStats // sorted by name; all keys of a stream are one of them
}

// StreamStats is the part of one stream in Stats.
type StreamStats struct {
	Name         string
	Subscribers  int    // subscriptions to this stream that were neither closed nor resumed; for each key one
	Events       uint64 // documents since New
	Skipped      uint64 // documents left out for subscribers because a newer one followed; of a key, those of all keys
	HistoryLen   int    // events kept
	HistoryBytes int    // their size

	// Of the newest document; zero before the first.
	LastEventID   ID
	LastEventTime time.Time

	// Of a stream with keys, whose other figures are those of all its keys together.
	Keys      int    // keys that exist
	Watched   int    // those of them that somebody listens to
	EndedIdle uint64 // keys that ended because nobody had listened for KeyOptions.Idle
	EndedRoom uint64 // keys that ended earlier, because of Max or IdleBytes
}

// Stats returns the current counters and sizes. Each figure is exact; two of them
// need not be of the same instant.
func (h *Hub) Stats() Stats {
	c := &h.counters
	stats := Stats{
		Subscribers: int(h.subscribers.Load()),
		Published:   c.published.Load(),
		Subscribed:  c.subscribed.Load(),
		Resumed:     c.resumed.Load(),
		Slow:        c.slow.Load(),
		Losses:      c.losses.Load(),
		Gaps:        c.gaps.Load(),
		Resets: map[ResetReason]uint64{
			ReasonEvicted: c.evicted.Load(),
			ReasonEpoch:   c.otherEpoch.Load(),
			ReasonAhead:   c.ahead.Load(),
			ReasonInvalid: c.invalid.Load(),
			ReasonSkipped: c.skipped.Load(),
		},
	}
	set := h.set.Load()
	stats.Streams = make([]StreamStats, 0, len(set.plain)+len(set.keyed))
	h.mu.RLock()
	defer h.mu.RUnlock()
	stats.Epoch, stats.HistoryBytes = h.epoch, h.budget.bytes
	for _, s := range set.plain {
		stats.Streams = append(stats.Streams, s.statsLocked())
	}
	for _, f := range set.keyed {
		stats.Streams = append(stats.Streams, f.statsLocked())
	}
	slices.SortFunc(stats.Streams, func(a, b StreamStats) int { return strings.Compare(a.Name, b.Name) })
	return stats
}

// StreamStats returns the statistics of a plain stream, of all keys of a stream
// together, or of one key. The error is ErrUnknownStream if there is no such stream or
// the key does not exist now.
func (h *Hub) StreamStats(name string) (StreamStats, error) {
	name = streamName(name)
	s, f := h.streams.load(name), h.set.Load().keyed[name]
	if s == nil && f == nil {
		return StreamStats{}, unknownStream(name)
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	if s == nil {
		return f.statsLocked(), nil
	}
	return s.statsLocked(), nil
}

// Status returns what the newest status of a stream, or of a key, says. It is zero if there
// is none. It takes no lock.
func (h *Hub) Status(name string) Status {
	s := h.streams.load(streamName(name))
	if s == nil {
		return Status{}
	}
	newest := s.said.Load()
	if newest == nil {
		return Status{}
	}
	return parseStatus(newest.data)
}

// Bounds returns how many events of a stream, or of a key, are kept, and how many bytes. Of a
// stream with keys they are those of each key. They are 0 if there is no such stream, or its
// pattern does not match the key.
func (h *Hub) Bounds(name string) (events, bytes int) {
	name = streamName(name)
	s, f, err := h.find(name)
	if own := h.set.Load().keyed[name]; own != nil {
		f, err = own, nil
	}
	switch {
	case err != nil:
		return 0, 0
	case s == nil:
		o := f.options.Load()
		return o.History, o.HistoryBytes
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return s.history.maxEvents, s.history.maxBytes
}

// statsLocked returns the statistics of one stream. The caller holds Hub.mu.
func (s *stream) statsLocked() StreamStats {
	one := StreamStats{
		Name:         s.name,
		Subscribers:  int(s.subscribers.Load()),
		Events:       s.events,
		Skipped:      s.rules.skipped.Load(),
		HistoryLen:   len(s.history.events),
		HistoryBytes: s.history.bytes,
	}
	if newest := s.history.newest(); newest != nil {
		one.LastEventID, one.LastEventTime = newest.id, newest.time
	}
	return one
}
