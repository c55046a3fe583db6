package natslog

import (
	"errors"
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
