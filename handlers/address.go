package handlers

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientAddress returns the address of the client, for limits and the log. No other
// function decides that. The address is that of the connection. If that is a trusted
// proxy, it is the right-most hop of X-Forwarded-For or Forwarded that is not one: any
// client can have written the hops left of it. A hop that is not an address ends the
// search, and the hop right of it counts. The zero Addr means that the connection has no
// IP address.
//
// A proxy that writes one of the two headers may pass on the other one as the client sent
// it. If there are both and they disagree, neither is believed.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	connected, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	peer := plainAddress(connected.Addr())
	if !isTrusted(peer, trusted) {
		return peer
	}
	var found []netip.Addr
	for _, header := range []hops{{"X-Forwarded-For", cutList, strings.TrimSpace}, {"Forwarded", cutQuoted, forwardedFor}} {
		if values := r.Header.Values(header.name); len(values) > 0 {
			found = append(found, header.client(peer, values, trusted))
		}
	}
	if len(found) == 0 || found[0] != found[len(found)-1] {
		return peer
	}
	return found[0]
}

// hops is a header that lists where a request came through.
type hops struct {
	name string
	cut  func(list string) (rest, last string, found bool) // cuts the last hop off a list
	node func(hop string) string                           // returns the address of a hop, "" for none
}

// client returns the right-most hop that is no trusted proxy.
func (h hops) client(peer netip.Addr, values []string, trusted []netip.Prefix) netip.Addr {
	address := peer
	for _, list := range slices.Backward(values) {
		for more := true; more; {
			var last string
			list, last, more = h.cut(list)
			hop, ok := parseHop(h.node(last))
			if !ok {
				return address
			}
			if address = hop; !isTrusted(address, trusted) {
				return address
			}
		}
	}
	return address
}

// cutList cuts the last element off a list with commas.
func cutList(list string) (rest, last string, found bool) {
	i := strings.LastIndexByte(list, ',')
	return list[:max(i, 0)], list[i+1:], i >= 0
}

// cutQuoted is cutList for a list that may have quoted strings. It looks from the right,
// because only that end was written by a proxy: a quote that the client left open must
// not swallow it.
func cutQuoted(list string) (rest, last string, found bool) { return cutBehind(list, ',') }

func cutBehind(list string, separator byte) (rest, last string, found bool) {
	quoted := false
	for i := len(list) - 1; i >= 0; i-- {
		switch {
		case list[i] == '"' && (!quoted || !isEscaped(list, i)):
			quoted = !quoted
		case list[i] == separator && !quoted:
			return list[:i], list[i+1:], true
		}
	}
	return "", list, false
}

// isEscaped reports whether a byte of a quoted string follows an odd number of
// backslashes.
func isEscaped(text string, at int) bool {
	before := strings.TrimRight(text[:at], `\`)
	return (at-len(before))%2 == 1
}

// forwardedFor returns the parameter for of an element of Forwarded (RFC 7239 section 4),
// "" if there is not exactly one.
func forwardedFor(element string) (node string) {
	for more := true; more; {
		var pair string
		element, pair, more = cutBehind(element, ';')
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if !strings.EqualFold(name, "for") {
			continue
		}
		if value = unquoted(value); value == "" || node != "" {
			return ""
		}
		node = value
	}
	return node
}

// unquoted returns the value of a parameter, which is a token or a quoted string.
func unquoted(value string) string {
	inside, quoted := strings.CutPrefix(value, `"`)
	if !quoted {
		return value
	}
	inside, closed := strings.CutSuffix(inside, `"`)
	if !closed || strings.Contains(inside, `\`) { // no address needs an escape
		return ""
	}
	return inside
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
