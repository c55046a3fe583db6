package poller_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// What becomes of a key of which no document comes.

func failure(class string, wait time.Duration) error {
	return &poller.Error{Class: class, Wait: wait}
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
		if text := lines.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "at the source") || !strings.Contains(text, "keyfate_test.go") {
			t.Errorf("the log has\n%s", text)
		}
	})
}
