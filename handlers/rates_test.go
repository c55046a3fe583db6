package handlers

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// So many callers are known and no more. Those that have been quiet long enough to begin
// anew are forgotten, and the rest share one rate.
func TestRatesAreBounded(t *testing.T) {
	const most = 10_000
	synctest.Test(t, func(t *testing.T) {
		g := newRates[netip.Addr](10, 100)
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
		if len(g.known) != most {
			t.Errorf("%d addresses are known, want all %d", len(g.known), most)
		}
		g.allows(address(0), 1)
		time.Sleep(time.Nanosecond)
		if !g.allows(address(most), 100) || len(g.known) != 2 {
			t.Errorf("%d addresses are known, want the one that is not quiet and the new one", len(g.known))
		}
	})
}

// Without a limit nothing is counted, and nobody is refused.
func TestNoRate(t *testing.T) {
	var none = newRates[string](0, 0)
	for range 1000 {
		if !none.allows("x", 1_000_000) {
			t.Fatal("refused")
		}
	}
}
