package poller

import (
	"sync"
	"time"
)

// limiter keeps the requests for keys apart as an upstream wants it: all streams with
// keys that ask one upstream share one. An answer that says how long the upstream wants
// not to be asked stops all requests for that time, and lets them follow one another at
// that distance afterwards, until an answer with a document says nothing of it. So what is left of a limit
// counts for all keys together, and after "too many requests" one request goes first.
type limiter struct {
	mu    sync.Mutex
	until time.Time     // the upstream wants not to be asked before
	pace  time.Duration // the least time from the start of one request to the next
	begun time.Time     // when the newest request began
	heard time.Time     // when the pace was set
}

// next returns when the next request may begin.
func (l *limiter) next() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.nextLocked()
}

func (l *limiter) nextLocked() time.Time {
	if l.pace == 0 {
		return l.until
	}
	return latest(l.until, l.begun.Add(l.pace))
}

// begin reports whether a request may begin now, and notes that it does.
func (l *limiter) begin(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.nextLocked()) {
		return false
	}
	l.begun = now
	return true
}

// hear notes how long the upstream wants not to be asked; 0 if its answer says nothing.
// An answer to a request that began before the upstream set a pace does not end it.
func (l *limiter) hear(began, answered time.Time, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case wait > 0:
		l.until, l.pace, l.heard = latest(l.until, answered.Add(wait)), wait, answered
	case !began.Before(l.heard):
		l.pace = 0
	}
}
