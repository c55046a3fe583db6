package natslog

import (
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// counters only rise.
type counters struct {
	conflicts  atomic.Uint64
	epochs     atomic.Uint64
	foreign    atomic.Uint64
	rebuilt    atomic.Uint64
	remembered atomic.Uint64
	trimmed    atomic.Uint64

	mu     sync.Mutex
	took   time.Duration
	stored uint64
	failed map[Failure]uint64
}

// Failure is why an event was not stored.
type Failure string

// The failures.
const (
	Full        Failure = "full"
	Unavailable Failure = "unavailable"
	Refused     Failure = "refused"
)

// appended counts an attempt to store an event.
func (c *counters) appended(took time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.stored++
		c.took += took
		return
	case c.failed == nil:
		c.failed = make(map[Failure]uint64)
	}
	switch {
	case errors.Is(err, hub.ErrLogFull):
		c.failed[Full]++
	case errors.Is(err, hub.ErrLogUnavailable):
		c.failed[Unavailable]++
	default:
		c.failed[Refused]++
	}
}

// Stats is what a log has counted since New.
type Stats struct {
	Stored     uint64             // events stored
	StoreTime  time.Duration      // how long that took in all
	Failed     map[Failure]uint64 // events not stored
	Remembered uint64             // events that went on in memory
	Conflicts  uint64             // attempts that were refused because of another publisher
	Skipped    uint64             // messages that are not of Pollux, or broken
	Rebuilt    uint64             // how often the reader had to begin again
	Epochs     uint64             // epochs begun, in JetStream and in memory
	Trims      uint64             // requests to remove old events
}

// Stats returns the counters.
func (l *Log) Stats() Stats {
	c := &l.counters
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Stored: c.stored, StoreTime: c.took, Failed: maps.Clone(c.failed),
		Remembered: c.remembered.Load(), Conflicts: c.conflicts.Load(), Skipped: c.foreign.Load(),
		Rebuilt: c.rebuilt.Load(), Epochs: c.epochs.Load(), Trims: c.trimmed.Load(),
	}
}
