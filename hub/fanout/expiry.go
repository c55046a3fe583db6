package fanout

import (
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout/wire"
)

// A stream ends when the time of its client is over, which Request.Until says: at the
// beginning of the stream, and again at each Review.

// expiryGrace is how long a client whose time is over may still read what is pending, and
// the status that tells it so.
const expiryGrace = 500 * time.Millisecond

// Review asks Request.Until of each client again. It is to be called when the answers may
// have changed. It does not wait: streams whose clients may not have them any more end
// soon after. A client whose stream begins meanwhile is asked at its beginning.
func (e *Engine) Review() {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.review)
	e.review = make(chan struct{})
}

// ReviewBegins returns a channel that is closed when Review is called next.
func (e *Engine) ReviewBegins() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.review
}

// timeLeft returns how much time the client has, which the clock of the system says now.
// It reports false if the maximum age is reached before that.
func (c *Client) timeLeft() (left time.Duration, ok bool) {
	if c.until == nil {
		return 0, false
	}
	at := c.until(c.streams.all())
	left = max(time.Until(at), 0)
	return left, !at.IsZero() && left <= c.engine.opts.MaxAge
}

// roundUp returns how many units a duration takes. No stream ends early: its client would
// come back with a token that is still valid.
func roundUp(d, unit time.Duration) time.Duration { return max(d+unit-1, 0) / unit }

// expired returns a status for each stream of the client, which says that its time is
// over.
func (c *Client) expired() *wire.Fragment {
	var n note
	now := time.Now()
	for _, stream := range c.streams.all() {
		n.Add(string(c.encoder.Status(stream, hub.Status{State: hub.Down, Since: now, Error: hub.ErrorExpired})))
	}
	return c.encoder.Note(&n.Note)
}
