package fanout

import (
	"maps"
	"runtime"
	"slices"
	"sync"
)

// Work of the size of a document is not for the goroutine that writes to everybody.
// What is made of more than heavy bytes is made by workers. A client that needs it
// waits for it alone: its place in the queue is that of the form, and what it has to
// get stays where it is, in its backlog and in its channel.
//
// A form is in the queue once, while somebody waits for it, and each client, or
// caller of Part, waits for one at a time. So the queue is never longer than there
// are of these, and nobody is ever refused for its length.

// heavy is how many bytes of documents are made something of at once by whoever
// comes first: what takes about as long as to wake somebody else for it.
const heavy = 8 << 10

// waiter is told when what it waits for is made, or will not be made by a worker
// any more. formIsMade must not wait.
type waiter interface{ formIsMade() }

// want is like get, but leaves to a worker what is heavy, as long as workers work.
// It reports false if the form is not there, and w, if not nil, is then told when
// to look again. Whoever does not want it any more calls cancel.
func (f *forms) want(key formKey, with recipe, w waiter) (one *form, ok bool) {
	one = f.find(key, with)
	if one.made.Load() {
		return one, true
	}
	if !isHeavy(key, with) || !f.enqueue(one, w) {
		f.finish(one, &f.deflater)
	}
	return one, one.made.Load()
}

// isHeavy reports whether a form is one for workers.
func isHeavy(key formKey, with recipe) bool {
	switch {
	case key.kind == packedForm:
		return len(with.frame.body) > heavy
	case key.kind == frameForm && with.view == nil && key.text == "":
		return false // it is there already
	}
	size := len(key.event.Data())
	if key.before != nil {
		size += len(key.before.Data())
	}
	return size > heavy
}

// enqueue notes that w waits for a form, and sees to it that a worker makes it. It
// reports false if no workers work.
func (f *forms) enqueue(one *form, w waiter) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !f.working:
		return false
	case w == nil || one.made.Load():
		return true
	case one.waiters == nil:
		one.waiters = make(map[waiter]struct{})
	}
	one.waiters[w] = struct{}{}
	if one.job == nil && !one.taken {
		one.job = f.queue.PushBack(one)
		f.work.Signal()
	}
	return true
}

// cancel takes back a want. What nobody waits for is not made.
func (f *forms) cancel(one *form, w waiter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(one.waiters, w)
	if len(one.waiters) == 0 && one.job != nil {
		f.unqueueLocked(one)
		if f.byKey[one.key] == one {
			delete(f.byKey, one.key)
		}
	}
}

func (f *forms) unqueueLocked(one *form) {
	if one.job != nil {
		f.queue.Remove(one.job)
		one.job = nil
	}
}

// start starts n workers, and returns what ends them, waits for them, and tells all
// who still wait that they have to help themselves.
func (f *forms) start(n int) (stop func()) {
	f.mu.Lock()
	f.work = sync.NewCond(&f.mu)
	f.working = true
	f.mu.Unlock()
	var running sync.WaitGroup
	for range n {
		running.Go(f.toil)
	}
	return func() {
		f.mu.Lock()
		f.working = false
		var waiters []waiter
		for f.queue.Len() > 0 {
			one := f.popLocked()
			one.taken = false
			waiters = slices.AppendSeq(waiters, maps.Keys(one.waiters))
			one.waiters = nil
		}
		f.work.Broadcast()
		f.mu.Unlock()
		for _, w := range waiters {
			w.formIsMade()
		}
		running.Wait()
	}
}

// toil makes what is in the queue, in its order, until stop.
func (f *forms) toil() {
	var own deflater // so that nobody waits for another's large event
	for {
		f.mu.Lock()
		for f.working && f.queue.Len() == 0 {
			f.work.Wait()
		}
		if !f.working {
			f.mu.Unlock()
			return
		}
		one := f.popLocked()
		f.mu.Unlock()
		// Who woke this goroutine would be followed by it, before all who are ready to
		// run already, and for as long as it takes.
		runtime.Gosched()
		f.finish(one, &own)
	}
}

func (f *forms) popLocked() *form {
	first := f.queue.Front()
	one := f.queue.Remove(first).(*form) //nolint:forcetypeassert // nothing else is in the list
	one.job, one.taken = nil, true
	return one
}

// signal is a waiter that is a channel of capacity 1.
type signal chan struct{}

func (s signal) formIsMade() {
	select {
	case s <- struct{}{}:
	default: // it was told already
	}
}
