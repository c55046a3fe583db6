package poller_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// TestWaits checks when an upstream is asked that does not want to be asked each
// interval. The first fetch takes a second, the others no time.
func TestWaits(t *testing.T) {
	const took = time.Second
	for _, test := range []struct {
		name  string
		wait  time.Duration // of the first answer
		fails bool
		want  []time.Duration // the first fetches
	}{
		{"no hint", 0, false, []time.Duration{0, every, 2 * every}},
		{"negative", -1, false, []time.Duration{0, every, 2 * every}},
		{"shorter than the interval", every - took, false, []time.Duration{0, every, 2 * every}},
		{"a little after the tick", every - took + 1, false, []time.Duration{0, every + 1, 2*every + 1}},
		{"as long as the interval", every, false, []time.Duration{0, every + took, 2*every + took}},
		{"longer", time.Minute, false, []time.Duration{0, time.Minute + took, time.Minute + took + every}},
		{"an hour", time.Hour, false, []time.Duration{0, time.Hour + took, time.Hour + took + every}},
		{"more than an hour", time.Hour + 1, false, []time.Duration{0, time.Hour + took, time.Hour + took + every}},
		{"more than anything", math.MaxInt64, false, []time.Duration{0, time.Hour + took, time.Hour + took + every}},

		{"failure without a hint", 0, true, []time.Duration{0, every, 2 * every}},
		{"failure, less than the backoff", every - took, true, []time.Duration{0, every, 2 * every}},
		{"failure, more than the backoff", 2 * every, true, []time.Duration{0, 2*every + took, 3*every + took}},
		{"failure, more than anything", math.MaxInt64, true, []time.Duration{0, time.Hour + took, time.Hour + took + every}},
		{"failure, the least there is", math.MinInt64, true, []time.Duration{0, every, 2 * every}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSource(func(_ context.Context, c call) (poller.Reading, error) {
					if c.n > 0 {
						return reading(`1`), nil
					}
					time.Sleep(took)
					if test.fails {
						if test.wait == 0 {
							return poller.Reading{Wait: time.Hour}, errBoom
						}
						return poller.Reading{Wait: 2 * time.Hour}, &poller.Error{Class: "http_429", Wait: test.wait}
					}
					return poller.Reading{Document: []byte(`1`), Wait: test.wait}, nil
				})
				polling, _ := start(t, newPublisher(), s)
				time.Sleep(took)
				synctest.Wait()
				got := polling.Status()[0]
				if next := got.NextPoll.Sub(s.start); next != test.want[1] {
					t.Errorf("next poll at %v, want %v", next, test.want[1])
				}
				var notBefore time.Time
				if test.wait > 0 {
					notBefore = time.Now().Add(min(test.wait, time.Hour))
				}
				if !got.NotBefore.Equal(notBefore) {
					t.Errorf("not before %v, want %v", got.NotBefore, notBefore)
				}
				time.Sleep(test.want[2] - took)
				synctest.Wait()
				if diff := cmp.Diff(test.want, s.asked()); diff != "" {
					t.Errorf("fetches (-want +got)\n%s", diff)
				}
				got = polling.Status()[0]
				if got.Dropped != 0 || !got.NotBefore.IsZero() {
					t.Errorf("%d dropped, not before %v, want none", got.Dropped, got.NotBefore)
				}
			})
		})
	}
}

// TestWaitOfRefusedReading has an answer that is not a document, but says when to ask
// again.
func TestWaitOfRefusedReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(func(context.Context, call) (poller.Reading, error) {
			return poller.Reading{Document: []byte(`<`), Wait: time.Minute}, nil
		})
		start(t, newPublisher(), s)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		want := []time.Duration{0, time.Minute, 2 * time.Minute}
		if diff := cmp.Diff(want, s.asked()); diff != "" {
			t.Errorf("fetches (-want +got)\n%s", diff)
		}
	})
}

// TestStatesWithWaits has upstreams that want to be asked each minute, or that fail and
// want to wait for a minute.
func TestStatesWithWaits(t *testing.T) {
	const wait = 6 * every
	slow := poller.Reading{Document: []byte(`1`), Wait: wait}
	limited := &poller.Error{Class: "http_429", Wait: wait}
	for _, test := range []struct {
		name  string
		works func(at time.Duration) bool
		want  []message
	}{
		{
			"always live", func(time.Duration) bool { return true },
			[]message{data(0, `1`)},
		},
		{
			"live, stale, down: counted from when it was due", func(at time.Duration) bool { return at == 0 },
			[]message{
				data(0, `1`),
				status(wait+2*every, hub.Stale, wait+2*every, 0, "http_429"),
				status(wait+5*every, hub.Down, wait+5*every, 0, "http_429"),
			},
		},
		{
			// Asked at 0, 60 and 120 seconds.
			"live, stale, down, live", func(at time.Duration) bool { return at != wait },
			[]message{
				data(0, `1`),
				status(wait+2*every, hub.Stale, wait+2*every, 0, "http_429"),
				status(wait+5*every, hub.Down, wait+5*every, 0, "http_429"),
				status(2*wait, hub.Live, 2*wait, 2*wait, ""),
			},
		},
		{
			"never a success: no grace", func(time.Duration) bool { return false },
			[]message{
				status(0, hub.Stale, 0, -1, "http_429"),
				status(6*every, hub.Down, 6*every, -1, "http_429"),
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPublisher()
				start(t, p, newSource(func(_ context.Context, c call) (poller.Reading, error) {
					if test.works(c.at) {
						return slow, nil
					}
					return poller.Reading{}, limited
				}))
				time.Sleep(10 * wait)
				synctest.Wait()
				if diff := cmp.Diff(test.want, p.published()); diff != "" {
					t.Errorf("published (-want +got)\n%s", diff)
				}
			})
		})
	}
}

// TestWaitOfAnInvalidDocument checks that the wait of an upstream holds for an answer
// that becomes a failure only later.
func TestWaitOfAnInvalidDocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(func(context.Context, call) (poller.Reading, error) {
			return poller.Reading{Document: []byte(`<html>`), Wait: time.Minute}, nil
		})
		polling, _ := start(t, newPublisher(), s)
		time.Sleep(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]time.Duration{0, time.Minute}, s.asked()); diff != "" {
			t.Errorf("fetches (-want +got)\n%s", diff)
		}
		if got := polling.Status()[0].Error; got != "invalid_json" {
			t.Errorf("class %q, want invalid_json", got)
		}
	})
}
