package lease_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub/natslog/lease"
	"github.com/polluxhub/pollux/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

const ttl = lease.DefaultTTL

// node is one that wants leases.
type node struct {
	*lease.Leases
	t      *testing.T
	name   string
	access *access
	stop   func() // of Run and of all that it holds
	all    sync.WaitGroup
	ctx    context.Context

	mu   sync.Mutex
	held map[string]*lease.Held
}

// start starts a node, which ends with the test.
func start(t *testing.T, s *store, name string, random float64) *node {
	t.Helper()
	n := &node{t: t, name: name, access: s.access(), held: map[string]*lease.Held{}}
	var err error
	n.Leases, err = lease.New(lease.Options{
		Store: n.access, Node: name, Logger: slog.New(slog.DiscardHandler), Rand: func() float64 { return random },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.ctx = ctx
	n.all.Go(func() {
		if err := n.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	n.stop = sync.OnceFunc(func() {
		cancel()
		n.all.Wait()
	})
	t.Cleanup(n.stop)
	return n
}

// want keeps the lease of a stream whenever the node can have it, and saves what it is told.
func (n *node) want(streams ...string) {
	for _, stream := range streams {
		n.all.Go(func() { n.keep(stream) })
	}
}

func (n *node) keep(stream string) {
	for n.ctx.Err() == nil {
		held, err := n.Acquire(n.ctx, stream)
		if err != nil {
			return
		}
		held.Save([]byte(n.name))
		n.mu.Lock()
		n.held[stream] = held
		n.mu.Unlock()
		select {
		case <-held.Context().Done():
		case <-held.Wanted():
		}
		n.mu.Lock()
		delete(n.held, stream)
		n.mu.Unlock()
		releasing, enough := context.WithTimeout(context.WithoutCancel(n.ctx), time.Second)
		_ = held.Release(releasing) // a node that is cut off cannot
		enough()
	}
}

// holds reports whether a node may poll a stream now.
func (n *node) holds(stream string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	held := n.held[stream]
	return held != nil && held.Context().Err() == nil && held.Holds()
}

// kill ends a node that cannot tell anybody.
func (n *node) kill() {
	n.access.separate(true)
	n.stop()
}

// holders returns the nodes that hold a stream.
func holders(stream string, nodes ...*node) (held []*node) {
	for _, n := range nodes {
		if n.holds(stream) {
			held = append(held, n)
		}
	}
	return held
}

// holder returns the node that holds a stream, or nil, and fails the test if there are two.
func holder(t *testing.T, stream string, nodes ...*node) *node {
	t.Helper()
	switch held := holders(stream, nodes...); len(held) {
	case 0:
		return nil
	case 1:
		return held[0]
	default:
		t.Fatalf("%s and %s hold %s", held[0].name, held[1].name, stream)
		return nil
	}
}

// within returns after how long something is so, in steps of a millisecond.
func within(t *testing.T, most time.Duration, is func() bool) time.Duration {
	t.Helper()
	for waited := time.Duration(0); waited <= most; waited += time.Millisecond {
		synctest.Wait()
		if is() {
			return waited
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("not within %v", most)
	return 0
}

func streams(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("stream.%d", i))
	}
	return list
}

// TestOneHolds has two nodes. One gets the lease and keeps it, and both know who.
func TestOneHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a, b := start(t, s, "a", 0), start(t, s, "b", 0.5)
		a.want("prices/BTC")
		within(t, time.Second, func() bool { return a.holds("prices/BTC") })
		b.want("prices/BTC")
		time.Sleep(ttl * 5)
		synctest.Wait()
		one := holder(t, "prices/BTC", a, b)
		if one == nil {
			t.Fatal("nobody holds the lease")
		}
		time.Sleep(ttl * 5)
		synctest.Wait()
		if holder(t, "prices/BTC", a, b) != one {
			t.Error("the lease has moved without a reason")
		}
		for _, n := range []*node{a, b} {
			if name, saved, age := n.Observe("prices/BTC"); name != one.name || string(saved) != one.name || age > ttl*10 {
				t.Errorf("%s sees %q, %q, %v", n.name, name, saved, age)
			}
			if list := n.Holders(); len(list) != 1 || list[0] != (lease.Holder{Stream: "prices/BTC", Node: one.name}) {
				t.Errorf("%s sees %v", n.name, list)
			}
		}
		other := a
		if one == a {
			other = b
		}
		other.stop() // and does not follow
		one.stop()
		if list := one.Holders(); len(list) != 0 {
			t.Errorf("a lease that was released: %v", list)
		}
	})
}

// TestRelease stops the holder. The next node has the lease at once, and what was saved.
func TestRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a, b := start(t, s, "a", 0), start(t, s, "b", 0)
		a.want("x")
		within(t, time.Second, func() bool { return a.holds("x") })
		b.want("x")
		time.Sleep(ttl)
		synctest.Wait()
		first, second := holder(t, "x", a, b), b
		if first == b {
			second = a
		}
		if first == nil {
			t.Fatal("nobody holds the lease")
		}
		first.stop()
		if waited := within(t, time.Second, func() bool { return second.holds("x") }); waited > 100*time.Millisecond {
			t.Errorf("handed over after %v", waited)
		}
		second.mu.Lock()
		saved, _ := second.held["x"].Saved()
		second.mu.Unlock()
		if string(saved) != first.name {
			t.Errorf("handed over %q", saved)
		}
		if stats := first.Stats(); stats.Released == 0 || stats.Held != 0 {
			t.Errorf("stats %+v", stats)
		}
	})
}

// TestKill kills the holder. The next node has the lease when it has run out, and not before
// the holder has given it up by its own clock.
func TestKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a, b := start(t, s, "a", 0), start(t, s, "b", 0)
		a.want("x")
		within(t, time.Second, func() bool { return a.holds("x") })
		b.want("x")
		time.Sleep(2 * ttl)
		synctest.Wait()
		first, second := holder(t, "x", a, b), b
		if first == b {
			second = a
		}
		killed := time.Now()
		first.kill()
		within(t, ttl, func() bool { return second.holds("x") })
		if waited := time.Since(killed); waited < ttl*2/3 || waited > ttl+ttl/10 {
			t.Errorf("taken after %v", waited)
		}
	})
}

// TestCut cuts the holder off. It gives up by itself, before another node takes the lease.
func TestCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a, b := start(t, s, "a", 0), start(t, s, "b", 0)
		a.want("x")
		within(t, time.Second, func() bool { return a.holds("x") })
		b.want("x")
		time.Sleep(2 * ttl)
		synctest.Wait()
		first, second := holder(t, "x", a, b), b
		if first == b {
			second = a
		}
		first.access.separate(true)
		gaveUp := within(t, ttl, func() bool { return !first.holds("x") })
		if gaveUp > ttl*2/3+time.Millisecond || holder(t, "x", a, b) != nil {
			t.Errorf("given up after %v", gaveUp)
		}
		within(t, ttl, func() bool { return second.holds("x") })
		if stats := first.Stats(); stats.Lost != 1 {
			t.Errorf("stats %+v", stats)
		}
		first.access.separate(false)
		time.Sleep(3 * ttl)
		synctest.Wait()
		if holder(t, "x", a, b) == nil {
			t.Error("nobody holds the lease at last")
		}
	})
}

// TestStoreFails has a store that nobody can reach, for less than what a lease is held and
// for longer.
func TestStoreFails(t *testing.T) {
	for _, test := range []struct {
		name  string
		fails time.Duration
		lost  bool
	}{
		{"a third", ttl / 3, false},
		{"three times", 3 * ttl, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStore()
				a, b := start(t, s, "a", 0), start(t, s, "b", 0)
				a.want("x")
				b.want("x")
				time.Sleep(2 * ttl)
				synctest.Wait()
				first := holder(t, "x", a, b)
				a.access.separate(true)
				b.access.separate(true)
				time.Sleep(test.fails)
				synctest.Wait()
				if is := holder(t, "x", a, b); (is == nil) != test.lost {
					t.Errorf("held: %t, want lost: %t", is != nil, test.lost)
				}
				a.access.separate(false)
				b.access.separate(false)
				within(t, ttl/2, func() bool { return holder(t, "x", a, b) != nil })
				time.Sleep(2 * ttl)
				synctest.Wait()
				if after := holder(t, "x", a, b); after == nil || !test.lost && after != first {
					t.Error("nobody holds the lease, or another one does without a reason")
				}
			})
		})
	}
}

// TestLostAnswers has a holder whose renewals are stored, but who never hears of it. It gives
// up, and then has its lease again, because nobody else has taken it.
func TestLostAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a := start(t, s, "a", 0.5)
		a.want("x")
		within(t, time.Second, func() bool { return a.holds("x") })
		a.access.set(0, true)
		time.Sleep(ttl)
		synctest.Wait()
		a.access.set(0, false)
		within(t, 2*time.Second, func() bool { return a.holds("x") })
	})
}

// TestWiped wipes the store under a holder. It steps down, and somebody holds the lease soon.
func TestWiped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a, b := start(t, s, "a", 0), start(t, s, "b", 0)
		a.want("x")
		b.want("x")
		time.Sleep(2 * ttl)
		s.wipe()
		time.Sleep(ttl)
		synctest.Wait()
		for range 20 {
			time.Sleep(ttl / 3)
			synctest.Wait()
			if holder(t, "x", a, b) == nil {
				t.Error("nobody holds the lease")
			}
		}
	})
}

// TestShares has three nodes that come one after the other, and share the streams. When one
// leaves, the others share its streams, and keep theirs.
func TestShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 60
		s := newStore()
		var nodes []*node
		for i, name := range []string{"a", "b", "c"} {
			n := start(t, s, name, float64(i)/3)
			n.want(streams(many)...)
			nodes = append(nodes, n)
			time.Sleep(3 * ttl)
		}
		synctest.Wait()
		of := map[string]*node{}
		for _, stream := range streams(many) {
			of[stream] = holder(t, stream, nodes...)
		}
		for _, n := range nodes {
			if held := n.Stats().Held; held < many/6 || n.Stats().Nodes != 3 {
				t.Errorf("%s holds %d of %d: %+v", n.name, held, many, n.Stats())
			}
		}
		nodes[1].stop()
		time.Sleep(3 * ttl)
		synctest.Wait()
		for _, stream := range streams(many) {
			now := holder(t, stream, nodes...)
			if now == nil || of[stream] != nodes[1] && now != of[stream] {
				t.Errorf("%s: lost, or moved without a reason", stream)
			}
		}
		for _, n := range nodes {
			if taken := n.Stats().Taken; taken > 2*many {
				t.Errorf("%s has taken %d leases", n.name, taken)
			}
		}
	})
}

// TestNobodyElseWants has a node that is the right one for a stream that it does not have. The
// other one keeps it.
func TestNobodyElseWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a := start(t, s, "a", 0)
		start(t, s, "b", 0)
		a.want(streams(20)...)
		time.Sleep(10 * ttl)
		synctest.Wait()
		if stats := a.Stats(); stats.Held != 20 || stats.Taken != 20 {
			t.Errorf("stats %+v", stats)
		}
	})
}

// TestOtherVersion has records with members that this version does not know, and texts that
// are none.
func TestOtherVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		raw := s.access()
		for key, value := range map[string]string{
			"lease.x": `{"stream":"x","holder":"","fence":7,"saved":"c2F2ZWQ=","more":{"a":1}}`,
			"lease.y": `nothing`, "node.z": `[]`, "wish.x": `{"stream":"other"}`, "another": `1`, "lease.": ``,
		} {
			if _, err := raw.Put(t.Context(), key, []byte(value), 0); err != nil {
				t.Fatal(err)
			}
		}
		a := start(t, s, "a", 0)
		for _, stream := range []string{"x", "y"} {
			held, err := a.Acquire(t.Context(), stream)
			if err != nil {
				t.Fatal(err)
			}
			if saved, _ := held.Saved(); (stream == "x") != (string(saved) == "saved") {
				t.Errorf("%s: saved %q", stream, saved)
			}
			if err := held.Release(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestAcquireEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a, b := start(t, s, "a", 0), start(t, s, "b", 0)
		a.want("x")
		within(t, time.Second, func() bool { return a.holds("x") })
		ctx, cancel := context.WithTimeout(t.Context(), ttl/3) // before b can wish for it
		defer cancel()
		if _, err := b.Acquire(ctx, "x"); err == nil {
			t.Error("two nodes hold the lease, or it was given up for nothing")
		}
		b.stop()
		if _, err := b.Acquire(t.Context(), "x"); !errors.Is(err, lease.ErrClosed) {
			t.Errorf("error %v", err)
		}
	})
}

func TestOptions(t *testing.T) {
	for _, opts := range []lease.Options{{}, {Store: newStore().access(), TTL: -1}} {
		if _, err := lease.New(opts); err == nil {
			t.Errorf("no error for %+v", opts)
		}
	}
}
