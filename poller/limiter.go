package poller

import (
	"sync"
	"time"
)

// limiter keeps the requests for keys apart as an upstream wants it: all streams with
// keys that ask one upstream share one. An answer that says how long the upstream wants
// not to be asked stops all requests for that time, and lets them follow one another at
// that distance afterwards, until an answer says nothing of it. So what is left of a
// limit counts for all keys together, and after "too many requests" one request goes
// first.
//
// After that, requests follow one another at the rate that the upstream has shown to
// allow: that of its answers since it last said "too many requests". The rate grows
// slowly, by a five-hundredth with each answer, so the upstream has to say so rarely.
type limiter struct {
	mu      sync.Mutex
	until   time.Time     // the upstream wants not to be asked before
	pace    time.Duration // the least time from the start of one request to the next
	learned time.Duration // likewise, from what the upstream allowed
	begun   time.Time     // when the newest request began
	heard   time.Time     // when the pace was set
	since   time.Time     // when the upstream refused a request, or was first asked
	answers int           // since then
}

// learnedGrowth is by how much an answer makes what was learned shorter.
const learnedGrowth = 500

// next returns when the next request may begin.
func (l *limiter) next() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.nextLocked()
}

func (l *limiter) nextLocked() time.Time {
	if gap := max(l.pace, l.learned); gap > 0 {
		return latest(l.until, l.begun.Add(gap))
	}
	return l.until
}

// begin reports whether a request may begin now, and notes that it does.
func (l *limiter) begin(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.nextLocked()) {
		return false
	}
	l.begun = now
	if l.since.IsZero() {
		l.since = now
	}
	return true
}

// hear notes how long the upstream wants not to be asked; 0 if its answer says nothing. pace
// is the least time between two requests because of that. An answer to a request that began
// before the upstream set a pace does not end it.
func (l *limiter) hear(began, answered time.Time, wait, pace time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers++
	switch {
	case wait > 0:
		l.until, l.pace, l.heard = latest(l.until, answered.Add(wait)), pace, answered
	case !began.Before(l.heard):
		l.pace = 0
		l.learned -= l.learned / learnedGrowth
		if l.learned < MinEvery {
			l.learned = 0
		}
	}
}

// postpone has nothing asked before a time.
func (l *limiter) postpone(until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = latest(l.until, until)
}

// refuse notes that the upstream says "too many requests", and wants not to be asked for
// that long.
func (l *limiter) refuse(began, answered time.Time, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = latest(l.until, answered.Add(wait))
	if began.Before(l.heard) {
		return // it is about the same requests as before
	}
	if l.answers > 0 {
		l.learned = min(l.until.Sub(l.since)/time.Duration(l.answers), wait)
	}
	l.pace, l.heard, l.since, l.answers = wait, answered, l.until, 0
}
