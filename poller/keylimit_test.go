package poller_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// classesTold returns what clients were told of all keys, as state and class, and how
// often.
func classesTold(h *keyHub) map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	told := make(map[string]int)
	for _, m := range h.messages {
		if m.State != "" {
			told[string(m.State)+" "+m.Class]++
		}
	}
	return told
}

// TestLimitIsToldAsSuch has an upstream that allows one request a second, for sixty keys
// that it would take six a second for: those that have to wait are stale because of the
// limit, also before their first document, and never down.
func TestLimitIsToldAsSuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		s := newKeySource(func(_ context.Context, c keyCall) (poller.Reading, error) {
			return poller.Reading{Document: []byte(fmt.Sprint(int(c.at))), Wait: time.Second}, nil
		})
		polling, _ := startKeys(t, h, keyed(s, 1))
		h.listen(1, keyNames(60)...)
		for range 300 {
			time.Sleep(time.Second + time.Millisecond)
			family, _ := polling.StatusOf("prices")
			if next := family.NextPoll; !next.IsZero() && next.Before(time.Now()) {
				t.Fatalf("the next poll was %v ago", time.Since(next))
			}
			one, _ := polling.StatusOf("prices/k0")
			if next := one.NextPoll; next.Before(time.Now()) {
				t.Fatalf("the next poll of k0 was %v ago", time.Since(next))
			}
			if one.State == hub.Stale && one.Error != "rate_limited" {
				t.Fatalf("k0 is %+v", one.Status)
			}
		}
		expected, _ := polling.StatusOf("prices/k0")
		time.Sleep(time.Minute + time.Second)
		asExpected := func(at time.Duration) bool { return h.start.Add(at).Sub(expected.NextPoll).Abs() <= 2*time.Second }
		if asked := s.asked("k0"); !slices.ContainsFunc(asked, asExpected) {
			t.Errorf("k0 was asked at %v, and expected at %v", asked, expected.NextPoll.Sub(h.start))
		}
		told := classesTold(h)
		if told["stale rate_limited"] < 60 || told["live "] < 60 || len(told) != 2 {
			t.Errorf("clients were told %v", told)
		}
	})
}

// TestParallelIsToldAsALimit has an upstream that takes too long for the keys that there
// are, and later a poller that stands still for a minute, which is no limit.
func TestParallelIsToldAsALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		var quick atomic.Bool
		s := newKeySource(func(ctx context.Context, c keyCall) (poller.Reading, error) {
			if !quick.Load() {
				time.Sleep(5 * time.Second)
			}
			return one(ctx, c)
		})
		polling, _ := startKeys(t, h, keyed(s, 1))
		h.listen(1, keyNames(200)...)
		for range 200 {
			time.Sleep(every / 10)
			if next := polling.Status()[0].NextPoll; next.Before(time.Now()) {
				t.Fatalf("the next poll is at %v", next)
			}
		}
		if told := classesTold(h); told["stale rate_limited"] == 0 || told["stale "] != 0 || told["down "] != 0 {
			t.Errorf("clients were told %v", told)
		}
		quick.Store(true)
		time.Sleep(10 * every)
		h.mu.Lock()
		h.pause = 6 * every
		h.mu.Unlock()
		h.listen(1, "new")
		time.Sleep(5 * every)
		if status, _ := polling.StatusOf("prices/k0"); status.State != hub.Stale || status.Error != "" {
			t.Errorf("k0 is %+v", status.Status)
		}
	})
}

// TestRefusalIsNotTheFaultOfAKey has an upstream that allows ten requests of a second,
// and refuses the others: it is asked as often as it allows, seldom refuses anything,
// and every key is asked as often as any other.
func TestRefusalIsNotTheFaultOfAKey(t *testing.T) {
	for _, said := range []time.Duration{time.Second, 0} { // Retry-After, or nothing
		synctest.Test(t, func(t *testing.T) {
			h := newKeyHub()
			var second, left, refused atomic.Int64
			s := newKeySource(func(_ context.Context, c keyCall) (poller.Reading, error) {
				time.Sleep(10 * time.Millisecond)
				now := int64(c.at / time.Second)
				if second.Swap(now) != now {
					left.Store(10)
				}
				if left.Add(-1) < 0 {
					refused.Add(1)
					return poller.Reading{}, failure("http_429", said)
				}
				return poller.Reading{Document: []byte(fmt.Sprint(int(c.at)))}, nil
			})
			polling, _ := startKeys(t, h, keyed(s, 1))
			h.listen(1, keyNames(400)...) // which takes 40 s
			time.Sleep(10 * time.Minute)
			asked := len(s.between(2*time.Minute, 10*time.Minute))
			if asked < 8*60*10*6/10 {
				t.Errorf("%d requests in eight minutes, %v of which were allowed", asked, 8*60*10)
			}
			if n := int(refused.Load()); n > asked/20 {
				t.Errorf("%d requests were refused, and %d were not", n, asked)
			}
			for _, key := range keyNames(400) {
				if n := len(s.asked(key)); n < 8 || n > 20 {
					t.Fatalf("%s was asked %d times in ten minutes", key, n)
				}
			}
			for told, n := range classesTold(h) {
				if told != "live " && told != "stale rate_limited" && told != "stale http_429" {
					t.Errorf("clients were told %q %d times", told, n)
				}
			}
			if status := polling.Status()[0]; status.Failures["http_429"] != uint64(refused.Load()) {
				t.Errorf("the stream has %+v", status)
			}
		})
	}
}

// TestKeyThatIsRefusedForEver does not hold up the others: after a few times it has
// failed, as any other key does.
func TestKeyThatIsRefusedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		s := newKeySource(func(ctx context.Context, c keyCall) (poller.Reading, error) {
			if strings.HasPrefix(c.keys[0], "bad") {
				return poller.Reading{}, failure("http_429", time.Second)
			}
			return one(ctx, c)
		})
		polling, _ := startKeys(t, h, keyed(s, 1), func(o *poller.Options) {
			o.Rand = func() float64 { return 0.9 }
		})
		h.listen(1, "bad", "k0", "k1", "k2")
		time.Sleep(time.Hour)
		if n := len(s.asked("bad")); n > 30 {
			t.Errorf("asked %d times in an hour", n)
		}
		if n := len(s.asked("k0")); n < 330 {
			t.Errorf("another key was asked %d times in an hour, want 360", n)
		}
		if status, _ := polling.StatusOf("prices/bad"); status.State != hub.Down || status.Error != "http_429" {
			t.Errorf("the key is %+v", status.Status)
		}
	})
}
