package handlers

import "sync/atomic"

// credential is a kind of credential, as the label of a metric.
type credential string

const (
	publishToken  credential = "publish"
	pollToken     credential = "poll"
	pollSignature credential = "signature"
	adminToken    credential = "admin"
)

// reason is why a client was refused, as the label of a metric.
type reason string

const (
	tooManyClients reason = "clients"
	tooManyViews   reason = "views"
	tooManyKeys    reason = "keys"
	shuttingDown   reason = "draining"
)

// Counts counts refused callers. The zero value is ready to use, and safe for
// concurrent use.
type Counts struct {
	publish, poll, signature atomic.Uint64
	admin                    atomic.Uint64
	clients, views, draining atomic.Uint64
	keys                     atomic.Uint64
}

// AuthFailures returns the number of callers without the right credential, by its
// kind: publish, poll (the token), signature or admin. A credential that the operator did
// not configure counts no failures.
func (c *Counts) AuthFailures() map[string]uint64 {
	return map[string]uint64{
		string(publishToken): c.publish.Load(), string(pollToken): c.poll.Load(), string(pollSignature): c.signature.Load(),
		string(adminToken): c.admin.Load(),
	}
}

// Refusals returns the number of refused clients by reason: too many clients, too
// many views, too many keys, or a shutdown. A refusal counts whether the client got it as a stream
// or as a status.
func (c *Counts) Refusals() map[string]uint64 {
	return map[string]uint64{
		string(tooManyClients): c.clients.Load(), string(tooManyViews): c.views.Load(), string(tooManyKeys): c.keys.Load(), string(shuttingDown): c.draining.Load(),
	}
}

func (c *Counts) failed(kind credential) {
	switch kind {
	case publishToken:
		c.publish.Add(1)
	case pollToken:
		c.poll.Add(1)
	case pollSignature:
		c.signature.Add(1)
	case adminToken:
		c.admin.Add(1)
	}
}

func (c *Counts) refused(why reason) {
	switch why {
	case tooManyClients:
		c.clients.Add(1)
	case tooManyViews:
		c.views.Add(1)
	case tooManyKeys:
		c.keys.Add(1)
	case shuttingDown:
		c.draining.Add(1)
	}
}
