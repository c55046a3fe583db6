package view

import (
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/polluxhub/pollux/hub/fanout/wire"
)

// heavy is the size of documents, in bytes, above which workers make an entry. At this
// size the work takes about as long as waking another goroutine for it.
const heavy = 8 << 10

// Waiter is told when an entry that it waits for is made, or when no worker will make
// it any more. Ready must not wait.
type Waiter interface{ Ready() }

// Signal is a Waiter that is a channel of capacity 1.
type Signal chan struct{}

// Ready implements Waiter.
func (s Signal) Ready() {
	select {
	case s <- struct{}{}:
	default: // the channel says so already
	}
}

// want is like get, but leaves heavy work to a worker, as long as workers run. It
// reports false if the entry is not made yet. Then w, if not nil, is told when to ask
// again. A waiter that does not want the entry any more calls cancel. Without w there may be
// no entry.
func (c *cache) want(k key, in inputs, w Waiter) (e *entry, ok bool) {
	heavy := isHeavy(k, in)
	if e = c.find(k, in, heavy && w == nil); e == nil {
		return nil, false
	}
	if e.made.Load() {
		return e, true
	}
	if !heavy || !c.enqueue(e, w) {
		c.complete(e, &c.deflater)
	}
	return e, e.made.Load()
}

// isHeavy reports whether workers make an entry.
func isHeavy(k key, in inputs) bool {
	switch {
	case in.template != nil:
		return true // a template may take long for a small document
	case k.kind == kindPacked:
		return len(in.frame.Body) > heavy
	case k.kind == kindFrame && in.view == nil && k.text == "":
		return false // the event has it
	}
	size := len(k.event.Data())
	if k.before != nil {
		size += len(k.before.Data())
	}
	return size > heavy
}

// enqueue notes that w waits for an entry, and has a worker make it. It reports false if
// no workers run.
func (c *cache) enqueue(e *entry, w Waiter) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.workers == 0:
		return false
	case w == nil || e.made.Load():
		return true
	case e.waiters == nil:
		e.waiters = make(map[Waiter]struct{})
	}
	e.waiters[w] = struct{}{}
	if e.job == nil && !e.taken {
		e.job = c.queue.PushBack(e)
		c.work.Signal()
	}
	return true
}

// cancel takes back a want. An entry for which nobody waits is not made.
func (c *cache) cancel(e *entry, w Waiter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(e.waiters, w)
	if len(e.waiters) == 0 && e.job != nil {
		c.unqueueLocked(e)
		if c.byKey[e.key] == e {
			delete(c.byKey, e.key)
		}
	}
}

func (c *cache) unqueueLocked(e *entry) {
	if e.job != nil {
		c.queue.Remove(e.job)
		e.job = nil
	}
}

// start starts n workers, see Views.Start.
func (c *cache) start(n int) (stop func()) {
	c.mu.Lock()
	c.work = sync.NewCond(&c.mu)
	c.workers = n
	c.mu.Unlock()
	var running sync.WaitGroup
	for range n {
		running.Go(c.makeQueued)
	}
	return func() {
		c.mu.Lock()
		c.workers = 0
		var waiters []Waiter
		for c.queue.Len() > 0 {
			e := c.popLocked()
			e.taken = false
			waiters = slices.AppendSeq(waiters, maps.Keys(e.waiters))
			e.waiters = nil
		}
		c.work.Broadcast()
		c.mu.Unlock()
		for _, w := range waiters {
			w.Ready()
		}
		running.Wait()
	}
}

// makeQueued makes the entries of the queue in order, until stop.
func (c *cache) makeQueued() {
	var own wire.Deflater // so that no worker waits for a large event of another
	for {
		c.mu.Lock()
		for c.workers > 0 && c.queue.Len() == 0 {
			c.work.Wait()
		}
		if c.workers == 0 {
			c.mu.Unlock()
			return
		}
		e := c.popLocked()
		c.mu.Unlock()
		// The scheduler runs a goroutine that was woken next, before those that are ready
		// already. A worker would keep them waiting for as long as its work takes.
		runtime.Gosched()
		c.complete(e, &own)
	}
}

func (c *cache) popLocked() *entry {
	first := c.queue.Front()
	e := c.queue.Remove(first).(*entry) //nolint:forcetypeassert // nothing else is in the list
	e.job, e.taken = nil, true
	return e
}
