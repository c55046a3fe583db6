package handlers

import "sync/atomic"

// credential is what a caller shows to be let in, as labels of metrics name it.
type credential string

const (
	publishToken  credential = "publish"
	pollToken     credential = "poll"
	pollSignature credential = "signature"
)

// reason is why somebody finds no place, as labels of metrics name it.
type reason string

const (
	noPlace  reason = "clients"
	noView   reason = "views"
	shutting reason = "draining"
)

// Counts are how many callers were refused. The zero value is ready, and safe for
// concurrent use.
type Counts struct {
	publish, poll, signature atomic.Uint64
	clients, views, draining atomic.Uint64
}

// AuthFailures returns how many callers had not the right token or signature, by
// what was wanted: publish, poll (the token) or signature. Where nothing is set up
// nobody can fail.
func (c *Counts) AuthFailures() map[string]uint64 {
	return map[string]uint64{
		string(publishToken): c.publish.Load(), string(pollToken): c.poll.Load(), string(pollSignature): c.signature.Load(),
	}
}

// Refusals returns how many callers found no place, whether they were told so by a
// stream or by a status: because of too many clients or views, or because the
// engine drains.
func (c *Counts) Refusals() map[string]uint64 {
	return map[string]uint64{
		string(noPlace): c.clients.Load(), string(noView): c.views.Load(), string(shutting): c.draining.Load(),
	}
}

func (c *Counts) failed(what credential) {
	switch what {
	case publishToken:
		c.publish.Add(1)
	case pollToken:
		c.poll.Add(1)
	case pollSignature:
		c.signature.Add(1)
	}
}

func (c *Counts) refused(why reason) {
	switch why {
	case noPlace:
		c.clients.Add(1)
	case noView:
		c.views.Add(1)
	case shutting:
		c.draining.Add(1)
	}
}
