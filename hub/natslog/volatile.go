package natslog

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// volatileEvents is how many events a timeline in memory keeps, beside the newest of each
// subject, for a Tail that lags.
const volatileEvents = 1024

// volatile is a timeline in memory. It begins with the newest documents of the one before.
type volatile struct {
	epoch string
	begun uint64 // the sequence up to which events are only repeated

	mu      sync.Mutex
	seq     uint64
	newest  map[string]latest // by stream and kind
	events  []*hub.Event      // the newest ones, oldest first
	lost    uint64            // events up to this sequence are no longer in events
	changed chan struct{}     // closed and replaced when there is a new event
}

// newVolatile returns an empty timeline with a new epoch.
func newVolatile() *volatile {
	random := make([]byte, 8)
	rand.Read(random) // never fails, see package crypto/rand
	return &volatile{epoch: hex.EncodeToString(random), newest: make(map[string]latest), changed: make(chan struct{})}
}

// add appends an event.
func (v *volatile) add(prefix string, m hub.Message, at time.Time) (hub.ID, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	id, err := hub.NewID(v.epoch, v.seq+1)
	if err != nil {
		return hub.ID{}, err
	}
	e, err := hub.NewEvent(id, at, m)
	if err != nil {
		return hub.ID{}, err
	}
	v.seq++
	v.newest[subjectOf(prefix, e)] = latest{e, m.Status}
	v.events = append(v.events, e)
	if len(v.events) > 2*volatileEvents+len(v.newest) {
		drop := len(v.events) - volatileEvents
		v.lost = v.events[drop-1].ID().Seq()
		v.events = slices.Clone(v.events[drop:])
	}
	close(v.changed)
	v.changed = make(chan struct{})
	return id, nil
}

// subjectOf returns the subject of an event.
func subjectOf(prefix string, e *hub.Event) string {
	kind := documentKind
	if e.Kind() == hub.KindStatus {
		kind = statusKind
	}
	return subject{kind, e.Stream()}.text(prefix)
}

// subjectFor returns the subject of a message.
func subjectFor(prefix string, m hub.Message) string {
	kind, stream := documentKind, m.Stream
	if m.Status != nil {
		kind = statusKind
	}
	if stream == "" {
		stream = hub.DefaultStream
	}
	return subject{kind, stream}.text(prefix)
}

// after returns the batch after a sequence, and a channel that is closed when there is
// more. If events in between are no longer kept, the batch has the newest of each subject.
func (v *volatile) after(seq uint64) (hub.Batch, <-chan struct{}, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var batch hub.Batch
	if seq < v.lost {
		for _, one := range v.newest {
			batch.Events = append(batch.Events, one.event)
			if one.status == nil {
				batch.Lost = append(batch.Lost, hub.Loss{Stream: one.event.Stream(), UpTo: one.event.ID().Seq() - 1})
			}
		}
		slices.SortFunc(batch.Events, bySequence)
		batch.Events = slices.DeleteFunc(batch.Events, func(e *hub.Event) bool { return e.ID().Seq() <= seq })
	} else {
		at, _ := slices.BinarySearchFunc(v.events, seq+1, func(e *hub.Event, seq uint64) int { return int(e.ID().Seq()) - int(seq) })
		batch.Events = slices.Clone(v.events[at:])
	}
	var err error
	batch.After, err = hub.NewID(v.epoch, seq)
	return batch, v.changed, err
}

func bySequence(a, b *hub.Event) int { return int(a.ID().Seq()) - int(b.ID().Seq()) }

// all returns the newest of each subject, in order.
func (v *volatile) all() []latest {
	v.mu.Lock()
	defer v.mu.Unlock()
	list := slices.Collect(maps.Values(v.newest))
	slices.SortFunc(list, func(a, b latest) int { return bySequence(a.event, b.event) })
	return list
}

// fresh returns what is newer than what the timeline began with, without the statuses that
// only say that nothing is stored.
func (v *volatile) fresh() []latest {
	return slices.DeleteFunc(v.all(), func(one latest) bool {
		return one.event.ID().Seq() <= v.begun || one.status != nil && one.status.Error == hub.ErrorNotStored
	})
}

// tail emits the events of a timeline in memory until it has ended.
func (l *Log) tailMemory(ctx context.Context, now *timeline, emit func(hub.Batch) error) error {
	at, first := uint64(0), true
	for {
		batch, changed, err := now.memory.after(at)
		if err != nil {
			return err
		}
		if len(batch.Events) > 0 || first {
			if err := emit(batch); err != nil {
				return &emitError{err}
			}
			first = false
			if n := len(batch.Events); n > 0 {
				at = batch.Events[n-1].ID().Seq()
			}
		}
		select {
		case <-changed:
		case <-now.ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
