package lease

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// errStalled ends a watch that does not tell what this node has stored.
var errStalled = errors.New("lease: the watch has stalled")

// watch reads the store until ctx ends.
func (l *Leases) watch(ctx context.Context) {
	for ctx.Err() == nil {
		err := l.watchOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		l.logger.Debug("leases are not seen", "error", err)
		l.count(func(s *Stats) { s.Failures++ })
		l.pause(ctx)
	}
}

// watchOnce reads the store until that fails.
func (l *Leases) watchOnce(ctx context.Context) error {
	watching, end := context.WithCancelCause(ctx)
	var guarding sync.WaitGroup
	defer guarding.Wait()
	defer end(nil)
	l.mu.Lock()
	l.told = 0
	l.mu.Unlock()
	isOld := true // what is emitted before ready
	err := l.opts.Store.Watch(watching, func(e Entry) { l.see(e, isOld) }, func() {
		isOld = false
		l.ready.Do(func() {
			l.mu.Lock()
			l.began = time.Now()
			l.mu.Unlock()
			close(l.synced)
		})
		guarding.Go(func() { l.guard(watching, end) })
	})
	if cause := context.Cause(watching); cause != nil {
		return cause
	}
	return err
}

// guard ends a watch that does not tell soon what this node has stored: for example because the server
// that has told it is gone. Without it, a node would not see for a while that a lease is free.
func (l *Leases) guard(watching context.Context, end context.CancelCauseFunc) {
	for {
		select {
		case <-l.proof:
		case <-watching.Done():
			return
		}
		l.mu.Lock()
		stored := l.stored
		l.mu.Unlock()
		l.sleep(watching, l.opts.TTL/stallPart)
		l.mu.Lock()
		stalled := l.told < stored
		l.mu.Unlock()
		if stalled {
			end(errStalled)
			return
		}
	}
}

// store stores a value, of which the watch has to tell.
func (l *Leases) store(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	next, err := l.opts.Store.Put(ctx, key, value, revision)
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	l.stored = next
	l.mu.Unlock()
	select {
	case l.proof <- struct{}{}:
	default: // the guard will look at it anyway
	}
	return next, nil
}

// see notes an entry of the store, which is old if it was there before this node looked.
func (l *Leases) see(e Entry, isOld bool) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = max(l.told, e.Revision)
	switch kind := e.Key[:strings.IndexByte(e.Key+".", '.')] + "."; kind {
	case leaseKind:
		if one := parse[record](e.Value); keyOf(leaseKind, one.Stream) == e.Key {
			l.seeLeaseLocked(one, e.Revision, now)
		}
	case memberKind:
		session := e.Key[len(memberKind):]
		if l.members.see(session, parse[member](e.Value), e.Revision, now, isOld) {
			l.movedLocked()
		}
		l.members.sweep(now)
	case wishKind:
		one := parse[wish](e.Value)
		if keyOf(wishKind, one.Stream) != e.Key || l.wanted[one.Stream] == e.Revision {
			return
		}
		l.wanted[one.Stream] = e.Revision
		if l.wishes[one.Stream] = one.Session; one.Session == "" {
			delete(l.wishes, one.Stream)
		}
		l.heedLocked(one.Stream, now)
	}
}

// seeLeaseLocked notes a record.
func (l *Leases) seeLeaseLocked(one record, revision uint64, now time.Time) {
	v := l.viewLocked(one.Stream)
	if revision <= v.revision {
		return
	}
	v.see(one, revision, now)
	if h := l.held[one.Stream]; h != nil && one.Holder != l.session {
		h.loseLocked("another node has taken it")
	}
}

// movedLocked tells that a node has come or gone.
func (l *Leases) movedLocked() {
	close(l.moved)
	l.moved = make(chan struct{})
}
