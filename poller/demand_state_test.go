package poller_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// TestStatesOnDemand checks the statuses of a stream that is idle for half an hour, and
// what operators see at the end of that.
func TestStatesOnDemand(t *testing.T) {
	const back = 30 * time.Minute
	for _, test := range []struct {
		name  string
		works func(at time.Duration) bool
		turns []turn
		idle  hub.State
		want  []message
	}{
		{
			"idle from the start, and well then", func(time.Duration) bool { return true },
			[]turn{{back, join}}, hub.Live,
			[]message{data(back, `1`)},
		},
		{
			"idle from the start, and not well then", func(time.Duration) bool { return false },
			[]turn{{back, join}}, hub.Live,
			[]message{
				status(back, hub.Stale, back, -1, "error"),
				status(back+6*every, hub.Down, back+6*every, -1, "error"),
			},
		},
		{
			"live, idle, stale, live", func(time.Duration) bool { return true },
			[]turn{{0, join}, {1, leave}, {back, join}}, hub.Stale,
			[]message{
				data(0, `1`), // at each poll, for one minute
				status(time.Minute+3*every, hub.Stale, time.Minute+3*every, time.Minute, ""),
				status(back, hub.Live, back, back, ""),
			},
		},
		{
			"live, idle, stale, down only after it was asked", func(at time.Duration) bool { return at < back },
			[]turn{{0, join}, {1, leave}, {back, join}}, hub.Stale,
			[]message{
				data(0, `1`),
				status(time.Minute+3*every, hub.Stale, time.Minute+3*every, time.Minute, ""),
				status(back+6*every, hub.Down, back+6*every, time.Minute, "error"),
			},
		},
		{
			"down, idle, down", func(at time.Duration) bool { return at == 0 },
			[]turn{{0, join}, {every, leave}, {back, join}}, hub.Down,
			[]message{
				data(0, `1`),
				status(3*every, hub.Stale, 3*every, 0, "error"),
				status(6*every, hub.Down, 6*every, 0, "error"),
			},
		},
		{
			"down, idle, live", func(at time.Duration) bool { return at == 0 || at >= back },
			[]turn{{0, join}, {every, leave}, {back, join}}, hub.Down,
			[]message{
				data(0, `1`),
				status(3*every, hub.Stale, 3*every, 0, "error"),
				status(6*every, hub.Down, 6*every, 0, "error"),
				status(back, hub.Live, back, back, ""),
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAudience(false)
				for _, turn := range test.turns {
					if turn.at == 0 {
						turn.does(a)
					} else {
						time.AfterFunc(turn.at, func() { turn.does(a) })
					}
				}
				p := newPublisher()
				s := newSource(func(_ context.Context, c call) (poller.Reading, error) {
					if test.works(c.at) {
						return reading(`1`), nil
					}
					return fails()
				})
				polling, _ := start(t, p, s, func(o *poller.Options) { onDemand(o, a) })
				time.Sleep(back - 1)
				synctest.Wait()
				if got := polling.Status()[0]; got.State != test.idle || !got.Idle || !got.NextPoll.IsZero() {
					t.Errorf("%s, idle %v, next poll at %v, want %s, true, none", got.State, got.Idle, got.NextPoll, test.idle)
				}
				time.Sleep(back)
				synctest.Wait()
				if diff := cmp.Diff(test.want, p.published()); diff != "" {
					t.Errorf("published (-want +got)\n%s", diff)
				}
			})
		})
	}
}
