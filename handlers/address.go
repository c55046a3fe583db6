package handlers

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientAddress returns the address of the client, for limits and the log. No other
// function decides that. The address is that of the connection. If that is a trusted
// proxy, it is the right-most hop of X-Forwarded-For that is not one: any client can
// have written the hops left of it. A hop that is not an address ends the search, and
// the hop right of it counts. The zero Addr means that the connection has no IP
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

// parseHop parses an address with or without a port; proxies write both.
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

// plainAddress returns the canonical form of an address: IPv4 in IPv6 becomes IPv4,
// and the zone, which only its writer understands, is dropped.
func plainAddress(address netip.Addr) netip.Addr { return address.Unmap().WithZone("") }

func isTrusted(address netip.Addr, trusted []netip.Prefix) bool {
	return slices.ContainsFunc(trusted, func(network netip.Prefix) bool { return network.Contains(address) })
}

// address returns the address of the client that sent a request.
func (s *server) address(r *http.Request) netip.Addr { return clientAddress(r, s.TrustedProxies) }
