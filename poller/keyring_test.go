package poller_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
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

func failure(class string, wait time.Duration) error {
	return &poller.Error{Class: class, Wait: wait}
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

// TestKeyThatTheUpstreamDoesNotHave is told, and asked for rarely, also for those who
// come after it has ended.
func TestKeyThatTheUpstreamDoesNotHave(t *testing.T) {
	for _, class := range []string{"http_404", "http_410"} {
		synctest.Test(t, func(t *testing.T) {
			h := newKeyHub()
			var there atomic.Bool
			s := newKeySource(func(ctx context.Context, c keyCall) (poller.Reading, error) {
				if c.keys[0] == "b" || there.Load() {
					return one(ctx, c)
				}
				return poller.Reading{}, failure(class, 0)
			})
			stream := keyed(s, 1)
			stream.Keys.Absent = 68 * time.Second // between two requests for b
			polling, _ := startKeys(t, h, stream)
			h.listen(1, "b", "a")
			time.Sleep(time.Second)
			if diff := cmp.Diff([]keyMessage{{Key: "a", State: hub.Down, Class: class}}, h.of("a")); diff != "" {
				t.Error(diff)
			}
			time.Sleep(19 * time.Second)
			h.end("a")
			time.Sleep(10 * time.Second)
			h.listen(1, "a") // at 30 s
			time.Sleep(time.Second)
			if diff := cmp.Diff([]keyMessage{{At: 30 * time.Second, Key: "a", State: hub.Down, Class: class}}, h.of("a")[1:]); diff != "" {
				t.Error(diff)
			}
			if status, found := polling.StatusOf("prices/a"); !found || status.State != hub.Down || status.Error != class || !status.Since.Equal(h.start) {
				t.Errorf("the status is %+v", status)
			}
			if family := polling.Status()[0]; family.Keys != 2 || family.Watched != 2 || family.Absent != 1 || family.State != hub.Live {
				t.Errorf("the stream has %+v", family)
			}
			there.Store(true)
			time.Sleep(38 * time.Second) // 69 s
			if diff := cmp.Diff([]time.Duration{0, 68 * time.Second}, s.asked("a")); diff != "" {
				t.Error(diff)
			}
			want := []keyMessage{{At: 68 * time.Second, Key: "a", Data: `"a"`}, {At: 68 * time.Second, Key: "a", State: hub.Live}}
			if diff := cmp.Diff(want, h.of("a")[2:]); diff != "" {
				t.Error(diff)
			}
			time.Sleep(15 * time.Second)
			if n := len(s.asked("a")); n != 3 {
				t.Errorf("asked %d times, want as often as any key again", n)
			}
		})
	}
}

// TestBatchSharesItsFate fails one request: each of its keys has failed once, and no
// other one. A status of 404 says nothing about one of several keys.
func TestBatchSharesItsFate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		var bad atomic.Bool
		s := newKeySource(func(ctx context.Context, c keyCall) (poller.Reading, error) {
			if bad.Load() && strings.Contains(strings.Join(c.keys, ","), "k0") {
				return poller.Reading{}, failure("http_404", 0)
			}
			return many(ctx, c)
		})
		polling, _ := startKeys(t, h, keyed(s, 2))
		h.listen(1, "k0", "k1")
		time.Sleep(every / 2)
		h.listen(1, "k2", "k3")
		time.Sleep(every / 4)
		bad.Store(true)
		time.Sleep(every / 2)
		for key, class := range map[string]string{"k0": "http_404", "k1": "http_404", "k2": "", "k3": ""} {
			status, found := polling.StatusOf("prices/" + key)
			if !found || status.Error != class || status.State != hub.Live {
				t.Errorf("%s: %+v, want the class %q", key, status, class)
			}
		}
		if failures := polling.Status()[0].Failures["http_404"]; failures != 1 {
			t.Errorf("%d failures, want one for the request", failures)
		}
		if family := polling.Status()[0]; family.Absent != 0 {
			t.Errorf("%d keys are absent", family.Absent)
		}
		time.Sleep(4 * every)
		if got := h.of("k1"); got[len(got)-1].State == hub.Live || got[len(got)-1].Class != "http_404" {
			t.Errorf("clients of k1 were told %+v", got)
		}
	})
}

// TestRefusedKeyDoesNotHarmOthersForLong has an upstream refuse each request with a key
// that it does not like: keys that have had an answer are not in such a request.
func TestRefusedKeyDoesNotHarmOthersForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		var failed atomic.Int32
		s := newKeySource(func(ctx context.Context, c keyCall) (poller.Reading, error) {
			if strings.Contains(strings.Join(c.keys, ","), "bad") {
				if len(c.keys) > 1 {
					failed.Add(1)
				}
				return poller.Reading{}, failure("http_400", 0)
			}
			return many(ctx, c)
		})
		startKeys(t, h, keyed(s, 100))
		h.listen(1, keyNames(50)...)
		time.Sleep(every)
		h.listen(1, "bad")
		time.Sleep(20 * every)
		if n := failed.Load(); n > 0 {
			t.Errorf("%d requests for other keys failed because of it", n)
		}
	})
}

func TestKeyWithoutAPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		var gone atomic.Bool
		s := newKeySource(func(_ context.Context, c keyCall) (poller.Reading, error) {
			var keys []string
			for _, key := range c.keys {
				if key != "never" && (key != "a" || !gone.Load()) {
					keys = append(keys, key)
				}
			}
			return each(append(keys, "unasked"), func(key string) string { return `"` + key + `"` }), nil
		})
		polling, _ := startKeys(t, h, keyed(s, 10))
		h.listen(1, "a", "b", "never")
		time.Sleep(every / 2)
		gone.Store(true)
		time.Sleep(every)
		at := 10 * time.Millisecond
		if diff := cmp.Diff([]keyMessage{{At: at, Key: "never", State: hub.Down, Class: "no_document"}}, h.of("never")); diff != "" {
			t.Error(diff)
		}
		want := []keyMessage{{At: at, Key: "a", Data: `"a"`}, {At: at + every, Key: "a", State: hub.Down, Class: "no_document"}}
		if diff := cmp.Diff(want, h.of("a")); diff != "" {
			t.Error(diff)
		}
		if got := h.of("b"); len(got) != 1 {
			t.Errorf("b was told %v", got)
		}
		if h.demand.Newest("prices/a") == nil {
			t.Error("the document is gone")
		}
		if family := polling.Status()[0]; family.State != hub.Live || family.Error != "" && family.Error != "no_document" {
			t.Errorf("the stream is %+v", family)
		}
	})
}

// TestLimitCountsForAllKeys has an upstream that says how often it may be asked: all
// keys of all streams that ask it share that.
func TestLimitCountsForAllKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		var wait atomic.Int64
		var refused atomic.Bool
		s := newKeySource(func(context.Context, keyCall) (poller.Reading, error) {
			if refused.Load() {
				return poller.Reading{}, failure("http_429", time.Minute)
			}
			return poller.Reading{Document: []byte("1"), Wait: time.Duration(wait.Load())}, nil
		})
		stream := keyed(s, 1)
		stream.Upstream = "https://x.example"
		polling, _ := startKeys(t, h, stream)
		wait.Store(int64(3 * time.Second))
		h.listen(1, "a")
		time.Sleep(time.Millisecond)
		h.listen(1, keyNames(20)...)
		time.Sleep(31*time.Second - time.Millisecond)
		for i, c := range s.between(0, time.Hour) {
			if want := time.Duration(i) * 3 * time.Second; c.at != want {
				t.Errorf("request %d at %v, want %v", i, c.at, want)
			}
		}
		if n := len(s.between(0, time.Hour)); n != 11 {
			t.Errorf("%d requests, want one in three seconds", n)
		}
		if status := polling.Status()[0]; status.NotBefore.Sub(h.start) != 33*time.Second {
			t.Errorf("not before %v", status.NotBefore.Sub(h.start))
		}
		// The limit is gone: the rest are asked at once.
		wait.Store(0)
		time.Sleep(3 * time.Second)
		if n := len(s.between(33*time.Second, 34*time.Second)); n < 5 {
			t.Errorf("%d requests after the limit", n)
		}
		// Too many: nothing for a minute, then one, then the others.
		time.Sleep(5*every + time.Millisecond)
		from := time.Since(h.start)
		refused.Store(true)
		time.Sleep(every) // one of them is refused
		hit := s.between(from, time.Hour)
		if len(hit) != 1 {
			t.Fatalf("%d requests, want none after the one that was refused", len(hit))
		}
		after := hit[0].at + time.Minute
		time.Sleep(after - time.Since(h.start) - time.Millisecond)
		if n := len(s.between(from, time.Hour)); n != 1 {
			t.Errorf("%d requests within the minute", n)
		}
		time.Sleep(every)
		if n := len(s.between(from, time.Hour)); n != 2 {
			t.Errorf("%d requests, want one to see whether the minute was enough", n)
		}
		refused.Store(false)
		time.Sleep(time.Minute + every)
		if n := len(s.between(from, time.Hour)); n < 20 {
			t.Errorf("%d requests, want all keys again", n)
		}
	})
}

func TestParallelRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		s := newKeySource(func(ctx context.Context, c keyCall) (poller.Reading, error) {
			time.Sleep(time.Second)
			return one(ctx, c)
		})
		stream := keyed(s, 1)
		stream.Keys.Parallel = 8
		_, stop := startKeys(t, h, stream)
		h.listen(1, keyNames(100)...)
		time.Sleep(5 * every)
		stop()
		if s.most != 8 {
			t.Errorf("%d requests at a time, want 8", s.most)
		}
		if n := len(h.of("k99")); n != 1 {
			t.Errorf("the last key has %d messages", n)
		}
	})
}

// TestCrawlerIsNotNoticed has somebody ask for thousands of keys that nobody listens to,
// each of which takes long, while others listen.
func TestCrawlerIsNotNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		s := newKeySource(func(ctx context.Context, c keyCall) (poller.Reading, error) {
			if strings.HasPrefix(c.keys[0], "k") {
				return one(ctx, c)
			}
			select {
			case <-time.After(5 * time.Second):
			case <-ctx.Done():
			}
			return poller.Reading{}, failure("http_404", 0)
		})
		startKeys(t, h, keyed(s, 1))
		h.listen(1, keyNames(100)...)
		time.Sleep(every)
		crawl := make([]string, 10_000)
		for i := range crawl {
			crawl[i] = fmt.Sprint("x", i)
		}
		h.listen(0, crawl...)
		time.Sleep(time.Second)
		h.listen(1, "k100") // whose first listener does not wait for the crawler
		if synctest.Wait(); len(s.asked("k100")) != 1 {
			t.Error("a key with a listener waits for keys without one")
		}
		h.listen(1, "x9999")
		if synctest.Wait(); len(s.asked("x9999")) != 1 {
			t.Error("a key that gets a listener waits for keys without one")
		}
		time.Sleep(10 * every)
		for _, key := range keyNames(100) {
			times := s.asked(key)
			for i, at := range times[1:] {
				if gap := at - times[i]; gap > 2*every || i > 0 && gap > every+every/100+time.Millisecond {
					t.Fatalf("%s was asked again after %v", key, gap)
				}
			}
		}
		if n := len(s.asked("x0")); n != 1 {
			t.Errorf("a key that nobody has listened to was asked %d times", n)
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

// TestKeyGoesDown has an upstream that fails: clients are told when the key is stale and
// down, at these moments, and that it lives again after the document.
func TestKeyGoesDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		var fails atomic.Bool
		s := newKeySource(func(_ context.Context, c keyCall) (poller.Reading, error) {
			if fails.Load() {
				return poller.Reading{}, failure("http_503", 0)
			}
			return reading(fmt.Sprint(int(c.at.Seconds()))), nil
		})
		var lines bytes.Buffer
		startKeys(t, h, keyed(s, 1), func(o *poller.Options) {
			o.Logger = slog.New(slog.NewTextHandler(&lines, nil))
		})
		h.listen(1, keyNames(50)...)
		time.Sleep(time.Second)
		fails.Store(true)
		time.Sleep(89 * time.Second)
		fails.Store(false)
		time.Sleep(time.Minute)
		var told []string
		for _, m := range h.of("k0") {
			if m.State != "" {
				told = append(told, fmt.Sprintf("%s %s %v", m.State, m.Class, m.At.Truncate(time.Second)))
			}
		}
		if len(told) != 3 || told[0] != "stale http_503 30s" || told[1] != "down http_503 1m0s" || !strings.HasPrefix(told[2], "live ") {
			t.Errorf("clients were told %q", told)
		}
		got := h.of("k0")
		for i, m := range got {
			if m.State == hub.Live && got[i-1].Data == "" {
				t.Errorf("%v before a document", m)
			}
		}
		if text := lines.String(); strings.Count(text, "poll failed") != 1 || strings.Count(text, "poll recovered") != 1 || strings.Count(text, "\n") != 2 {
			t.Errorf("the log has\n%s", text)
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

// TestKeyIsAskedWithItsVersion believes "unchanged", for each key.
func TestKeyIsAskedWithItsVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		s := newKeySource(func(_ context.Context, c keyCall) (poller.Reading, error) {
			tag := poller.Version{ETag: c.keys[0]}
			if c.since == tag {
				return poller.Reading{Unchanged: true}, nil
			}
			return poller.Reading{Document: []byte("1"), Version: tag}, nil
		})
		polling, _ := startKeys(t, h, keyed(s, 1))
		h.listen(1, "a", "b")
		time.Sleep(2*every + every/2)
		for _, c := range s.between(time.Second, time.Hour) {
			if c.since.ETag != c.keys[0] {
				t.Errorf("%v was asked with %v", c.keys, c.since)
			}
		}
		if status := polling.Status()[0]; status.Successes != 6 && status.Successes != 5 || status.Unchanged != status.Successes-2 {
			t.Errorf("the stream has %+v", status)
		}
		if a := h.of("a"); len(a) != 1 {
			t.Errorf("a was told %v", a)
		}
	})
}

// TestKeyThatIsNotPublished is published again as soon as it is asked again.
func TestKeyThatIsNotPublished(t *testing.T) {
	for _, batch := range []int{1, 10} {
		synctest.Test(t, func(t *testing.T) {
			h := newKeyHub()
			refused := false
			h.refuse = func(m hub.Message) error {
				if m.Stream == "prices/a" && !refused {
					refused = true
					return errBoom
				}
				return nil
			}
			s := newKeySource(many)
			polling, _ := startKeys(t, h, keyed(s, batch))
			h.listen(1, "a", "b")
			time.Sleep(time.Second)
			if a, _ := polling.StatusOf("prices/a"); a.Error != "publish" {
				t.Errorf("a is %+v", a)
			}
			if b, _ := polling.StatusOf("prices/b"); b.Error != "" || len(h.of("b")) != 1 {
				t.Errorf("b is %+v", b)
			}
			time.Sleep(2 * every)
			if got := h.of("a"); len(got) != 3 || got[1].Data == "" || got[2].State != hub.Live {
				t.Errorf("a was told %v", got)
			}
		})
	}
}

// TestKeysAreReshaped has select and ignore work for a key as for a stream.
func TestKeysAreReshaped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		var asked atomic.Int32
		s := newKeySource(func(_ context.Context, c keyCall) (poller.Reading, error) {
			n := asked.Add(1)
			return each(c.keys, func(string) string { return fmt.Sprint(n) }), nil
		})
		stream := keyed(s, 10)
		stream.Reshape = func(_ context.Context, document []byte) ([]byte, error) {
			if string(document) == "2" {
				return nil, failure("select", 0)
			}
			return []byte("[ " + string(document) + " ]"), nil
		}
		stream.Same = func(published, document []byte) bool {
			return string(published) == "[1]" && string(document) == "[3]"
		}
		startKeys(t, h, stream)
		h.listen(1, "a")
		time.Sleep(10 * every)
		got := h.of("a")
		if len(got) < 2 || got[0].Data != "[1]" || got[1].Data != "[4]" {
			t.Errorf("a was told %v", got)
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

// TestFewerRequestsThanKeys has an upstream with a limit of one request a second, and
// many new keys: three of four requests are for them, in the order in which they came,
// and the fourth is for the known key that has waited longest. Then all are asked in
// turn.
func TestFewerRequestsThanKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		s := newKeySource(func(context.Context, keyCall) (poller.Reading, error) {
			return poller.Reading{Document: []byte("1"), Wait: time.Second}, nil
		})
		startKeys(t, h, keyed(s, 1))
		old := keyNames(10)
		h.listen(1, old...)
		time.Sleep(10 * every)
		var crowd []string
		for i := range 90 {
			crowd = append(crowd, fmt.Sprint("n", i))
			h.listen(1, crowd[i])
			time.Sleep(time.Microsecond)
		}
		time.Sleep(2*time.Minute + 5*time.Second - 90*time.Microsecond)
		var last time.Duration
		for _, key := range crowd {
			times := s.asked(key)
			if len(times) == 0 || times[0] < last {
				t.Fatalf("%s is asked at %v, after one that came later at %v", key, times, last)
			}
			last = times[0]
		}
		for _, key := range old {
			times := s.asked(key)
			if n := len(times); times[n-1] < 10*every {
				t.Errorf("%s has not been asked while others came", key)
			}
		}
		from := time.Since(h.start)
		time.Sleep(5 * time.Minute)
		for _, key := range slices.Concat(old, crowd) {
			times := s.asked(key)
			for i, at := range times[1:] {
				if gap := at - times[i]; at > from+2*time.Minute && (gap < 95*time.Second || gap > 105*time.Second) {
					t.Fatalf("%s is asked again after %v, want a hundred seconds for a hundred keys", key, gap)
				}
			}
		}
	})
}

// TestFailingKeysDelayNoOther has a third of the keys fail at once, or only after a long
// time: the others are asked every interval.
func TestFailingKeysDelayNoOther(t *testing.T) {
	for name, takes := range map[string]time.Duration{"at once": 0, "slowly": every * 3 / 4} {
		for _, batch := range []int{1, 10} {
			t.Run(fmt.Sprint(name, " ", batch), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newKeyHub()
					s := newKeySource(func(ctx context.Context, c keyCall) (poller.Reading, error) {
						if strings.HasPrefix(c.keys[0], "k") {
							return many(ctx, c)
						}
						select {
						case <-time.After(takes):
						case <-ctx.Done():
						}
						return poller.Reading{}, failure("http_503", 0)
					})
					startKeys(t, h, keyed(s, batch))
					h.listen(1, keyNames(200)...)
					time.Sleep(every)
					for i := range 100 {
						h.listen(1, fmt.Sprint("bad", i))
						time.Sleep(every / 100)
					}
					time.Sleep(30 * every)
					for _, key := range keyNames(200) {
						times := s.asked(key)
						for i, at := range times[1:] {
							if gap := at - times[i]; gap > every {
								t.Fatalf("%s was asked again after %v, at %v", key, gap, at)
							}
						}
					}
				})
			})
		}
	}
}

// TestCrowdDelaysNoOther has two hundred keys get a listener at once, and half of them
// lose it again: the others are asked every interval, and so are the new ones.
func TestCrowdDelaysNoOther(t *testing.T) {
	for _, batch := range []int{1, 10} {
		synctest.Test(t, func(t *testing.T) {
			h := newKeyHub()
			s := newKeySource(func(ctx context.Context, c keyCall) (poller.Reading, error) {
				time.Sleep(20 * time.Millisecond)
				return many(ctx, c)
			})
			startKeys(t, h, keyed(s, batch))
			h.listen(1, keyNames(100)...)
			time.Sleep(3 * every)
			var crowd []string
			for i := range 200 {
				crowd = append(crowd, fmt.Sprint("n", i))
			}
			h.listen(1, crowd...)
			time.Sleep(2*every + every/3)
			h.listen(0, crowd[:100]...)
			time.Sleep(every / 2)
			h.end(crowd[:100]...)
			time.Sleep(5 * every)
			for _, key := range slices.Concat(keyNames(100), crowd[100:]) {
				times := s.asked(key)
				for i, at := range times[1:] {
					if gap := at - times[i]; gap > every+every/100 { // a request of before may be under way
						t.Fatalf("%s was asked again after %v, at %v", key, gap, at)
					}
				}
			}
		})
	}
}

// TestKeysThatLingerAreLast has more keys that nobody listens to any more than can be
// asked: those with a listener are asked every interval, and one that gets a listener
// again is asked at once if its document is old.
func TestKeysThatLingerAreLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		s := newKeySource(func(ctx context.Context, c keyCall) (poller.Reading, error) {
			time.Sleep(time.Second)
			return many(ctx, c)
		})
		startKeys(t, h, keyed(s, 1)) // 16 in parallel: 160 requests an interval
		var crowd []string
		for i := range 300 {
			crowd = append(crowd, fmt.Sprint("n", i))
		}
		h.listen(1, crowd...)
		time.Sleep(5 * every)
		h.listen(0, crowd...)
		h.listen(1, keyNames(50)...)
		time.Sleep(10 * every)
		for _, key := range keyNames(50) {
			times := s.asked(key)
			for i, at := range times[1:] {
				if gap := at - times[i]; i > 0 && gap > every+time.Second {
					t.Fatalf("%s was asked again after %v, at %v", key, gap, at)
				}
			}
		}
		back := ""
		for _, key := range crowd { // which has waited longest
			if back == "" || last(s.asked(key)) < last(s.asked(back)) {
				back = key
			}
		}
		at := time.Since(h.start)
		h.listen(1, back)
		time.Sleep(time.Second)
		if got := last(s.asked(back)); got < at {
			t.Errorf("%s, which was asked at %v, is not asked when a client comes back at %v", back, got, at)
		}
	})
}

func last(times []time.Duration) time.Duration { return times[len(times)-1] }

// TestKeyThatEndsInFlightIsNoFailure has the hub refuse what came for a key that has
// ended.
func TestKeyThatEndsInFlightIsNoFailure(t *testing.T) {
	for _, batch := range []int{1, 10} {
		synctest.Test(t, func(t *testing.T) {
			h := newKeyHub()
			s := newKeySource(func(ctx context.Context, c keyCall) (poller.Reading, error) {
				time.Sleep(time.Second)
				return many(ctx, c)
			})
			polling, _ := startKeys(t, h, keyed(s, batch))
			h.listen(1, "a", "b")
			time.Sleep(500 * time.Millisecond)
			h.end("a")
			time.Sleep(time.Second)
			if status := polling.Status()[0]; len(status.Failures) > 0 || status.Successes == 0 || status.Keys != 1 {
				t.Errorf("the stream has %+v", status)
			}
			if got := h.of("b"); len(got) != 1 {
				t.Errorf("b was told %v", got)
			}
		})
	}
}

// TestSavedRequestsOfKeys counts clients as for a stream: those of all keys of a request.
func TestSavedRequestsOfKeys(t *testing.T) {
	for batch, want := range map[int]uint64{1: 4 + 2, 10: 1 + 5 + 3 - 1} {
		synctest.Test(t, func(t *testing.T) {
			h, s := newKeyHub(), newKeySource(many)
			polling, _ := startKeys(t, h, keyed(s, batch))
			h.listen(1, "a", "b")
			time.Sleep(time.Second)
			h.listen(5, "a") // of which nobody is told: it is no change from or to nobody
			h.listen(3, "b")
			time.Sleep(16 * time.Second)
			if status := polling.Status()[0]; status.Saved != want || status.Watched != 2 {
				t.Errorf("%+v, want %d saved", status, want)
			}
		})
	}
}

// TestHiddenChangeOfAKey has an upstream answer "unchanged" for ever: no key is asked
// with its version any more once that has been noticed for one.
func TestHiddenChangeOfAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		tag := poller.Version{ETag: "1"}
		s := newKeySource(func(_ context.Context, c keyCall) (poller.Reading, error) {
			if c.since == tag {
				return poller.Reading{Unchanged: true}, nil
			}
			return poller.Reading{Document: []byte(fmt.Sprint(int(c.at.Minutes()))), Version: tag}, nil
		})
		var lines bytes.Buffer
		polling, stop := startKeys(t, h, keyed(s, 1), func(o *poller.Options) {
			o.Logger = slog.New(slog.NewTextHandler(&lines, nil))
		})
		h.listen(1, "a", "b")
		time.Sleep(2 * time.Hour)
		if status := polling.Status()[0]; status.Hidden == 0 {
			t.Errorf("the stream has %+v", status)
		}
		stop()
		for _, c := range s.between(110*time.Minute, time.Hour*2) {
			if c.since != (poller.Version{}) {
				t.Fatalf("%v is asked with a version", c.keys)
			}
		}
		if n := strings.Count(lines.String(), "level=WARN"); n != 1 {
			t.Errorf("the log has\n%s", lines.String())
		}
	})
}

// TestPanicForKeysIsAFailure has a source panic: the log says where.
func TestPanicForKeysIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		s := newKeySource(func(context.Context, keyCall) (poller.Reading, error) { panic("at the source") })
		var lines bytes.Buffer
		polling, stop := startKeys(t, h, keyed(s, 1), func(o *poller.Options) {
			o.Logger = slog.New(slog.NewTextHandler(&lines, nil))
		})
		h.listen(1, keyNames(20)...)
		time.Sleep(every + every/2)
		if status := polling.Status()[0]; status.Panics < 20 || status.Error != "panic" || status.State != hub.Stale {
			t.Errorf("the stream has %+v", status)
		}
		stop()
		if text := lines.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "at the source") || !strings.Contains(text, "keyring_test.go") {
			t.Errorf("the log has\n%s", text)
		}
	})
}
