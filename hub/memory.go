package hub

import (
	"context"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// The most that a MemoryLog keeps for a Tail. The hub keeps the history, so the log
// needs to bridge only a moment.
const (
	memoryLogEvents = 1024
	memoryLogBytes  = 16 << 20
)

// MemoryLog is the [Log] of a single process. It has one epoch. It keeps the newest
// 1,024 events, or fewer if these take 16 MiB or more, but always one. While a Tail
// runs, no event is dropped before it was emitted: Append waits instead.
//
// A MemoryLog starts no goroutine and need not be closed.
type MemoryLog struct {
	epoch string
	brief bool // an event is dropped when each Tail has emitted it: the reader keeps its own history

	mu      sync.Mutex
	seq     uint64          // of the newest event
	kept    []*Event        // oldest first; the newest has sequence number seq, unless none is kept
	bytes   int             // sum of the kept events' sizes
	recent  []memorySubject // of the newest 1,024 events at most, oldest first
	tails   map[*memoryTail]struct{}
	changed chan struct{} // closed and replaced when there is a new event, or room for one
	untold  bool          // there is a new event since
}

// memorySubject is what a message supersedes another one by.
type memorySubject struct {
	stream string
	kind   Kind
}

// memoryTail is one running Tail.
type memoryTail struct {
	next uint64 // sequence number of the next event to emit; written only by Tail
}

var _ BatchLog = (*MemoryLog)(nil)

// newBriefLog returns the log of a hub that nobody else reads.
func newBriefLog() *MemoryLog {
	l := NewMemoryLog()
	l.brief = true
	return l
}

// NewMemoryLog returns an empty log with a new epoch.
func NewMemoryLog() *MemoryLog {
	id := uuid.New()
	return &MemoryLog{
		epoch:   hex.EncodeToString(id[8:]), // the half without the UUID's version
		tails:   make(map[*memoryTail]struct{}),
		changed: make(chan struct{}),
	}
}

// Append implements [Log].
func (l *MemoryLog) Append(ctx context.Context, m Message) (ID, error) { return l.append(ctx, m, true) }

// AppendAll implements [BatchLog]. It wakes each Tail once, behind the last message,
// unless it has to wait for room.
func (l *MemoryLog) AppendAll(ctx context.Context, list []Message) ([]ID, error) {
	ids := make([]ID, 0, len(list))
	for i, m := range list {
		id, err := l.append(ctx, m, i == len(list)-1)
		if err != nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.signalLocked()
			return ids, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// append stores a message, and tells every Tail unless there is more to come.
func (l *MemoryLog) append(ctx context.Context, m Message, last bool) (ID, error) {
	if err := m.Check(); err != nil {
		return ID{}, err // before it waits or makes room
	}
	for {
		l.mu.Lock()
		if err := ctx.Err(); err != nil {
			l.mu.Unlock()
			return ID{}, err
		}
		if !l.makeRoomLocked() {
			if l.untold {
				l.signalLocked()
			}
			changed := l.changed
			l.mu.Unlock()
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		event, err := NewEvent(ID{l.epoch, l.seq + 1}, time.Now(), m)
		if err == nil && l.isSupersededLocked(event, m.Seen) {
			err = ErrSuperseded
		}
		if err != nil {
			l.mu.Unlock()
			return ID{}, err
		}
		l.seq++
		l.kept = append(l.kept, event)
		l.bytes += event.size
		if len(l.recent) >= memoryLogEvents {
			l.recent = l.recent[1:]
		}
		l.recent = append(l.recent, memorySubject{event.stream, event.kind})
		if l.untold = true; last {
			l.signalLocked()
		}
		l.mu.Unlock()
		return event.id, nil
	}
}

// isSupersededLocked reports whether there is, or may have been, a message of the stream and
// kind of an event behind a position.
func (l *MemoryLog) isSupersededLocked(e *Event, seen ID) bool {
	if seen.IsZero() || seen.epoch == l.epoch && seen.seq >= l.seq {
		return false
	}
	newer := l.seq - seen.seq
	if seen.epoch != l.epoch || newer > uint64(len(l.recent)) {
		return true
	}
	return slices.Contains(l.recent[len(l.recent)-int(newer):], memorySubject{e.stream, e.kind})
}

// makeRoomLocked drops old events until there is room for another one. It returns
// false if one of them has not been emitted yet.
func (l *MemoryLog) makeRoomLocked() bool {
	for l.isFullLocked() {
		if !l.isEmittedLocked(l.kept[0]) {
			return false
		}
		l.dropLocked()
	}
	return true
}

// isFullLocked reports whether an event has to be dropped before there can be another one.
func (l *MemoryLog) isFullLocked() bool {
	return len(l.kept) > 0 && (len(l.kept) >= memoryLogEvents || l.bytes >= memoryLogBytes)
}

// isEmittedLocked reports whether each Tail has emitted an event.
func (l *MemoryLog) isEmittedLocked(e *Event) bool {
	for tail := range l.tails {
		if tail.next <= e.id.seq {
			return false
		}
	}
	return true
}

// dropLocked drops the oldest event.
func (l *MemoryLog) dropLocked() {
	l.bytes -= l.kept[0].size
	l.kept[0] = nil
	l.kept = l.kept[1:]
}

func (l *MemoryLog) signalLocked() {
	l.untold = false
	close(l.changed)
	l.changed = make(chan struct{})
}

// Tail implements [Log].
func (l *MemoryLog) Tail(ctx context.Context, emit func(Batch) error) error {
	const maxBatch = 256
	events := make([]*Event, 0, maxBatch)

	l.mu.Lock()
	tail := &memoryTail{next: l.seq + 1 - uint64(len(l.kept))}
	l.tails[tail] = struct{}{}
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.tails, tail)
		l.signalLocked()
		l.mu.Unlock()
	}()

	for first := true; ; first = false {
		l.mu.Lock()
		pending := l.kept[len(l.kept)-int(l.seq+1-tail.next):]
		events = append(events[:0], pending[:min(len(pending), maxBatch)]...)
		changed := l.changed
		l.mu.Unlock()

		if len(events) == 0 && !first {
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(events) == 0 && !first {
			continue
		}
		if err := emit(Batch{After: ID{l.epoch, tail.next - 1}, Events: events}); err != nil {
			return err
		}
		taken := uint64(len(events))
		clear(events) // or it would keep dropped events alive
		l.mu.Lock()
		tail.next += taken
		if l.isFullLocked() {
			l.signalLocked() // an Append may be waiting for room
		}
		for l.brief && len(l.kept) > 0 && l.isEmittedLocked(l.kept[0]) {
			l.dropLocked()
		}
		l.mu.Unlock()
	}
}
