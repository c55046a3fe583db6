package handlers

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// The gate knows so many addresses and no more. It forgets those that have been quiet
// long enough to begin anew, and the rest share one rate.
func TestKeyGateIsBounded(t *testing.T) {
	const most = 10_000
	synctest.Test(t, func(t *testing.T) {
		g := newKeyGate(10) // of 100 at once
		address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
		for i := range most {
			if !g.allows(address(i), 100) {
				t.Fatalf("address %d is refused", i)
			}
		}
		if !g.allows(address(most), 60) || g.allows(address(most+1), 60) || !g.allows(address(most+2), 40) {
			t.Error("addresses for which there is no room do not share one rate")
		}
		time.Sleep(10*time.Second - time.Nanosecond)
		g.allows(address(most), 1)
		if len(g.callers) != most {
			t.Errorf("%d addresses are known, want all %d", len(g.callers), most)
		}
		g.allows(address(0), 1)
		time.Sleep(time.Nanosecond)
		if !g.allows(address(most), 100) || len(g.callers) != 2 {
			t.Errorf("%d addresses are known, want the one that is not quiet and the new one", len(g.callers))
		}
	})
}

// The addresses of one network of IPv6 are one.
func TestSite(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "2001:db8:1:2::": "2001:db8:1:2::", "::1": "::",
	} {
		if got := site(netip.MustParseAddr(text)).String(); got != want {
			t.Errorf("%s counts as %s, want %s", text, got, want)
		}
	}
	if got := site(netip.Addr{}); got != (netip.Addr{}) {
		t.Errorf("no address counts as %s", got)
	}
}
