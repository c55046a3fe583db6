package lease_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// seen is how long a node takes at most to see what its watch does not tell any more: until it stores
// something, until the watch has to have told of that, and until it reads the store anew.
const seen = ttl/3 + ttl/10 + ttl/15

// A watch that tells nothing any more, and does not say so, is replaced, so that a node sees that a
// lease was given up, however many nodes have such a watch.
func TestStalledWatchSeesReleasedLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		list := streams(16)
		leaving := start(t, s, "leaving", 0.5)
		leaving.want(list...)
		time.Sleep(ttl)
		others := []*node{start(t, s, "b", 0.2), start(t, s, "c", 0.8)}
		for _, n := range others {
			n.want(list...)
		}
		time.Sleep(ttl/3 + time.Second) // they do not wish for leases yet
		for _, n := range others {
			n.access.stall()
		}
		leaving.stop()
		took := within(t, 2*ttl, func() bool {
			for _, stream := range list {
				if holder(t, stream, others...) == nil {
					return false
				}
			}
			return true
		})
		if most := seen + 2*ttl/10; took > most {
			t.Errorf("all leases are held after %v, want within %v", took, most)
		}
	})
}

// A watch that tells all that is stored stays.
func TestWatchIsNotReplacedWithoutReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a, b := start(t, s, "a", 0.5), start(t, s, "b", 0.5)
		a.want(streams(5)...)
		b.want(streams(5)...)
		time.Sleep(2 * time.Minute)
		for _, n := range []*node{a, b} {
			if got := n.access.watched(); got != 1 {
				t.Errorf("%s has watched the store %d times", n.name, got)
			}
		}
	})
}

// A node that did not see another one come, because it did not reach the store, gives the other one's
// share of the leases up all the same: the wishes for them come before it knows that the other one is
// there.
func TestWishOfANodeThatCameUnseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		list := streams(32)
		a := start(t, s, "a", 0.5)
		a.want(list...)
		within(t, ttl, func() bool { return a.Stats().Held == len(list) })
		time.Sleep(ttl / 3) // the leases were just renewed
		a.access.separate(true)
		b := start(t, s, "b", 0.5)
		b.want(list...)
		time.Sleep(ttl/3 + ttl/30) // b has renewed its record
		a.access.separate(false)
		time.Sleep(3 * ttl)
		synctest.Wait()
		if a.Stats().Lost > 0 || b.Stats().Held == 0 {
			t.Errorf("a %+v, b %+v", a.Stats(), b.Stats())
		}
	})
}
