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

	"github.com/polluxhub/pollux/poller"
)

// Which keys are asked for first, where requests are fewer than keys.

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
