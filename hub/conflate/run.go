package conflate

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/polluxhub/pollux/hub"
)

const (
	// publishTimeout is how long the log may take to store a document that waited.
	publishTimeout = 10 * time.Second

	// lastTimeout is how long the Flush at the end of Run may take.
	lastTimeout = time.Second
)

// Run publishes what waits, when the gap of its stream is over, until ctx ends. Then it
// publishes the rest, as Flush does, and returns what Flush returns.
func (c *Conflator) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		due, next := c.due()
		if due != nil {
			if err := c.publishTaken(ctx, due); err != nil && ctx.Err() == nil {
				c.complain(ctx, due.stream, err)
			}
			continue
		}
		var tick <-chan time.Time // nothing is to be done without a slot
		if !next.IsZero() {
			timer.Reset(time.Until(next))
			tick = timer.C
		}
		select {
		case <-tick:
		case <-c.wake:
		case <-ctx.Done():
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTimeout)
	defer cancel()
	return c.Flush(ctx)
}

// Flush publishes everything that waits, now, the longest due first. It returns when that
// has been done, and what was being published has ended too, or when ctx has ended. From
// its beginning on, Publish lets nothing wait. The error says how many documents could
// not be published: these wait for Run. A document whose stream was removed, or of whose stream
// there is a newer one, does not count as one.
func (c *Conflator) Flush(ctx context.Context) error { return c.emptyAll(ctx, c.flush()) }

// FlushStreams publishes what waits of some configured streams, as Flush does. Their later
// documents may wait again.
func (c *Conflator) FlushStreams(ctx context.Context, isMeant func(stream string) bool) error {
	c.mu.Lock()
	var slots []*slot
	for name, s := range c.slots {
		if stream, _ := hub.SplitName(name); isMeant(stream) {
			slots = append(slots, s)
		}
	}
	c.mu.Unlock()
	return c.emptyAll(ctx, slots)
}

// emptyAll publishes what waits in slots.
func (c *Conflator) emptyAll(ctx context.Context, slots []*slot) error {
	var first error
	failures := 0
	for _, s := range slots {
		if err := c.empty(ctx, s); err != nil && !errors.Is(err, hub.ErrUnknownStream) && !errors.Is(err, hub.ErrSuperseded) {
			first = cmp.Or(first, err)
			failures++
		}
	}
	if failures > 0 {
		return fmt.Errorf("conflate: %d streams miss their newest document, the first because: %w", failures, first)
	}
	return nil
}

// flush ends waiting, and returns the slots, those that are free first in front.
func (c *Conflator) flush() []*slot {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flushed = true
	return slices.SortedFunc(maps.Values(c.slots), func(a, b *slot) int { return a.free().Compare(b.free()) })
}

// empty publishes what waits in a slot, after what is being published.
func (c *Conflator) empty(ctx context.Context, s *slot) error {
	for {
		taken, idle := c.take(s)
		switch {
		case taken:
			return c.publishTaken(ctx, s)
		case idle == nil:
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take takes what waits in a slot. If the slot is busy, it returns a channel that is
// closed when it no longer is.
func (c *Conflator) take(s *slot) (taken bool, idle <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case s.busy:
		return false, s.idleLocked()
	case s.waiting == nil:
		return false, nil
	}
	c.beginLocked(s)
	return true, nil
}

// due takes the document that is due first, and forgets the slots that nobody needs any
// more. If nothing is due, it returns when something will be, or zero if nothing waits.
func (c *Conflator) due() (*slot, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for len(c.queue) > 0 {
		s := c.queue[0]
		if free := s.free(); now.Before(free) {
			return nil, free
		}
		if s.waiting != nil {
			c.beginLocked(s)
			return s, time.Time{}
		}
		heap.Pop(&c.queue)
		c.forgetLocked(s)
	}
	return nil, time.Time{}
}

// publishTaken publishes what was taken from a slot.
func (c *Conflator) publishTaken(ctx context.Context, s *slot) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	_, err := c.publish(ctx, s, *s.taken, true) // nobody else touches it while the slot is busy
	return err
}
