// Package backoff computes how long to wait before something is tried again that has
// failed. It has no clock and no lock: randomness comes as an argument.
package backoff

import "time"

const increment = 1.5

// Backoff computes how long to wait from the start of a failed attempt to the next
// attempt. The interval grows from every by half with each failure in a row, up to
// most or every, whichever is longer. The delay is drawn at random between
// every and the interval (full jitter), so that clients of one upstream that failed
// do not return in step. It is never below every, so that a failing upstream is not
// asked more often than a working one. After the first failure the delay is every:
// one lost reading changes nothing.
type Backoff struct {
	every, most time.Duration
	failures    int            // in a row
	random      func() float64 // in [0, 1)
}

// New returns a Backoff without a failure.
func New(every, most time.Duration, random func() float64) *Backoff {
	return &Backoff{every: every, most: most, random: random}
}

// Next returns the delay after one more failure.
func (b *Backoff) Next() time.Duration {
	b.failures++
	return b.After(b.failures)
}

// Reset forgets all failures.
func (b *Backoff) Reset() { b.failures = 0 }

// Restore sets how many failures there were in a row.
func (b *Backoff) Restore(failures int) { b.failures = failures }

// After returns the delay after so many failures in a row, for a caller that counts them.
func (b *Backoff) After(failures int) time.Duration {
	most := max(b.every, b.most)
	interval := b.every
	for ; failures > 1 && interval < most; failures-- {
		interval = min(time.Duration(float64(interval)*increment), most)
	}
	above := interval - b.every
	return b.every + min(above, max(0, time.Duration(b.random()*float64(above))))
}
