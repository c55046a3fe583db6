package secure

import (
	"slices"
	"strings"

	"github.com/polluxhub/pollux/bench/peer"
)

// Case is one server with one kind of clients.
type Case struct {
	Peer     peer.Peer
	Protocol Protocol
	Clients  int
	Rounds   int  // in which it is measured: the first ones
	Stalls   bool // clients that read nothing are measured too
}

// Plan returns what is measured with each of these numbers of clients, and with gzip with the
// largest one alone. before is the binary of an
// earlier Pollux, or empty. only selects cases that have one of these words in the name of
// their server or protocol; without words it selects all.
func Plan(o Settings, clients []int, before string, only []string) (cases []Case) {
	most := slices.Max(clients)
	for _, p := range peer.Secure(before) {
		for _, protocol := range protocols(p) {
			name := p.Name + " " + protocol.String()
			if len(only) > 0 && !slices.ContainsFunc(only, func(word string) bool { return strings.Contains(name, word) }) {
				continue
			}
			for _, n := range clients {
				c := Case{Peer: p, Protocol: protocol, Clients: n, Rounds: min(o.Others, o.Rounds)}
				if c.decides() && n == most {
					c.Rounds, c.Stalls = o.Rounds, true
				}
				if !protocol.Gzip || n == most {
					cases = append(cases, c)
				}
			}
		}
	}
	return cases
}

// decides reports whether there are figures to reach: those of Pollux on HTTP/1.1, with TLS
// and without.
func (c *Case) decides() bool {
	return (c.Peer.Name == peer.Pollux || c.Peer.Name == peer.PolluxTLS) && !c.Protocol.HTTP2 && !c.Protocol.Gzip
}

// protocols returns those that the clients of a server use.
func protocols(p peer.Peer) []Protocol {
	all := []Protocol{{Streams: 1}}
	if p.TLS {
		all = []Protocol{{TLS: true, Streams: 1}, {TLS: true, HTTP2: true, Streams: 1}, {TLS: true, HTTP2: true, Streams: 6}}
	}
	if p.Name == peer.TextbookTLS || p.Name == peer.NchanTLS {
		return all // they do not compress
	}
	for _, protocol := range slices.Clone(all) {
		protocol.Gzip = true
		all = append(all, protocol)
	}
	return all
}
