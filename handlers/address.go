package handlers

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientAddress returns whom a request is from, for limits and the log: the one
// place that decides it. It is the other end of the connection; or, where that is
// a trusted proxy, the right-most hop of X-Forwarded-For that is none. What stands
// left of that hop was written by somebody whom nobody here trusts. A hop that is
// no address ends the search at the last good one, because a proxy that we trust
// has told of it what it could. The zero Addr means that the connection has no IP
// address.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address := plainAddress(peer.Addr())
	if !isTrusted(address, trusted) {
		return address
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, text := range slices.Backward(hops) {
		hop, ok := parseHop(strings.TrimSpace(text))
		if !ok {
			break
		}
		address = hop
		if !isTrusted(address, trusted) {
			break
		}
	}
	return address
}

// parseHop reads an address as proxies write it: with a port or without.
func parseHop(text string) (netip.Addr, bool) {
	if both, err := netip.ParseAddrPort(text); err == nil {
		return plainAddress(both.Addr()), true
	}
	if inside, found := strings.CutPrefix(text, "["); found {
		text, found = strings.CutSuffix(inside, "]")
		if !found {
			return netip.Addr{}, false
		}
	}
	address, err := netip.ParseAddr(text)
	return plainAddress(address), err == nil
}

// plainAddress makes one address of the several that mean the same: an IPv4
// address in IPv6 is one of IPv4, and a zone is a matter of who wrote it.
func plainAddress(address netip.Addr) netip.Addr { return address.Unmap().WithZone("") }

func isTrusted(address netip.Addr, trusted []netip.Prefix) bool {
	return slices.ContainsFunc(trusted, func(network netip.Prefix) bool { return network.Contains(address) })
}

// address returns whom a request is from.
func (s *server) address(r *http.Request) netip.Addr { return clientAddress(r, s.TrustedProxies) }
