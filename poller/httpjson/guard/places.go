package guard

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// reclaimEvery is how often one that waits for a place looks for connections that
// have become idle, which nobody is told of.
const reclaimEvery = 100 * time.Millisecond

// Places are what several Guards may have open at once, so that a process with few
// descriptors keeps some for others than upstreams. Each connection holds one from
// before its host is resolved until it is closed. Where none is free, connections
// that are idle are closed for it, beginning with those that were opened or asked
// longest ago. A nil *Places has no bound.
type Places struct {
	free chan struct{} // has a value for each place that is taken

	mu   sync.Mutex
	open list.List // of *conn
}

// NewPlaces returns so many places; at least one.
func NewPlaces(most int) *Places { return &Places{free: make(chan struct{}, max(most, 1))} }

// take waits for a place, while ctx lasts.
func (p *Places) take(ctx context.Context) error {
	if p == nil {
		return nil
	}
	select {
	case p.free <- struct{}{}:
		return nil
	default:
	}
	again := time.NewTicker(reclaimEvery)
	defer again.Stop()
	for {
		p.reclaim()
		select {
		case p.free <- struct{}{}:
			return nil
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// leave gives a place back.
func (p *Places) leave() {
	if p != nil {
		<-p.free
	}
}

// reclaim asks the owners of connections, one after the other, to close what is idle,
// until a place is free.
func (p *Places) reclaim() {
	p.mu.Lock()
	asked := p.open.Len()
	p.mu.Unlock()
	for ; asked > 0 && len(p.free) == cap(p.free); asked-- {
		p.mu.Lock()
		oldest := p.open.Front()
		if oldest == nil {
			p.mu.Unlock()
			return
		}
		p.open.MoveToBack(oldest)
		closeIdle := oldest.Value.(*conn).closeIdle //nolint:forcetypeassert // nothing else is in it
		p.mu.Unlock()
		closeIdle()
	}
}

// hold notes a connection that has a place. It is to be closed by its Close.
func (p *Places) hold(c *conn) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c.place = p.open.PushBack(c)
}

// release gives back the place of a connection that is closed, once.
func (p *Places) release(c *conn) {
	if p == nil {
		return
	}
	p.mu.Lock()
	place := c.place
	c.place = nil
	if place != nil {
		p.open.Remove(place)
	}
	p.mu.Unlock()
	if place != nil {
		p.leave()
	}
}
