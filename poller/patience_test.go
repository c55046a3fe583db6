package poller_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/poller"
)

// TestMaxWait has an upstream that asks for a week: it is believed for as long as the
// stream allows, with a document and with an error.
func TestMaxWait(t *testing.T) {
	const week = 7 * 24 * time.Hour
	for most, want := range map[time.Duration]time.Duration{0: time.Hour, 2 * time.Minute: 2 * time.Minute, week: week} {
		for _, fails := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s := script(func() (poller.Reading, error) {
					if fails {
						return poller.Reading{}, &poller.Error{Class: "http_503", Wait: 1000 * week, Said: "Retry-After: 604800000"}
					}
					return poller.Reading{Document: []byte("1"), Wait: 1000 * week}, nil
				})
				start(t, newPublisher(), s, func(o *poller.Options) { o.Streams[0].MaxWait = most })
				time.Sleep(want + time.Second)
				if diff := cmp.Diff([]time.Duration{0, want}, s.asked()); diff != "" {
					t.Errorf("at most %v, fails %v: asked at\n%s", most, fails, diff)
				}
			})
		}
	}
	for most, want := range map[time.Duration]bool{-1: false, 0: true, 1: true, week: true, week + 1: false} {
		if err := (poller.Stream{Source: script(gives("1")), MaxWait: most}).Check(); (err == nil) != want {
			t.Errorf("MaxWait %v: %v", most, err)
		}
	}
}

// TestFirstWaitIsLogged has waits shorter and longer than the interval: the log has the
// first of several long ones, with what the upstream said, and the first one after an hour
// without any.
func TestFirstWaitIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wish := func(wait time.Duration, said string) func() (poller.Reading, error) {
			return func() (poller.Reading, error) {
				return poller.Reading{Document: []byte("1"), Wait: wait, Said: said}, nil
			}
		}
		var lines bytes.Buffer
		begun := time.Now()
		s := script(wish(every, "A: 10"), wish(every+1, "B: 11"), wish(2*every, "C: 20"), wish(0, ""), wish(2*every, "D: 20"), func() (poller.Reading, error) {
			if time.Since(begun) > 2*time.Hour {
				return wish(2*every, "E: 20")()
			}
			return wish(0, "")()
		})
		_, stop := start(t, newPublisher(), s, func(o *poller.Options) {
			o.Logger = slog.New(slog.NewTextHandler(&lines, nil))
		})
		time.Sleep(3 * time.Hour)
		stop()
		var got []string
		for line := range strings.Lines(lines.String()) {
			if _, rest, found := strings.Cut(line, `msg="upstream asks to wait" stream=default `); found {
				got = append(got, strings.TrimSpace(rest))
			}
		}
		if diff := cmp.Diff([]string{`said="B: 11" wait=10s every=10s`, `said="E: 20" wait=20s every=10s`}, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestFirstWaitOfKeysIsLogged has two keys whose answers all ask for a long wait, which
// counts for both and is told once.
func TestFirstWaitOfKeysIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeyHub()
		s := newKeySource(func(context.Context, keyCall) (poller.Reading, error) {
			return poller.Reading{Document: []byte("1"), Wait: 3 * every, Said: "A: 30"}, nil
		})
		var lines bytes.Buffer
		_, stop := startKeys(t, h, keyed(s, 1), func(o *poller.Options) {
			o.Logger = slog.New(slog.NewTextHandler(&lines, nil))
		})
		h.listen(1, "a", "b")
		time.Sleep(20 * every)
		stop()
		if n := strings.Count(lines.String(), `msg="upstream asks to wait" stream=prices said="A: 30" wait=30s every=10s`); n != 1 {
			t.Errorf("told %d times, want once:\n%s", n, lines.String())
		}
	})
}
