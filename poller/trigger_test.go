package poller_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/poller"
)

// TestPollNow checks when a stream is asked if PollNow is called at certain times.
func TestPollNow(t *testing.T) {
	const debounce, ms = poller.Debounce, time.Millisecond
	type ask struct{ at, want time.Duration }
	wait := func(wait time.Duration) func() (poller.Reading, error) {
		return func() (poller.Reading, error) { return poller.Reading{Document: []byte(`1`), Wait: wait}, nil }
	}
	limited := func(wait time.Duration) func() (poller.Reading, error) {
		return func() (poller.Reading, error) { return poller.Reading{}, &poller.Error{Class: "http_429", Wait: wait} }
	}
	takes := func(d time.Duration) func() (poller.Reading, error) {
		return func() (poller.Reading, error) { time.Sleep(d); return reading(`1`), nil }
	}
	ok := gives(`1`)
	for _, test := range []struct {
		name   string
		every  time.Duration
		random float64
		steps  []func() (poller.Reading, error)
		asks   []ask
		until  time.Duration
		want   []time.Duration
	}{
		{
			"between two ticks", every, 0, []func() (poller.Reading, error){ok},
			[]ask{{4 * time.Second, 4*time.Second + debounce}}, 2 * every,
			[]time.Duration{0, 4*time.Second + debounce, every, 2 * every},
		},
		{
			"many calls, one fetch", every, 0, []func() (poller.Reading, error){ok},
			[]ask{{4 * time.Second, 4100 * ms}, {4001 * ms, 4100 * ms}, {4099 * ms, 4100 * ms}}, every,
			[]time.Duration{0, 4100 * ms, every},
		},
		{
			"not within the gap", every, 0, []func() (poller.Reading, error){ok},
			[]ask{{1, time.Second}, {1001 * ms, 2 * time.Second}, {2500 * ms, 3 * time.Second}}, every,
			[]time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second, every},
		},
		{
			"the tick comes first", every, 0, []func() (poller.Reading, error){ok},
			[]ask{{every - debounce + 1, every}}, 2 * every,
			[]time.Duration{0, every, 2 * every},
		},
		{
			"a tick within the gap after it falls away", every, 0, []func() (poller.Reading, error){ok},
			[]ask{{9 * time.Second, 9100 * ms}}, 3 * every,
			[]time.Duration{0, 9100 * ms, 2 * every, 3 * every},
		},
		{
			"a tick just after the gap stays", every, 0, []func() (poller.Reading, error){ok},
			[]ask{{8900 * ms, 9 * time.Second}}, 2 * every,
			[]time.Duration{0, 9 * time.Second, every, 2 * every},
		},
		{
			"an interval shorter than the gap", 200 * ms, 0, []func() (poller.Reading, error){ok},
			[]ask{{10 * ms, 200 * ms}}, 600 * ms,
			[]time.Duration{0, 200 * ms, 400 * ms, 600 * ms},
		},
		{
			// The fetch in flight may be older than what the caller knows of.
			"while a fetch is in flight", every, 0, []func() (poller.Reading, error){takes(500 * ms), ok},
			[]ask{{100 * ms, time.Second}}, every,
			[]time.Duration{0, time.Second, every},
		},
		{
			"while a long fetch is in flight", every, 0, []func() (poller.Reading, error){takes(3 * time.Second), ok},
			[]ask{{100 * ms, time.Second}, {1500 * ms, 1500 * ms}}, every,
			[]time.Duration{0, 3 * time.Second, every},
		},
		{
			"the fetch outlasts a tick", every, 0, []func() (poller.Reading, error){ok, takes(2 * time.Second), ok},
			[]ask{{8500 * ms, 8600 * ms}}, 3 * every,
			[]time.Duration{0, 8600 * ms, 2 * every, 3 * every},
		},
		{
			"not before a wait is over", every, 0, []func() (poller.Reading, error){wait(time.Minute), ok},
			[]ask{{time.Second, time.Minute}, {2 * every, time.Minute}}, time.Minute + every,
			[]time.Duration{0, time.Minute, time.Minute + every},
		},
		{
			"a short wait", every, 0, []func() (poller.Reading, error){wait(3 * time.Second), ok},
			[]ask{{time.Second, 3 * time.Second}}, 2 * every,
			[]time.Duration{0, 3 * time.Second, every, 2 * every},
		},
		{
			"not before a wait after a failure", every, 0, []func() (poller.Reading, error){limited(time.Minute), ok},
			[]ask{{time.Second, time.Minute}}, time.Minute + every,
			[]time.Duration{0, time.Minute, time.Minute + every},
		},
		{
			// Failures at 0, 10 and 25; the next attempt would be at 47.5.
			"a backoff is cut short, and a new grid begins", every, 1, []func() (poller.Reading, error){fails, fails, fails, ok},
			[]ask{{30 * time.Second, 30*time.Second + debounce}}, 52 * time.Second,
			[]time.Duration{0, every, 25 * time.Second, 30*time.Second + debounce, 40*time.Second + debounce, 50*time.Second + debounce},
		},
		{
			"in vain, which changes nothing", every, 1, []func() (poller.Reading, error){fails, fails, fails, fails, ok},
			[]ask{{30 * time.Second, 30*time.Second + debounce}}, 50 * time.Second,
			[]time.Duration{0, every, 25 * time.Second, 30*time.Second + debounce, 47500 * ms},
		},
		{
			"in vain as the first, which counts", every, 1, []func() (poller.Reading, error){ok, fails},
			[]ask{{4 * time.Second, 4*time.Second + debounce}}, 30 * time.Second,
			[]time.Duration{0, 4100 * ms, 14100 * ms, 29100 * ms},
		},
		{
			"in vain, less than an interval before the next", every, 1, []func() (poller.Reading, error){fails, fails, fails, fails, ok},
			[]ask{{40 * time.Second, 40*time.Second + debounce}}, 55 * time.Second,
			[]time.Duration{0, every, 25 * time.Second, 40*time.Second + debounce, 50*time.Second + debounce},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := script(test.steps...)
				polling, _ := start(t, newPublisher(), s, func(o *poller.Options) {
					o.Streams[0].Every = test.every
					o.Rand = func() float64 { return test.random }
				})
				for _, ask := range test.asks {
					time.Sleep(ask.at - time.Since(s.start))
					synctest.Wait()
					at, err := polling.PollNow("default")
					if err != nil || at.Sub(s.start) != ask.want {
						t.Errorf("asked at %v: %v, %v, want %v", ask.at, at.Sub(s.start), err, ask.want)
					}
					synctest.Wait()
					if got := polling.Status()[0].NextPoll; !got.IsZero() && !got.Equal(at) {
						t.Errorf("asked at %v: next poll at %v, want %v", ask.at, got.Sub(s.start), at.Sub(s.start))
					}
				}
				time.Sleep(test.until - time.Since(s.start))
				synctest.Wait()
				if diff := cmp.Diff(test.want, s.asked()); diff != "" {
					t.Errorf("fetches (-want +got)\n%s", diff)
				}
				if got := polling.Status()[0].Asked; got != uint64(len(test.asks)) {
					t.Errorf("asked %d times, want %d", got, len(test.asks))
				}
				if s.overlap.Load() {
					t.Error("two fetches at once")
				}
			})
		})
	}
}

// TestPollNowRefuses has streams that are not polled.
func TestPollNowRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made, err := poller.New(poller.Options{Publisher: newPublisher(), Streams: []poller.Stream{{Source: script(fails)}}})
		if err != nil {
			t.Fatal(err)
		}
		if at, err := made.PollNow("default"); !errors.Is(err, poller.ErrNotRunning) || !at.IsZero() {
			t.Errorf("before Run: %v, %v, want ErrNotRunning", at, err)
		}
		polling, stop := start(t, newPublisher(), newSource(func(context.Context, call) (poller.Reading, error) { return fails() }))
		synctest.Wait()
		if at, err := polling.PollNow("other"); !errors.Is(err, poller.ErrUnknownStream) || !at.IsZero() {
			t.Errorf("unknown: %v, %v, want ErrUnknownStream", at, err)
		}
		if _, err := polling.PollNow(""); err != nil {
			t.Errorf("the default stream: %v", err)
		}
		stop()
		if next := polling.Status()[0].NextPoll; !next.IsZero() {
			t.Errorf("next poll at %v after the end", next)
		}
		if _, err := polling.PollNow("default"); !errors.Is(err, poller.ErrNotRunning) {
			t.Errorf("after Run: %v, want ErrNotRunning", err)
		}
	})
}
