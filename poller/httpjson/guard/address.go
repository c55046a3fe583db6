package guard

import (
	"net/netip"

	"code.dny.dev/ssrf"
)

// kind is how far an address reaches.
type kind int

const (
	public    kind = iota
	private        // reachable from some network or machine only
	forbidden      // always refused
)

var linkLocal = [...]netip.Prefix{netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fe80::/10")}

// IsLinkLocal reports whether every address of a network is link-local. Such an
// address is refused whatever Options.AllowPrivate says.
func IsLinkLocal(network netip.Prefix) bool {
	for _, p := range linkLocal {
		if p.Contains(network.Addr()) && network.Bits() >= p.Bits() {
			return true
		}
	}
	return false
}

// never lists the networks that are always refused.
var never = []struct {
	prefix netip.Prefix
	reason string
}{
	{linkLocal[0], "link-local (RFC 3927), where most clouds have their metadata"},
	{linkLocal[1], "link-local (RFC 4291)"},
	{netip.MustParsePrefix("fd00:ec2::/32"), "metadata of Amazon EC2 and credentials of EKS"},
	{netip.MustParsePrefix("fd20:ce::254/128"), "metadata of Google Cloud"},
	{netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), "metadata of Oracle Cloud"},
	{netip.MustParsePrefix("192.0.0.192/32"), "metadata of Oracle Cloud, the older one"},
	{netip.MustParsePrefix("fd00:42::42/128"), "metadata of Scaleway"},
	{netip.MustParsePrefix("fd00:a9fe:a9fe::1/128"), "metadata of Linode"},
	{netip.MustParsePrefix("100.100.100.200/32"), "metadata of Alibaba Cloud"},
	{netip.MustParsePrefix("fd00:100::100:200/128"), "metadata of Alibaba Cloud"},
	{netip.MustParsePrefix("168.63.129.16/32"), "platform of Azure, though in a public range"},
	{netip.MustParsePrefix("0.0.0.0/8"), "unspecified, which reaches this machine (RFC 1122)"},
	{netip.MustParsePrefix("::/128"), "unspecified, which reaches this machine (RFC 4291)"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast (RFC 1112)"},
	{netip.MustParsePrefix("ff00::/8"), "multicast (RFC 4291)"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved, and broadcast (RFC 1112)"},
}

// registries knows which addresses are globally reachable.
var registries = ssrf.New(ssrf.WithAnyNetwork(), ssrf.WithAnyPort())

// kindOf returns the kind of an address, and why it is forbidden.
func kindOf(addr netip.Addr) (kind, string) {
	if !addr.IsValid() {
		return forbidden, "no address"
	}
	addr = addr.WithZone("").Unmap() // no prefix contains an address with a zone
	for _, n := range never {
		if n.prefix.Contains(addr) {
			return forbidden, n.reason
		}
	}
	if embedded, translated, ok := embeddedIPv4(addr); ok {
		k, reason := kindOf(embedded)
		if k == public && !translated {
			k = private
		}
		return k, reason
	}
	if registries.SafeAddr(addr) == nil {
		return public, ""
	}
	return private, ""
}

// embeddings are the prefixes of IPv6 addresses that contain an IPv4 address.
var embeddings = []struct {
	prefix     netip.Prefix
	at         int  // the index of the four bytes
	inverted   bool // each bit of them is inverted
	translated bool // by a gateway to the whole internet: as public as the IPv4 address
}{
	{prefix: netip.MustParsePrefix("64:ff9b::/96"), at: 12, translated: true}, // NAT64 (RFC 6052), the answers of DNS64
	{prefix: netip.MustParsePrefix("64:ff9b:1::/48"), at: 12},                 // NAT64 of a network (RFC 8215)
	{prefix: netip.MustParsePrefix("::ffff:0:0:0/96"), at: 12},                // SIIT (RFC 7915)
	{prefix: netip.MustParsePrefix("2002::/16"), at: 2},                       // 6to4 (RFC 3056)
	{prefix: netip.MustParsePrefix("2001::/32"), at: 12, inverted: true},      // Teredo (RFC 4380)
	{prefix: netip.MustParsePrefix("::/96"), at: 12},                          // IPv4-compatible (RFC 4291 section 2.5.5.1)
}

// embeddedIPv4 returns the IPv4 address that addr contains.
func embeddedIPv4(addr netip.Addr) (embedded netip.Addr, translated, ok bool) {
	if addr == netip.IPv6Loopback() { // which ::/96 contains
		return netip.Addr{}, false, false
	}
	for _, e := range embeddings {
		if !e.prefix.Contains(addr) {
			continue
		}
		all := addr.As16()
		four := [4]byte(all[e.at:])
		if e.inverted {
			for i := range four {
				four[i] = ^four[i]
			}
		}
		return netip.AddrFrom4(four), e.translated, true
	}
	return netip.Addr{}, false, false
}
