package fanout_test

import (
	"net/netip"
	"testing"

	"github.com/polluxhub/pollux/hub/fanout"
)

// The addresses of one network of IPv6 are one.
func TestSite(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "2001:db8:1:2::": "2001:db8:1:2::", "::1": "::",
	} {
		if got := fanout.Site(netip.MustParseAddr(text)).String(); got != want {
			t.Errorf("%s counts as %s, want %s", text, got, want)
		}
	}
	if got := fanout.Site(netip.Addr{}); got != (netip.Addr{}) {
		t.Errorf("no address counts as %s", got)
	}
}
