package poller_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// one answers a request for one key with a document that never changes.
func one(_ context.Context, c keyCall) (poller.Reading, error) {
	return reading(fmt.Sprintf("%q", c.keys[0])), nil
}

// many answers a request for several keys.
func many(_ context.Context, c keyCall) (poller.Reading, error) {
	return each(c.keys, func(string) string { return "1" }), nil
}

// TestKeysAreAskedInBatches has ten thousand keys in a hundred requests an interval,
// spread over it, and none when nobody listens any more.
func TestKeysAreAskedInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, s := newKeyHub(), newKeySource(many)
		all := keyNames(10_000)
		h.listen(1, all...)
		startKeys(t, h, keyed(s, 100))
		time.Sleep(5*every + every/2)
		at := 20 * time.Millisecond
		if n := len(s.between(0, at)); n != 100 {
			t.Errorf("%d requests at first, want 100", n)
		}
		for i := range 5 {
			calls := s.between(time.Duration(i)*every+at, time.Duration(i+1)*every+at)
			if len(calls) != 100 {
				t.Errorf("%d requests in interval %d, want 100", len(calls), i)
			}
			moments := map[time.Duration]bool{}
			for _, c := range calls {
				moments[c.at] = true
			}
			if len(moments) != len(calls) {
				t.Errorf("%d requests at %d moments", len(calls), len(moments))
			}
		}
		for _, key := range all {
			if got := h.of(key); len(got) != 1 || got[0].Data != "1" {
				t.Fatalf("%s has %v", key, got)
			}
		}
		h.mu.Lock()
		calls := h.calls
		h.mu.Unlock()
		if calls != 100 {
			t.Errorf("%d calls to publish, want one for each request with news", calls)
		}
		h.listen(0, all...)
		time.Sleep(2 * every) // they linger, and are asked for
		h.end(all...)
		synctest.Wait()
		lingering := len(s.between(0, time.Hour))
		time.Sleep(10 * every)
		if n := len(s.between(0, time.Hour)) - lingering; n != 0 {
			t.Errorf("%d requests for keys that nobody listens to", n)
		}
	})
}

// TestFirstListenerIsServedAtOnce shares one request among those who come while it is
// under way, and asks nothing for a second listener.
func TestFirstListenerIsServedAtOnce(t *testing.T) {
	for _, batch := range []int{1, 100} {
		t.Run(fmt.Sprint(batch), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newKeyHub()
				s := newKeySource(func(ctx context.Context, c keyCall) (poller.Reading, error) {
					time.Sleep(time.Second)
					return many(ctx, c)
				})
				startKeys(t, h, keyed(s, batch))
				time.Sleep(3 * time.Second)
				h.listen(1, "a")
				time.Sleep(500 * time.Millisecond)
				h.listen(2, "a")
				time.Sleep(3 * time.Second)
				h.listen(3, "a")
				time.Sleep(3 * time.Second)
				gather := time.Duration(0)
				if batch > 1 {
					gather = 10 * time.Millisecond
				}
				if diff := cmp.Diff([]time.Duration{3*time.Second + gather}, s.asked("a")); diff != "" {
					t.Error(diff)
				}
				if got := h.of("a"); len(got) != 1 || got[0].At != 4*time.Second+gather {
					t.Errorf("got %v", got)
				}
			})
		})
	}
}

// TestKeyThatComesBackInFlight ends and comes back during its request: the second one
// waits for the first, and its answer is published anew.
func TestKeyThatComesBackInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		s := newKeySource(func(ctx context.Context, c keyCall) (poller.Reading, error) {
			time.Sleep(time.Second)
			return one(ctx, c)
		})
		startKeys(t, h, keyed(s, 1))
		h.listen(1, "a")
		time.Sleep(500 * time.Millisecond)
		h.end("a")
		synctest.Wait()
		h.listen(1, "a")
		time.Sleep(5 * time.Second)
		if diff := cmp.Diff([]time.Duration{0, time.Second}, s.asked("a")); diff != "" {
			t.Error(diff)
		}
		if got := h.of("a"); len(got) == 0 || got[len(got)-1].Data != `"a"` || h.demand.Newest("prices/a") == nil {
			t.Errorf("got %v", got)
		}
	})
}

// TestKeyThatNobodyHasListenedTo is asked once, again by Refresh after an interval, and
// with everything else once a client listens.
func TestKeyThatNobodyHasListenedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, s := newKeyHub(), newKeySource(one)
		polling, _ := startKeys(t, h, keyed(s, 1))
		h.listen(0, "a")
		time.Sleep(5 * time.Second)
		polling.Refresh("prices/a") // too early
		time.Sleep(20 * time.Second)
		if status, found := polling.StatusOf("prices/a"); !found || !status.Idle {
			t.Errorf("the key is %+v", status)
		}
		if family := polling.Status()[0]; !family.Idle {
			t.Errorf("the stream is %+v", family)
		}
		polling.Refresh("prices/a") // at 25 s
		time.Sleep(5 * time.Second)
		h.listen(1, "a") // at 30 s: asked 5 s ago
		time.Sleep(10 * time.Second)
		if diff := cmp.Diff([]time.Duration{0, 25 * time.Second, 35 * time.Second}, s.asked("a")); diff != "" {
			t.Error(diff)
		}
		if got := h.of("a"); len(got) != 1 {
			t.Errorf("clients were told %v", got)
		}
	})
}

func TestPollNowOfAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, s := newKeyHub(), newKeySource(one)
		polling, _ := startKeys(t, h, keyed(s, 1))
		h.listen(1, "a")
		time.Sleep(3 * time.Second)
		for range 3 {
			at, err := polling.PollNow("prices/a")
			if err != nil || at.Sub(h.start) != 3100*time.Millisecond {
				t.Errorf("at %v, %v", at.Sub(h.start), err)
			}
		}
		time.Sleep(200 * time.Millisecond)
		at, err := polling.PollNow("prices/a")
		if err != nil || at.Sub(h.start) != 4100*time.Millisecond {
			t.Errorf("at %v, %v", at.Sub(h.start), err)
		}
		time.Sleep(12 * time.Second)
		if diff := cmp.Diff([]time.Duration{0, 3100 * time.Millisecond, 4100 * time.Millisecond, 14100 * time.Millisecond}, s.asked("a")); diff != "" {
			t.Error(diff)
		}
		for _, name := range []string{"prices", "prices/c", "other/a"} {
			if _, err := polling.PollNow(name); !errors.Is(err, poller.ErrUnknownStream) {
				t.Errorf("%s: %v", name, err)
			}
			polling.Refresh(name)
			if _, found := polling.StatusOf(name); found != (name == "prices") {
				t.Errorf("the status of %s: %v", name, found)
			}
		}
		if family := polling.Status()[0]; family.Asked != 4 || family.Polls != uint64(len(s.between(0, time.Hour))) {
			t.Errorf("the stream has %+v", family)
		}
	})
}

// TestChangedStreamKeepsItsKeys replaces the loop: nothing is published twice, and every
// key is asked again within an interval, not all at once.
func TestChangedStreamKeepsItsKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, s, s2 := newKeyHub(), newKeySource(one), newKeySource(one)
		stream := keyed(s, 1)
		stream.Revision = "1"
		polling, _ := startKeys(t, h, stream)
		h.listen(1, keyNames(50)...)
		time.Sleep(3*every + every/2 + every/100) // between two slots
		same := stream
		if change, err := polling.Set([]poller.Stream{same}); err != nil || len(change.Kept) != 1 {
			t.Fatalf("%+v, %v", change, err)
		}
		before := len(s.between(0, time.Hour))
		changed := keyed(s2, 1)
		changed.Revision = "2"
		h.end("k1") // while nobody asks
		if change, err := polling.Set([]poller.Stream{changed}); err != nil || len(change.Changed) != 1 {
			t.Fatalf("%+v, %v", change, err)
		}
		if status, found := polling.StatusOf("prices/k0"); !found || status.State != hub.Live || status.LastSuccess.IsZero() {
			t.Errorf("k0 is %+v", status)
		}
		time.Sleep(every)
		if s.closed != 1 || len(s.between(0, time.Hour)) != before {
			t.Errorf("the old source is closed %d times, and asked %d times", s.closed, len(s.between(0, time.Hour))-before)
		}
		calls := s2.between(0, time.Hour)
		if len(calls) < 49 || len(calls) > 51 || len(s2.asked("k1")) > 0 {
			t.Errorf("%d requests, of these for a key that has ended %d", len(calls), len(s2.asked("k1")))
		}
		if at := calls[0].at; calls[10].at == at {
			t.Error("all keys are asked at once")
		}
		for _, key := range []string{"k0", "k49"} {
			if got := h.of(key); len(got) != 1 {
				t.Errorf("%s was told %v", key, got)
			}
		}
		if _, found := polling.StatusOf("prices/k1"); found {
			t.Error("a key that has ended has a status")
		}
		if status := polling.Status()[0]; status.Keys != 49 || status.Successes < 100 {
			t.Errorf("the stream has %+v", status)
		}
	})
}

// TestRunWaitsForRequests ends the poller during requests.
func TestRunWaitsForRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		var ended atomic.Int32
		s := newKeySource(func(ctx context.Context, _ keyCall) (poller.Reading, error) {
			<-ctx.Done()
			time.Sleep(time.Second)
			ended.Add(1)
			return poller.Reading{}, ctx.Err()
		})
		stream := keyed(s, 1)
		stream.Keys.Parallel = 1
		_, stop := startKeys(t, h, stream)
		h.listen(1, keyNames(20)...)
		time.Sleep(time.Second)
		stop()
		if n := ended.Load(); n != 1 || s.closed != 1 {
			t.Errorf("%d of 1 requests had ended when Run returned, and the source was closed %d times", n, s.closed)
		}
		if len(h.messages) != 0 {
			t.Errorf("told: %v", h.messages)
		}
	})
}

// TestStatesAreToldInPortions has thousands of keys go down together.
func TestStatesAreToldInPortions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		s := newKeySource(func(context.Context, keyCall) (poller.Reading, error) {
			return poller.Reading{}, failure("http_503", 0)
		})
		_, stop := startKeys(t, h, keyed(s, 500))
		all := keyNames(2500)
		h.listen(1, all...)
		time.Sleep(20 * every)
		stop()
		if h.largest > 1000 {
			t.Errorf("%d states with one call", h.largest)
		}
		for _, key := range all {
			if got := h.of(key); len(got) != 2 || got[0].State != hub.Stale || got[1].State != hub.Down {
				t.Fatalf("%s was told %v", key, got)
			}
		}
		if n := len(s.between(10*every, 20*every)); n > 5*10 {
			t.Errorf("%d requests in ten intervals to an upstream that is down", n)
		}
	})
}
