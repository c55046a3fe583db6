package handlers

import (
	"slices"
	"sync/atomic"
)

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
	tooManyClients     reason = "clients"
	tooManyOfSite      reason = "address_clients"
	tooManyConnects    reason = "address_connects"
	tooManyViews       reason = "views"
	tooManyViewsOfSite reason = "address_views"
	tooManyKeys        reason = "keys"
	tooManyPublishes   reason = "publishes"
	shuttingDown       reason = "draining"
)

// refusals are all reasons. The counters have the same order.
var refusals = [...]reason{
	tooManyClients, tooManyOfSite, tooManyConnects, tooManyViews, tooManyViewsOfSite, tooManyKeys, tooManyPublishes, shuttingDown,
}

// Counts counts refused callers. The zero value is ready to use, and safe for
// concurrent use.
type Counts struct {
	publish, poll, signature atomic.Uint64
	admin                    atomic.Uint64
	refusals                 [len(refusals)]atomic.Uint64
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

// Refusals returns the number of refused callers by reason: too many clients, views or
// keys in all; too many clients, new streams or views of one address; too many documents
// published with one token; or a shutdown. A refusal counts whether the caller got it as
// a stream or as a status.
func (c *Counts) Refusals() map[string]uint64 {
	counts := make(map[string]uint64, len(refusals))
	for i, why := range refusals {
		counts[string(why)] = c.refusals[i].Load()
	}
	return counts
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
	if i := slices.Index(refusals[:], why); i >= 0 {
		c.refusals[i].Add(1)
	}
}
