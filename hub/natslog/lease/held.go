package lease

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Held is the lease of one stream, which this node holds until it loses or releases it. The
// methods are for one goroutine.
type Held struct {
	leases *Leases
	stream string
	saved  []byte // by the holder before
	since  time.Time

	ctx    context.Context
	cancel context.CancelCauseFunc
	stop   context.CancelFunc // ends renew
	ended  sync.WaitGroup
	wanted chan struct{}

	// Guarded by Leases.mu.
	record   record
	savedAt  time.Time // when record.Saved was made
	revision uint64
	deadline time.Time // the lease is held until then
	isWanted bool
	isOver   bool
}

// newHeld returns a lease that was taken with a request sent at the given time.
func (l *Leases) newHeld(ctx context.Context, one record, revision uint64, sent time.Time) *Held {
	h := &Held{leases: l, stream: one.Stream, saved: one.Saved, record: one, wanted: make(chan struct{})}
	h.since = sent.Add(-time.Duration(one.Age) * time.Millisecond)
	h.savedAt = h.since
	h.ctx, h.cancel = context.WithCancelCause(ctx)
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	h.stop = stop
	l.mu.Lock()
	h.renewedLocked(revision, sent)
	l.held[h.stream] = h
	l.stats.Taken++
	l.heedLocked(h.stream, sent)
	l.mu.Unlock()
	h.ended.Go(func() { h.renew(renewing) })
	return h
}

// renewedLocked notes that the record was stored with a request sent at the given time.
func (h *Held) renewedLocked(revision uint64, sent time.Time) {
	h.revision, h.deadline = revision, sent.Add(h.leases.opts.TTL*heldTwo/heldOfThree)
	if v := h.leases.viewLocked(h.stream); revision > v.revision || v.Holder != h.leases.session {
		v.see(h.record, revision, sent)
	}
}

// Context ends when the lease is lost or released, and with the context of Acquire.
func (h *Held) Context() context.Context { return h.ctx }

// Holds reports whether the lease is held at this very moment, by the clock: a process that
// was stopped learns from it before it learns from Context.
func (h *Held) Holds() bool {
	h.leases.mu.Lock()
	defer h.leases.mu.Unlock()
	return !h.isOver && time.Now().Before(h.deadline)
}

// Wanted returns a channel that is closed when another node should hold the lease.
func (h *Held) Wanted() <-chan struct{} { return h.wanted }

// Saved returns what the last holder has saved, nil for nothing, and how long ago.
func (h *Held) Saved() (saved []byte, age time.Duration) { return h.saved, time.Since(h.since) }

// Save keeps a text for the next holder. It is stored when the lease is renewed next, or
// released. It must not be modified afterwards.
func (h *Held) Save(text []byte) {
	h.leases.mu.Lock()
	defer h.leases.mu.Unlock()
	h.record.Saved, h.savedAt = text, time.Now()
}

// renew renews the lease until it is lost, or ctx ends.
func (h *Held) renew(ctx context.Context) {
	l := h.leases
	wait := l.opts.TTL/renewPart - l.random(l.opts.TTL/retryPart)
	for {
		l.sleep(ctx, wait)
		l.mu.Lock()
		deadline, over := h.deadline, h.isOver
		l.mu.Unlock()
		if ctx.Err() != nil || over {
			return
		}
		until, enough := context.WithDeadline(ctx, deadline)
		err := h.put(until, false)
		enough()
		wait = l.opts.TTL/renewPart - l.random(l.opts.TTL/retryPart)
		switch {
		case err == nil:
			continue
		case ctx.Err() != nil:
			return
		case errors.Is(err, errLost):
			h.lose("another node has taken it")
			return
		case !time.Now().Before(deadline):
			h.lose("it could not be renewed: " + err.Error())
			return
		}
		wait = min(l.retry(), time.Until(deadline))
	}
}

// errLags says that a server has answered that does not have the newest revision yet.
var errLags = errors.New("lease: the store lags")

// put stores the record. The error is errLost if it is that of another node by now.
func (h *Held) put(ctx context.Context, free bool) error {
	l, key := h.leases, keyOf(leaseKind, h.stream)
	for range 3 { // which is more than what was sent before and not heard of
		l.mu.Lock()
		one, revision, sent := h.record, h.revision, time.Now()
		if len(one.Saved) > 0 {
			one.Age = sent.Sub(h.savedAt).Milliseconds()
		}
		if free {
			one.Holder, one.Node, one.From = "", "", l.session
		}
		h.record.Age = one.Age
		l.mu.Unlock()
		next, err := l.store(ctx, key, text(one), revision)
		if err == nil {
			l.mu.Lock()
			if !free {
				h.renewedLocked(next, sent)
				l.heedLocked(h.stream, sent) // the node of a wish may not have been known when the wish came
			} else if v := l.viewLocked(h.stream); next > v.revision {
				v.see(one, next, sent)
			}
			l.mu.Unlock()
			return nil
		}
		l.count(func(s *Stats) { s.Failures++ })
		if !errors.Is(err, ErrConflict) {
			return err
		}
		entry, err := l.opts.Store.Get(ctx, key)
		if err != nil {
			return err
		}
		switch holder := parse[record](entry.Value).Holder; {
		case entry.Revision == revision:
			return errLags
		case entry.Revision > 0 && entry.Revision < revision && holder == l.session:
			return errLags
		case holder != l.session:
			l.look(h.stream, entry)
			return errLost
		}
		l.mu.Lock()
		h.revision = entry.Revision // it was stored, without an answer
		l.mu.Unlock()
	}
	return errLost
}

// lose ends a lease that another node may have.
func (h *Held) lose(why string) {
	h.leases.mu.Lock()
	defer h.leases.mu.Unlock()
	h.loseLocked(why)
}

func (h *Held) loseLocked(why string) {
	if h.isOver {
		return
	}
	l := h.leases
	l.stats.Lost++
	h.endLocked()
	l.logger.Warn("lease of a stream lost", "stream", h.stream, "reason", why)
}

// endLocked notes that the lease is not held any more.
func (h *Held) endLocked() {
	h.isOver = true
	if h.leases.held[h.stream] == h {
		delete(h.leases.held, h.stream)
	}
	h.cancel(errLost)
}

// Release gives the lease to the next node that wants it. It waits until that is stored, or until ctx
// ends; then the lease runs out.
func (h *Held) Release(ctx context.Context) error {
	h.stop()
	h.ended.Wait()
	l := h.leases
	l.mu.Lock()
	lost := h.isOver
	if !lost {
		h.endLocked()
		l.stats.Released++
	}
	l.mu.Unlock()
	if lost {
		return nil
	}
	if err := h.put(ctx, true); err != nil && !errors.Is(err, errLost) {
		return err
	}
	return nil
}
