package poller_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/mock"
)

func TestNewRefuses(t *testing.T) {
	s, p := &mock.Source{}, newPublisher()
	for _, test := range []struct {
		name    string
		streams []poller.Stream
		want    string
	}{
		{"no source", []poller.Stream{{}}, `poller: stream "default": no Source`},
		{"negative interval", []poller.Stream{{Source: s, Every: -1}}, `poller: stream "default": Every is -1ns, want 1ms to 168h0m0s`},
		{"interval too short", []poller.Stream{{Source: s, Every: poller.MinEvery - 1}}, `poller: stream "default": Every is 999.999µs, want 1ms to 168h0m0s`},
		{"interval too long", []poller.Stream{{Source: s, Every: poller.MaxEvery + 1}}, `poller: stream "default": Every is 168h0m0.000000001s, want 1ms to 168h0m0s`},
		{"negative timeout", []poller.Stream{{Source: s, Every: time.Second, Timeout: -1}}, `poller: stream "default": Timeout is -1ns, want more than 0 and less than Every, which is 1s`},
		{"timeout as long as the interval", []poller.Stream{{Source: s, Timeout: 5 * time.Second}}, `poller: stream "default": Timeout is 5s, want more than 0 and less than Every, which is 5s`},
		{"negative linger", []poller.Stream{{Source: s, Linger: -1}}, `poller: stream "default": Linger is -1ns, want more than 0`},
		{"name taken by an event", []poller.Stream{{Source: s, Name: "status"}}, `poller: stream "status": hub: invalid stream name "status": taken by an event type`},
		{"name twice", []poller.Stream{{Source: s}, {Source: s, Name: "default"}}, `poller: stream "default" is listed twice`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := poller.New(poller.Options{Publisher: p, Streams: test.streams})
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}

	t.Run("all together", func(t *testing.T) {
		_, err := poller.New(poller.Options{Streams: []poller.Stream{{Every: -1}, {Name: "a b", Source: s}}, Spread: -1})
		if err == nil {
			t.Fatal("no error")
		}
		for _, part := range []string{"no Publisher", "Spread is -1ns, want 0 or more", "no Source", "Every is -1ns", `"a b"`} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q is missing in\n%v", part, err)
			}
		}
	})
}

func TestNewAccepts(t *testing.T) {
	s := &mock.Source{}
	for _, stream := range []poller.Stream{
		{Source: s},
		{Source: s, Every: poller.MinEvery},
		{Source: s, Every: poller.MaxEvery},
		{Source: s, Every: time.Second, Timeout: time.Second - 1},
		{Source: s, Every: time.Second, Timeout: 1},
	} {
		if _, err := poller.New(poller.Options{Publisher: newPublisher(), Streams: []poller.Stream{stream}}); err != nil {
			t.Errorf("%+v: %v", stream, err)
		}
	}
}

// TestStatus follows a stream from before Run until after it.
func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := newSource(func(_ context.Context, c call) (poller.Reading, error) {
			time.Sleep(time.Second)
			switch c.n {
			case 0:
				return reading(`1`), nil
			case 1:
				return unchanged()
			}
			return fails()
		})
		polling, err := poller.New(poller.Options{
			Publisher: newPublisher(),
			Streams:   []poller.Stream{{Source: s, Every: every}},
			Logger:    slog.New(slog.DiscardHandler),
			Rand:      func() float64 { return 1 },
		})
		if err != nil {
			t.Fatal(err)
		}
		check := func(want hub.Upstream) {
			t.Helper()
			want.Name, want.Every = "default", every
			want.TotalDuration = time.Duration(want.Successes) * time.Second
			for _, n := range want.Failures {
				want.TotalDuration += time.Duration(n) * time.Second
			}
			want.Durations[5] = uint64(want.TotalDuration / time.Second) // up to a second each
			if diff := cmp.Diff([]hub.Upstream{want}, polling.Status()); diff != "" {
				t.Errorf("at %v (-want +got)\n%s", time.Since(began), diff)
			}
		}
		at := began.Add
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)

		check(hub.Upstream{Status: hub.Status{State: hub.Live}})

		go func() { ended <- polling.Run(ctx) }()
		synctest.Wait() // during the first fetch
		check(hub.Upstream{Status: hub.Status{State: hub.Live, Since: began}, LastPoll: began, Polls: 1})

		time.Sleep(2 * time.Second)
		synctest.Wait()
		check(hub.Upstream{
			Status:   hub.Status{State: hub.Live, Since: began, LastSuccess: at(time.Second)},
			LastPoll: began, NextPoll: at(every),
			Polls: 1, Successes: 1, LastDuration: time.Second,
		})

		time.Sleep(2 * every) // after the third fetch, which failed
		synctest.Wait()
		success := every + time.Second
		want := hub.Upstream{
			Status: hub.Status{State: hub.Live, Since: began, LastSuccess: at(success), Error: "error"},
			Reason: "boom", LastPoll: at(2 * every), NextPoll: at(3 * every),
			Polls: 3, Successes: 2, Unchanged: 1, Failures: map[string]uint64{"error": 1}, LastDuration: time.Second,
		}
		check(want)

		// The failures are at 2, 3, 4.5 and 6.75 intervals, and the next attempt
		// 3.375 after that.
		time.Sleep(success + 3*every - time.Since(began) - 1)
		synctest.Wait()
		want.Polls, want.Failures, want.NextPoll = 4, map[string]uint64{"error": 2}, at(4*every+every/2)
		want.LastPoll = at(3 * every)
		check(want)
		time.Sleep(time.Nanosecond)
		want.State, want.Since = hub.Stale, at(success+3*every)
		check(want)
		time.Sleep(3*every - 1)
		synctest.Wait()
		want.Polls, want.Failures, want.NextPoll = 6, map[string]uint64{"error": 4}, at(10*every+every/8)
		want.LastPoll = at(6*every + every*3/4)
		check(want)
		time.Sleep(time.Nanosecond)
		want.State, want.Since = hub.Down, at(success+6*every)
		check(want)

		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if got := polling.Status()[0]; !got.NextPoll.IsZero() {
			t.Errorf("next poll at %v after the end", got.NextPoll)
		}
	})
}

// TestStatusIsACopy has a caller that modifies the result.
func TestStatusIsACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		polling, _ := start(t, newPublisher(), script(fails))
		synctest.Wait()
		polling.Status()[0].Failures["error"] = 99
		if n := polling.Status()[0].Failures["error"]; n != 1 {
			t.Errorf("%d failures, want 1", n)
		}
	})
}

// TestWithHub uses a real hub and reads what its clients receive.
func TestWithHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := hub.New(hub.Options{})
		if err != nil {
			t.Fatal(err)
		}
		polling, err := poller.New(poller.Options{
			Publisher: h,
			Streams:   []poller.Stream{{Source: script(gives(`{"n": 1}`), fails, fails, fails, gives(`{"n": 2}`)), Every: every}},
			Logger:    slog.New(slog.DiscardHandler),
			Rand:      func() float64 { return 0 },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		go func() { ended <- h.Run(ctx) }()
		subscription, err := h.Subscribe(t.Context(), hub.SubscribeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		go func() { ended <- polling.Run(ctx) }()
		time.Sleep(5*every - 1)
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		var got []string
		for e := range subscription.Events() {
			got = append(got, string(e.Data()))
		}
		want := []string{
			`{"n":1}`,
			`{"stream":"default","state":"stale","since":"2000-01-01T00:00:30.000Z","lastSuccess":"2000-01-01T00:00:00.000Z","error":"error"}`,
			`{"n":2}`,
			`{"stream":"default","state":"live","since":"2000-01-01T00:00:40.000Z","lastSuccess":"2000-01-01T00:00:40.000Z","error":null}`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}
