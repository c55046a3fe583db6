package fanout

import (
	"math"
	"net/http"
	"time"
)

// cutoff ends a write of the portable writer that takes too long. A write deadline of
// net/http alone would not do: on HTTP/2 it resets the stream at its time even if nothing is
// being written, so a silent stream would end, and each change of it wakes the goroutine of
// the connection.
type cutoff struct {
	timer *time.Timer
	ended chan struct{} // closed when the timer has ended the write
	armed bool
	cut   bool // a write was ended, or the stream just after it
}

func newCutoff(control *http.ResponseController) cutoff {
	ended := make(chan struct{})
	timer := time.AfterFunc(math.MaxInt64, func() {
		defer close(ended)
		_ = control.SetWriteDeadline(time.Unix(1, 0)) // an error means that the connection has ended
	})
	timer.Stop()
	return cutoff{timer: timer, ended: ended}
}

// arm ends what is being written at this time, unless disarm is called before.
func (c *cutoff) arm(at time.Time) {
	if c.disarm(); !c.cut {
		c.armed = true
		c.timer.Reset(time.Until(at))
	}
}

// disarm returns when nothing is ended any more: the handler must not return before.
func (c *cutoff) disarm() {
	if c.armed && !c.timer.Stop() {
		<-c.ended
		c.cut = true
	}
	c.armed = false
}
