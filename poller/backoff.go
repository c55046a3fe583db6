package poller

import (
	"time"

	cenkalti "github.com/cenkalti/backoff/v5"
)

const (
	maxBackoff       = 5 * time.Minute
	backoffIncrement = 1.5
)

// backoff says how long to wait from the start of a failed attempt to the next.
// The interval grows from every by half with each failure in a row, up to five
// minutes or every, whichever is longer. The delay is drawn from all of what
// the interval exceeds every by (full jitter), so that those whom one upstream
// failed do not return in step; it is never below every, so that nobody is
// asked more often when it fails than when it works. After a first failure the
// delay is every: one lost reading changes nothing.
type backoff struct {
	every    time.Duration
	interval cenkalti.ExponentialBackOff
	random   func() float64 // in [0, 1)
}

func newBackoff(every time.Duration, random func() float64) *backoff {
	b := &backoff{every: every, random: random}
	b.interval = cenkalti.ExponentialBackOff{
		InitialInterval: every,
		Multiplier:      backoffIncrement,
		MaxInterval:     max(every, maxBackoff),
		// The jitter of the library is around the interval and from the global
		// source of randomness; both are ours.
		RandomizationFactor: 0,
	}
	b.reset()
	return b
}

// next returns the delay after one more failure.
func (b *backoff) next() time.Duration {
	above := b.interval.NextBackOff() - b.every
	return b.every + min(above, max(0, time.Duration(b.random()*float64(above))))
}

// reset forgets all failures.
func (b *backoff) reset() { b.interval.Reset() }
