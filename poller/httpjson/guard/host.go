package guard

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// hostOf returns the address that the host of a URL is, in each form that the host parser
// of the WHATWG URL Standard (section 3.5) reads as one: decimal, octal or hexadecimal
// numbers, fewer than four of them, digits and dots of other scripts. Proxies and operating
// systems read these forms too. localhost is an address as well (RFC 6761 section 6.3).
// written is false for any other name. The address is not valid if the host ends in a
// number but is not an address: no host name ends in a number, and other programs may read such
// a host as an address.
func hostOf(host string) (addr netip.Addr, written bool) {
	if addr, ok := literal(host); ok {
		return addr, true
	}
	// Where the name is not valid, what could be made of it counts: the package that sends
	// the request to a proxy may be less strict.
	ascii, _ := mapping.ToASCII(host)
	ascii = strings.TrimSuffix(strings.ToLower(ascii), ".")
	if ascii == "localhost" || strings.HasSuffix(ascii, ".localhost") {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), true
	}
	parts := strings.Split(ascii, ".")
	if last := parts[len(parts)-1]; !isDigits(last) && !strings.HasPrefix(last, "0x") {
		return netip.Addr{}, false
	} else if _, ok := parseNumber(last); !ok && !isDigits(last) {
		return netip.Addr{}, false
	}
	addr, _ = parseIPv4(parts)
	return addr, true
}

// mapping is the one of domain to ASCII (section 3.3 of the standard).
var mapping = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// parseIPv4 is the IPv4 parser of the standard.
func parseIPv4(parts []string) (netip.Addr, bool) {
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var all uint64
	for i, part := range parts {
		n, ok := parseNumber(part)
		bits := 8
		if i == len(parts)-1 { // which has the rest
			bits = 8 * (5 - len(parts))
		}
		if !ok || n >= 1<<bits {
			return netip.Addr{}, false
		}
		all = all<<bits | n
	}
	return netip.AddrFrom4([4]byte{byte(all >> 24), byte(all >> 16), byte(all >> 8), byte(all)}), true
}

// parseNumber is the IPv4 number parser of the standard, for letters in lower case. A number
// that no address has may count as another one of those.
func parseNumber(text string) (uint64, bool) {
	base := 10
	switch {
	case text == "":
		return 0, false
	case strings.HasPrefix(text, "0x"):
		text, base = text[2:], 16
	case len(text) > 1 && text[0] == '0':
		text, base = text[1:], 8
	}
	if text == "" {
		return 0, true
	}
	n, err := strconv.ParseUint(text, base, 64)
	return n, err == nil || errors.Is(err, strconv.ErrRange)
}

func isDigits(text string) bool {
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return text != ""
}
