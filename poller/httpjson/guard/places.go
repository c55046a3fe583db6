package guard

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// reclaimEvery is how often a dial that waits for a place tries to close idle
// connections: nothing tells when a connection becomes idle.
const reclaimEvery = 100 * time.Millisecond

// Places bounds the connections that several Guards have open at once, so that a
// process with few descriptors keeps some for its clients. Each connection holds a
// place from before its host is resolved until it is closed. If no place is free,
// idle connections are closed, beginning with those of the Guard that was asked
// longest ago. A nil *Places has no bound.
type Places struct {
	taken chan struct{} // holds a value for each taken place

	mu   sync.Mutex
	open list.List // of *conn; the one to ask next is in front
}

// NewPlaces returns the given number of places; at least one.
func NewPlaces(most int) *Places { return &Places{taken: make(chan struct{}, max(most, 1))} }

// take waits for a place until ctx ends.
func (p *Places) take(ctx context.Context) error {
	if p == nil {
		return nil
	}
	select {
	case p.taken <- struct{}{}:
		return nil
	default:
	}
	again := time.NewTicker(reclaimEvery)
	defer again.Stop()
	for {
		p.reclaim()
		select {
		case p.taken <- struct{}{}:
			return nil
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// leave returns a place.
func (p *Places) leave() {
	if p != nil {
		<-p.taken
	}
}

// reclaim asks the owners of connections, one after the other, to close their idle
// ones, until a place is free.
func (p *Places) reclaim() {
	p.mu.Lock()
	asked := p.open.Len()
	p.mu.Unlock()
	for ; asked > 0 && len(p.taken) == cap(p.taken); asked-- {
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

// hold notes a connection that has a place. Its Close will release the place.
func (p *Places) hold(c *conn) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c.place = p.open.PushBack(c)
}

// release returns the place of a closed connection, once.
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
