package httpjson

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/polluxhub/pollux/poller"
)

const (
	// leastAge is how old a credential is at least before it is replaced because it is not
	// accepted: an upstream that accepts none would have a new one fetched for each poll. It
	// is workedAge for one that was accepted before: such an upstream has ended a session, or
	// revoked a token.
	leastAge  = 10 * time.Second
	workedAge = time.Second

	// firstPause and mostPause bound how long a failure counts for all who need the
	// credential. It doubles with each failure in a row.
	firstPause = time.Second
	mostPause  = 30 * time.Second
)

// credential is what the host of the URL demands with each request, and what has to be
// fetched first: a token, or a session. It does not change.
type credential struct {
	header http.Header // to send; nil if there is none
	note   string      // what an operator is told of it, if the upstream does not accept it
	since  time.Time
	renew  time.Time // when a new one should be fetched; zero: only if it is not accepted
	ends   time.Time // when it is not valid any more; zero: nobody knows
}

// usable reports whether a credential can be sent.
func (c *credential) usable(now time.Time) bool {
	return c != nil && (c.ends.IsZero() || now.Before(c.ends))
}

// fresh reports whether no new one should be fetched.
func (c *credential) fresh(now time.Time) bool {
	return c.usable(now) && (c.renew.IsZero() || now.Before(c.renew))
}

// pass keeps the credential that many polls use. One of those who need a new one fetches
// it, and the others wait for that, or use the old one as long as it is valid. Its methods
// are safe for concurrent use, and start nothing.
type pass struct {
	what string // is missing, in the words of a failure

	mu       sync.Mutex
	current  *credential
	fetching chan struct{} // closed when the fetch in progress has ended; nil: there is none
	failure  *poller.Error // of the last fetch; nil: it succeeded
	failures int           // in a row
	again    time.Time     // until then the failure counts
}

// get returns the credential. stale is one that the upstream has not accepted, or nil, and
// worked that it has accepted it before. It is returned itself if a new one would probably not
// be accepted either.
func (p *pass) get(ctx context.Context, stale *credential, worked bool, fetch func(context.Context) (*credential, *poller.Error)) (*credential, *poller.Error) {
	youngest := leastAge
	if worked {
		youngest = workedAge
	}
	for {
		p.mu.Lock()
		now, current := time.Now(), p.current
		usable := current != stale && current.usable(now)
		switch {
		case usable && (current.fresh(now) || p.fetching != nil || now.Before(p.again)),
			stale != nil && current == stale && now.Sub(stale.since) < youngest:
			p.mu.Unlock()
			return current, nil
		case p.fetching == nil && now.Before(p.again):
			known := *p.failure
			p.mu.Unlock()
			return nil, &known
		case p.fetching == nil:
			done := make(chan struct{})
			p.fetching = done
			p.mu.Unlock()
			return p.replace(ctx, done, stale, fetch)
		}
		others := p.fetching
		p.mu.Unlock()
		select {
		case <-others:
		case <-ctx.Done():
			return nil, prefixed(p.what, classifyRequest(ctx.Err(), phase{connected: true}))
		}
	}
}

// replace fetches a credential. A failure counts for others as well, unless it was the caller
// who had no more time.
func (p *pass) replace(ctx context.Context, done chan struct{}, stale *credential, fetch func(context.Context) (*credential, *poller.Error)) (*credential, *poller.Error) {
	var next *credential
	failure := fail(classError, p.what, nil) // unless fetch returns
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.fetching = nil
		close(done)
		switch {
		case failure == nil:
			p.current, p.failure, p.failures, p.again = next, nil, 0, time.Time{}
		case ctx.Err() == nil:
			p.failure = failure
			p.again = time.Now().Add(min(firstPause<<min(p.failures, 10), mostPause))
			p.failures++
		}
	}()
	next, failure = fetch(ctx)
	if failure == nil {
		return next, nil
	}
	p.mu.Lock()
	old := p.current
	p.mu.Unlock()
	if old != stale && old.usable(time.Now()) && ctx.Err() == nil {
		return old, nil
	}
	copied := *failure
	return nil, &copied
}

// now returns the credential, or nil before the first one.
func (p *pass) now() *credential {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current
}

// forgive forgets the last failure, because something has changed.
func (p *pass) forgive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures, p.again = 0, time.Time{}
}
