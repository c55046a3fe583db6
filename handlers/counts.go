package handlers

import (
	"slices"
	"sync/atomic"
)

// credential is a kind of credential, as the label of a metric.
type credential string

const (
	readToken     credential = "read"
	accessTicket  credential = "ticket"
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
	tooManyTickets     reason = "tickets"
	tooManyBodies      reason = "bodies"
	tooMuchHeld        reason = "held"
	foreignOrigin      reason = "origin"
	unknownHost        reason = "host"
	pageOfAdmin        reason = "admin_page"
	noProxyHeader      reason = "proxy_header"
	narrowToken        reason = "scope"
	shuttingDown       reason = "draining"
	noOrigin           reason = "no_origin"
)

// refusals are all reasons. The counters have the same order.
var refusals = [...]reason{
	tooManyClients, tooManyOfSite, tooManyConnects, tooManyViews, tooManyViewsOfSite, tooManyKeys, tooManyPublishes, tooManyTickets,
	tooManyBodies, tooMuchHeld, foreignOrigin, unknownHost, pageOfAdmin, noProxyHeader, narrowToken, shuttingDown, noOrigin,
}

// Counts counts refused callers. The zero value is ready to use, and safe for
// concurrent use.
type Counts struct {
	read, ticket             atomic.Uint64
	publish, poll, signature atomic.Uint64
	admin                    atomic.Uint64
	refusals                 [len(refusals)]atomic.Uint64
}

// AuthFailures returns the number of callers without the right credential, by its
// kind: read, ticket, publish, poll (the token), signature or admin. A credential that the operator
// did not configure counts no failures.
func (c *Counts) AuthFailures() map[string]uint64 {
	return map[string]uint64{
		string(readToken): c.read.Load(), string(accessTicket): c.ticket.Load(), string(publishToken): c.publish.Load(), string(pollToken): c.poll.Load(), string(pollSignature): c.signature.Load(),
		string(adminToken): c.admin.Load(),
	}
}

// Refusals returns the number of refused callers by reason: too many clients, views or
// keys in all; too many clients, new streams or views of one address; too many documents
// published with one token; too many tickets; too much memory for the bodies of published
// documents, or held by clients that read slowly; a foreign origin; a host that is not one of
// the server; a page that asks the address for operators; a proxy without a header of the
// PROXY protocol; a valid token that does not allow what its bearer asks for; or a shutdown.
// A refusal counts whether the caller got it as a stream or as a status.
func (c *Counts) Refusals() map[string]uint64 {
	counts := make(map[string]uint64, len(refusals))
	for i, why := range refusals {
		counts[string(why)] = c.refusals[i].Load()
	}
	return counts
}

func (c *Counts) failed(kind credential) {
	switch kind {
	case readToken:
		c.read.Add(1)
	case accessTicket:
		c.ticket.Add(1)
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

// NoProxyHeader counts a connection of a trusted proxy that was closed because it had no valid
// header of the PROXY protocol.
func (c *Counts) NoProxyHeader() { c.refused(noProxyHeader) }

func (c *Counts) refused(why reason) {
	if i := slices.Index(refusals[:], why); i >= 0 {
		c.refusals[i].Add(1)
	}
}
