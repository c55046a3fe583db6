package fanout

import "net/netip"

// siteIPv6 is the size of the prefix that all addresses of one site of IPv6 share.
const siteIPv6 = 64

// Site returns the address that counts for limits: an address of IPv4 itself, and of IPv6
// its network /64, because a host that has one address of it has all.
func Site(address netip.Addr) netip.Addr {
	if !address.Is6() {
		return address
	}
	network, err := address.Prefix(siteIPv6)
	if err != nil {
		return address
	}
	return network.Addr()
}
