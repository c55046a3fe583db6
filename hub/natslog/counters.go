package natslog

import (
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/polluxhub/pollux/hub"
)

// counters only rise.
type counters struct {
	conflicts  atomic.Uint64
	superseded atomic.Uint64
	epochs     atomic.Uint64
	failures   atomic.Uint64
	missing    atomic.Uint64
	foreign    atomic.Uint64
	broken     atomic.Uint64
	rebuilt    atomic.Uint64
	remembered atomic.Uint64
	trimmed    atomic.Uint64

	mu      sync.Mutex
	took    time.Duration
	stored  uint64
	refused map[hub.LogRefusal]uint64
}

// noRefusals has each reason, so that its counter exists from the start.
func noRefusals() map[hub.LogRefusal]uint64 {
	return map[hub.LogRefusal]uint64{
		hub.LogRefusedFull: 0, hub.LogRefusedUnavailable: 0, hub.LogRefusedTooLarge: 0, hub.LogRefusedCanceled: 0,
	}
}

// appended counts an event that was stored.
func (c *counters) appended(took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stored++
	c.took += took
}

// refuse counts an event that Append refuses, and returns the error.
func (c *counters) refuse(err error) error {
	reason := hub.LogRefusedCanceled
	switch {
	case errors.Is(err, hub.ErrLogFull):
		reason = hub.LogRefusedFull
	case errors.Is(err, hub.ErrLogUnavailable):
		reason = hub.LogRefusedUnavailable
	case errors.Is(err, hub.ErrTooLarge):
		reason = hub.LogRefusedTooLarge
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused[reason]++
	return err
}

// extent is how far a life reaches, as far as is known.
type extent struct {
	last     uint64 // the newest message that the stream has
	told     uint64 // the newest one that Tail has told
	messages uint64
	bytes    uint64
}

// stretch notes the state of the stream.
func (l *Log) stretch(one *life, state jetstream.StreamState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one.extent.last = max(one.extent.last, state.LastSeq)
	one.extent.messages, one.extent.bytes = state.Msgs, state.Bytes
}

// grow notes a message that was stored.
func (l *Log) grow(one *life, seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one.extent.last = max(one.extent.last, seq)
}

// reach notes how far a life has been told.
func (l *Log) reach(one *life, told uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one.extent.told = told
	one.extent.last = max(one.extent.last, told)
}

// Stats returns what the log has counted. Lag, messages and bytes are at most as old as
// watchEvery, and 0 while nothing reads the log.
func (l *Log) Stats() hub.LogStats {
	c := &l.counters
	stats := hub.LogStats{
		Remembered: c.remembered.Load(), Failures: c.failures.Load(), Conflicts: c.conflicts.Load(), Superseded: c.superseded.Load(),
		Missing: c.missing.Load(), Foreign: c.foreign.Load(), Broken: c.broken.Load(),
		Rebuilt: c.rebuilt.Load(), Epochs: c.epochs.Load(), Trims: c.trimmed.Load(),
	}
	c.mu.Lock()
	stats.Appended, stats.AppendTime, stats.Refused = c.stored, c.took, maps.Clone(c.refused)
	c.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now != nil && l.now.life != nil {
		at := l.now.life.extent
		stats.Stored, stats.Lag, stats.Messages, stats.Bytes = true, at.last-at.told, at.messages, at.bytes
	}
	return stats
}
