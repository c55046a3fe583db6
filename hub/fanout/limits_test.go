package fanout

import (
	"math"
	"testing"
)

func TestLimitsFor(t *testing.T) {
	const needed = 21
	for _, test := range []struct {
		descriptors, clients, connections int
		want                              Limits
	}{
		// Derived limits.
		{64, 0, 0, Limits{24, 8, 32}},
		{128, 0, 0, Limits{69, 22, 37}},
		{200, 0, 0, Limits{123, 40, 37}},
		{256, 0, 0, Limits{165, 54, 37}},
		{1024, 0, 0, Limits{862, 125, 37}},
		{20_000, 0, 0, Limits{19_162, 561, 277}},
		{1_000_000, 0, 0, Limits{DefaultMaxClients, 3999, 277}},
		{math.MaxInt, 0, 0, Limits{DefaultMaxClients, 4096, 277}},
		{math.MaxInt, 5_000_000, 9_000, Limits{5_000_000, 9_000, 277}},

		// Limits that fit.
		{20_000, 19_000, 0, Limits{19_000, 561, 277}},
		{20_000, 19_500, 0, Limits{19_500, 223, 277}},
		{20_000, 1, 1, Limits{1, 1, 277}},
		{200, 20, 0, Limits{20, 40, 37}},
		{200, 20, 143, Limits{20, 143, 37}},
		{20_000, 0, 2_000, Limits{17_723, 2_000, 277}},

		// Limits that do not fit.
		{200, 153, 0, Limits{153, 10, 37}},
		{200, 154, 0, Limits{153, 10, 37}},
		{200, 1_000_000, 0, Limits{153, 10, 37}},
		{200, 20, 144, Limits{20, 143, 37}},
		{200, 0, 82, Limits{82, 81, 37}},
		{20_000, 1_000_000, 1_000_000, Limits{19_583, 140, 277}},

		// Few descriptors leave room for one client and one connection.
		{3, 0, 0, Limits{1, 1, 1}},
		{1, 0, 0, Limits{1, 1, 0}},
		{0, 7, 7, Limits{1, 1, 0}},
		{-1, 0, 0, Limits{1, 1, 0}},
	} {
		if got := LimitsFor(test.descriptors, needed, test.clients, test.connections); got != test.want {
			t.Errorf("%d descriptors, %d clients, %d connections: got %+v, want %+v",
				test.descriptors, test.clients, test.connections, got, test.want)
		}
	}
}

// Whatever limits are wanted, together they do not exceed the descriptors.
func TestLimitsFit(t *testing.T) {
	for descriptors := 3; descriptors < 3_000; descriptors++ {
		for _, asked := range [][2]int{{0, 0}, {1, 0}, {0, 1}, {100, 100}, {1e6, 0}, {0, 1e6}, {1e6, 1e6}} {
			for _, needed := range []int{0, 21, 1e6} {
				got := LimitsFor(descriptors, needed, asked[0], asked[1])
				if got.Clients < 1 || got.Connections < 1 || got.Reserve < 0 || got.Clients+got.Connections+got.Reserve > descriptors {
					t.Fatalf("%d descriptors, %d needed, asked for %v: %+v", descriptors, needed, asked, got)
				}
			}
		}
	}
}
