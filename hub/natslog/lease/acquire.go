package lease

import (
	"context"
	"errors"
	"time"
)

// Acquire waits until this node holds the lease of a stream. The lease must be released. A
// node that has a lease, or waits for it, must not ask for it once more. Errors: that of
// ctx, ErrClosed.
func (l *Leases) Acquire(ctx context.Context, stream string) (*Held, error) {
	a := &applicant{leases: l, stream: stream}
	defer a.withdraw(ctx)
	select {
	case <-l.synced:
	case <-l.ended:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	a.jitter = l.random(l.opts.TTL / gracePart)
	for {
		l.mu.Lock()
		now, v := time.Now(), l.viewLocked(stream)
		at, wishAt := a.dueLocked(v, now)
		changed, moved := v.changed, l.moved
		l.mu.Unlock()
		switch {
		case !now.Before(at):
			if held, err := a.take(ctx); err == nil {
				return held, nil
			}
			a.notBefore = time.Now().Add(l.retry())
			continue
		case !wishAt.IsZero() && !now.Before(wishAt):
			a.wish(ctx)
			continue
		case !wishAt.IsZero() && wishAt.Before(at):
			at = wishAt
		}
		timer := time.NewTimer(at.Sub(now))
		select {
		case <-timer.C:
		case <-changed:
		case <-moved:
		case <-l.ended:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		timer.Stop()
	}
}

// applicant waits for the lease of a stream.
type applicant struct {
	leases    *Leases
	stream    string
	jitter    time.Duration
	notBefore time.Time // the lease is not tried before, because that has failed
	tried     time.Time // when a wish was tried last
	revision  uint64    // of the wish; 0 if the node has none
}

// dueLocked returns when to take the lease, as far as is known, and when to wish for it; zero
// for never.
func (a *applicant) dueLocked(v *view, now time.Time) (take, wish time.Time) {
	l := a.leases
	last := v.Holder
	if last == "" {
		last = v.From
	}
	take = v.free(l.opts.TTL)
	if v.Holder == l.session {
		take = now // it was taken, or not released, without an answer
	} else if v.revision > 0 {
		grace := l.opts.TTL / gracePart
		rank := l.members.rank(l.session, a.stream, last, now)
		if v.Holder == "" && v.From == l.session && rank == 0 && l.hasOthersLocked(now) {
			rank = 1 // this node has just given it up
		}
		take = take.Add(time.Duration(rank)*grace + a.jitter*time.Duration(min(rank, 1)))
	}
	if a.notBefore.After(take) {
		take = a.notBefore
	}
	settle := l.opts.TTL / settlePart
	if a.revision > v.freed || v.Holder == "" || l.members.rank(l.session, a.stream, "", now) > 0 {
		return take, time.Time{}
	}
	wish = l.began.Add(settle + 2*a.jitter)
	if a.tried.Add(settle).After(wish) && !a.tried.IsZero() {
		wish = a.tried.Add(settle)
	}
	return take, wish
}

// hasOthersLocked reports whether other nodes are there.
func (l *Leases) hasOthersLocked(now time.Time) bool {
	for session := range l.members.seen {
		if l.members.isThere(session, now) {
			return true
		}
	}
	return false
}

// take tries to get the lease.
func (a *applicant) take(ctx context.Context) (*Held, error) {
	l := a.leases
	l.mu.Lock()
	v := l.viewLocked(a.stream)
	now, revision := time.Now(), v.revision
	one := record{Stream: a.stream, Holder: l.session, Node: l.opts.Node, Saved: v.Saved}
	if len(v.Saved) > 0 {
		one.Age = v.age(now).Milliseconds()
	}
	l.mu.Unlock()
	putting, enough := context.WithTimeout(ctx, l.opts.TTL/renewPart)
	defer enough()
	next, err := l.store(putting, keyOf(leaseKind, a.stream), text(one), revision)
	if errors.Is(err, ErrConflict) {
		// The watch tells of another one's record, unless the store was wiped.
		if entry, read := l.opts.Store.Get(putting, keyOf(leaseKind, a.stream)); read == nil {
			l.look(a.stream, entry)
		}
	}
	if err != nil {
		l.count(func(s *Stats) { s.Failures++ })
		return nil, err
	}
	return l.newHeld(ctx, one, next, now), nil
}

// look notes what the store has of a stream. That may be an older revision: of a server that
// lags, which counts for nothing, or of a store that was wiped.
func (l *Leases) look(stream string, e Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, now := l.viewLocked(stream), time.Now()
	wiped := e.Revision == 0 || now.Sub(v.at) > l.opts.TTL
	if e.Revision > v.revision || e.Revision < v.revision && wiped {
		v.see(parse[record](e.Value), e.Revision, now)
	}
}

// wish tells the node that has the lease that this one should have it.
func (a *applicant) wish(ctx context.Context) {
	a.tried = time.Now()
	next, err := a.leases.put(ctx, keyOf(wishKind, a.stream), text(wish{Stream: a.stream, Session: a.leases.session}), a.leases.wantedOf(a.stream))
	if err == nil {
		a.revision = next
	}
}

// wantedOf returns the revision of the newest wish for a stream.
func (l *Leases) wantedOf(stream string) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wanted[stream]
}

// withdraw takes a wish back.
func (a *applicant) withdraw(ctx context.Context) {
	if a.revision == 0 {
		return
	}
	ctx, enough := context.WithTimeout(context.WithoutCancel(ctx), a.leases.opts.TTL/renewPart)
	defer enough()
	// Without success the wish is void anyway when this node has gone.
	_, _ = a.leases.put(ctx, keyOf(wishKind, a.stream), text(wish{Stream: a.stream}), a.revision)
}
