package lease_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/polluxhub/pollux/hub/natslog/lease"
)

var errCut = errors.New("cut off")

// store is a Store in memory, which many nodes share.
type store struct {
	mu       sync.Mutex
	revision uint64
	entries  map[string]lease.Entry
	changed  chan struct{}
	history  []lease.Entry
}

func newStore() *store {
	return &store{entries: map[string]lease.Entry{}, changed: make(chan struct{})}
}

// wipe removes everything, as a bucket that is made anew.
func (s *store) wipe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries, s.revision, s.history = map[string]lease.Entry{}, 0, nil
	s.signalLocked()
}

func (s *store) signalLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// access is the store as one node reaches it.
type access struct {
	*store
	mu     sync.Mutex
	cut    chan struct{} // closed while the node cannot reach the store
	healed chan struct{} // closed when it can again
	late   time.Duration // how long each request takes
	deaf   bool          // requests are done, but their answers are lost
	mute   chan struct{} // closed when watches have to tell nothing any more, but those that begin later
	begun  int           // how many watches have begun
}

func (s *store) access() *access {
	return &access{store: s, cut: make(chan struct{}), mute: make(chan struct{})}
}

// separate makes the node unable to reach the store, or able again.
func (a *access) separate(cut bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-a.cut:
		if !cut {
			a.cut = make(chan struct{})
			close(a.healed)
		}
	default:
		if cut {
			a.healed = make(chan struct{})
			close(a.cut)
		}
	}
}

func (a *access) set(late time.Duration, deaf bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.late, a.deaf = late, deaf
}

// stall makes the present watch tell nothing any more.
func (a *access) stall() {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.mute)
	a.mute = make(chan struct{})
}

// watched returns how often the node has begun to watch the store.
func (a *access) watched() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.begun
}

// travel waits as long as a request takes.
func (a *access) travel(ctx context.Context) (deaf bool, err error) {
	a.mu.Lock()
	cut, late, deaf := a.cut, a.late, a.deaf
	a.mu.Unlock()
	select {
	case <-cut:
		a.mu.Lock()
		healed := a.healed
		a.mu.Unlock()
		select {
		case <-healed:
		case <-ctx.Done():
		}
		return deaf, errCut
	default:
	}
	timer := time.NewTimer(late)
	defer timer.Stop()
	select {
	case <-timer.C:
		return deaf, nil
	case <-ctx.Done():
		return deaf, ctx.Err()
	}
}

func (a *access) Put(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	deaf, err := a.travel(ctx)
	if err != nil {
		return 0, err
	}
	s := a.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[key].Revision != revision {
		return 0, lease.ErrConflict
	}
	s.revision++
	e := lease.Entry{Key: key, Value: value, Revision: s.revision}
	s.entries[key] = e
	s.history = append(s.history, e)
	s.signalLocked()
	if deaf {
		return 0, errCut
	}
	return s.revision, nil
}

func (a *access) Get(ctx context.Context, key string) (lease.Entry, error) {
	if _, err := a.travel(ctx); err != nil {
		return lease.Entry{}, err
	}
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	return a.entries[key], nil
}

func (a *access) Watch(ctx context.Context, emit func(lease.Entry), ready func()) error {
	if _, err := a.travel(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	mute := a.mute
	a.begun++
	a.mu.Unlock()
	s := a.store
	s.mu.Lock()
	read := len(s.history)
	var first []lease.Entry
	for _, e := range s.entries {
		first = append(first, e)
	}
	s.mu.Unlock()
	for _, e := range first {
		emit(e)
	}
	ready()
	for {
		s.mu.Lock()
		if read > len(s.history) {
			read = 0 // it was wiped
		}
		list, changed := s.history[read:], s.changed
		read = len(s.history)
		s.mu.Unlock()
		a.mu.Lock()
		cut := a.cut
		a.mu.Unlock()
		select {
		case <-mute:
			<-ctx.Done()
			return ctx.Err()
		default:
		}
		for _, e := range list {
			emit(e)
		}
		select {
		case <-changed:
		case <-mute:
		case <-cut:
			return errCut
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
