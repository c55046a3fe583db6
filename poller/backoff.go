package poller

import "time"

const (
	maxBackoff       = 5 * time.Minute
	backoffIncrement = 1.5
)

// backoff computes how long to wait from the start of a failed attempt to the next
// attempt. The interval grows from every by half with each failure in a row, up to
// five minutes or every, whichever is longer. The delay is drawn at random between
// every and the interval (full jitter), so that clients of one upstream that failed
// do not return in step. It is never below every, so that a failing upstream is not
// asked more often than a working one. After the first failure the delay is every:
// one lost reading changes nothing.
type backoff struct {
	every    time.Duration
	failures int            // in a row
	random   func() float64 // in [0, 1)
}

func newBackoff(every time.Duration, random func() float64) *backoff {
	return &backoff{every: every, random: random}
}

// next returns the delay after one more failure.
func (b *backoff) next() time.Duration {
	b.failures++
	return delayAfter(b.every, b.failures, b.random)
}

// reset forgets all failures.
func (b *backoff) reset() { b.failures = 0 }

// delayAfter returns the delay after so many failures in a row.
func delayAfter(every time.Duration, failures int, random func() float64) time.Duration {
	interval, most := every, max(every, maxBackoff)
	for ; failures > 1 && interval < most; failures-- {
		interval = min(time.Duration(float64(interval)*backoffIncrement), most)
	}
	above := interval - every
	return every + min(above, max(0, time.Duration(random()*float64(above))))
}
