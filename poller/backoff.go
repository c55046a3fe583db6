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
	interval time.Duration  // of the next failure
	random   func() float64 // in [0, 1)
}

func newBackoff(every time.Duration, random func() float64) *backoff {
	return &backoff{every: every, interval: every, random: random}
}

// next returns the delay after one more failure.
func (b *backoff) next() time.Duration {
	above := b.interval - b.every
	grown := time.Duration(float64(b.interval) * backoffIncrement)
	b.interval = min(grown, max(b.every, maxBackoff))
	return b.every + min(above, max(0, time.Duration(b.random()*float64(above))))
}

// reset forgets all failures.
func (b *backoff) reset() { b.interval = b.every }
