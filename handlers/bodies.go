package handlers

import (
	"container/list"
	"context"
	"sync"
)

// What the bodies of all publishing requests may take together: so many bytes, or so
// many of the largest, if that is more.
const (
	bodiesBytes   = 16 << 20
	bodiesLargest = 4
)

// bodies bounds what the bodies take that are read at the same time, because a client
// may send one slowly. A request takes its share before it reads, in the order of
// arrival. It is safe for concurrent use.
type bodies struct {
	mu      sync.Mutex
	free    int64
	waiting list.List // of *bodyWaiter
}

// bodyWaiter is a request that waits.
type bodyWaiter struct {
	size  int64
	ready chan struct{} // closed when the share is taken
}

func newBodies(largest int64) *bodies {
	return &bodies{free: max(bodiesBytes, bodiesLargest*largest)}
}

// take takes a share, and waits for it until ctx ends. The caller must give it back.
func (b *bodies) take(ctx context.Context, size int64) error {
	b.mu.Lock()
	if b.waiting.Len() == 0 && size <= b.free {
		b.free -= size
		b.mu.Unlock()
		return nil
	}
	w := &bodyWaiter{size, make(chan struct{})}
	at := b.waiting.PushBack(w)
	b.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-w.ready: // at the last moment
		return nil
	default:
	}
	b.waiting.Remove(at)
	b.admitLocked() // a smaller one may have stood behind it
	return ctx.Err()
}

// give gives a share back.
func (b *bodies) give(size int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free += size
	b.admitLocked()
}

func (b *bodies) admitLocked() {
	for b.waiting.Len() > 0 {
		first := b.waiting.Front()
		w := first.Value.(*bodyWaiter) //nolint:forcetypeassert // the list holds only these
		if w.size > b.free {
			return
		}
		b.free -= w.size
		b.waiting.Remove(first)
		close(w.ready)
	}
}
