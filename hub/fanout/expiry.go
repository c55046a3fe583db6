package fanout

import (
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout/wire"
)

// A stream with Request.Expires ends at that time, not at its maximum age.

const (
	// expiryUnit is how finely a Client keeps its expiry: a field of 32 bits has to do,
	// because a larger Client would cost memory for each client.
	expiryUnit = 100 * time.Millisecond

	// expiryGrace is how long a client whose time is over may still read what is
	// pending, and the status that tells it so.
	expiryGrace = 500 * time.Millisecond
)

// expire notes when the time of the client is over, which the clock of the system says
// now. Until a writer has adopted the client, endAt counts units since the engine began.
// Later than the maximum age no stream needs an expiry.
func (c *Client) expire(at time.Time) {
	left := time.Until(at)
	if at.IsZero() || left > c.engine.opts.MaxAge {
		return
	}
	c.expires = true
	c.endAt = uint32(roundUp(time.Since(c.engine.begin)+left, expiryUnit))
}

// roundUp returns how many units a duration takes. No stream ends early: its client would
// come back with a token that is still valid.
func roundUp(d, unit time.Duration) time.Duration { return max(d+unit-1, 0) / unit }

// expiry returns the time that expire has noted.
func (c *Client) expiry() time.Time {
	return c.engine.begin.Add(time.Duration(c.endAt) * expiryUnit)
}

// expired returns a status for each stream of the client, which says that its time is
// over.
func (c *Client) expired() *wire.Fragment {
	var n note
	now := time.Now()
	for _, stream := range c.streams {
		status, err := hub.Status{State: hub.Down, Since: now, Error: hub.ErrorExpired}.Document(stream)
		if err != nil {
			continue // it has no member that could not be encoded
		}
		if c.encoder.Lines() {
			n.Add(`{"event":"` + hub.StatusEvent + `","data":` + string(status) + "}\n")
		} else {
			n.Add("event: " + hub.StatusEvent + "\ndata: " + string(status) + "\n\n")
		}
	}
	return c.encoder.Note(&n.Note)
}
