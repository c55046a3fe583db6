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

// during returns a source that succeeds at the given times and fails at others. Each
// fetch takes one second.
func during(works func(at time.Duration) bool) *source {
	return newSource(func(_ context.Context, c call) (poller.Reading, error) {
		time.Sleep(time.Second)
		if works(c.at) {
			return reading(`1`), nil
		}
		return poller.Reading{}, &poller.Error{Class: "http_503"}
	})
}

// TestStateChanges checks the statuses, and when they come, if fetches at certain times
// fail. Fetches take a second and begin at multiples of every.
func TestStateChanges(t *testing.T) {
	const took = time.Second
	first := data(took, `1`)
	for _, test := range []struct {
		name  string
		works func(at time.Duration) bool
		until time.Duration
		want  []message
	}{
		{
			"live for ever", func(time.Duration) bool { return true }, 100 * every,
			[]message{first},
		},
		{
			"one failure", func(at time.Duration) bool { return at != every }, 20 * every,
			[]message{first},
		},
		{
			"two failures, one interval missed", func(at time.Duration) bool { return at < every || at > every*2 }, 3*every + took - 1,
			[]message{first},
		},
		{
			"live, stale", func(at time.Duration) bool { return at < every }, 6*every + took - 1,
			[]message{
				first,
				status(took+3*every, hub.Stale, took+3*every, took, "http_503"),
			},
		},
		{
			"live, stale, down", func(at time.Duration) bool { return at < every }, 100 * every,
			[]message{
				first,
				status(took+3*every, hub.Stale, took+3*every, took, "http_503"),
				status(took+6*every, hub.Down, took+6*every, took, "http_503"),
			},
		},
		{
			"live, stale, live", func(at time.Duration) bool { return at < every || at >= 4*every }, 100 * every,
			[]message{
				first,
				status(took+3*every, hub.Stale, took+3*every, took, "http_503"),
				status(4*every+took, hub.Live, 4*every+took, 4*every+took, ""),
			},
		},
		{
			"live, stale, down, live, stale", func(at time.Duration) bool { return at < every || at == 8*every }, 8*every + took + 6*every - 1,
			[]message{
				first,
				status(took+3*every, hub.Stale, took+3*every, took, "http_503"),
				status(took+6*every, hub.Down, took+6*every, took, "http_503"),
				status(8*every+took, hub.Live, 8*every+took, 8*every+took, ""),
				status(8*every+took+3*every, hub.Stale, 8*every+took+3*every, 8*every+took, "http_503"),
			},
		},
		{
			"never a success", func(time.Duration) bool { return false }, 100 * every,
			[]message{
				status(took, hub.Stale, took, -1, "http_503"),
				// The status does not wait for the attempt that begins at this instant.
				status(6*every, hub.Down, 6*every, -1, "http_503"),
			},
		},
		{
			"the first attempt fails", func(at time.Duration) bool { return at > 0 }, 20 * every,
			[]message{
				status(took, hub.Stale, took, -1, "http_503"),
				data(every+took, `1`),
				status(every+took, hub.Live, every+took, every+took, ""),
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPublisher()
				start(t, p, during(test.works))
				time.Sleep(test.until)
				synctest.Wait()
				if diff := cmp.Diff(test.want, p.published()); diff != "" {
					t.Errorf("published (-want +got)\n%s", diff)
				}
			})
		})
	}
}

// TestRecoveryTellsDocumentFirst has an upstream that recovers with another document:
// "live" must not come before it.
func TestRecoveryTellsDocumentFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher()
		start(t, p, newSource(func(_ context.Context, c call) (poller.Reading, error) {
			switch {
			case c.n == 0:
				return reading(`"old"`), nil
			case c.at < 7*every:
				return fails()
			}
			return reading(`"new"`), nil
		}))
		time.Sleep(8 * every)
		synctest.Wait()
		want := []message{
			data(0, `"old"`),
			status(3*every, hub.Stale, 3*every, 0, "error"),
			status(6*every, hub.Down, 6*every, 0, "error"),
			data(7*every, `"new"`),
			status(7*every, hub.Live, 7*every, 7*every, ""),
		}
		if diff := cmp.Diff(want, p.published()); diff != "" {
			t.Errorf("published (-want +got)\n%s", diff)
		}
	})
}

// TestStateChangesDuringFetch has a fetch in flight when the state changes: the status
// comes after it, with the time of the change.
func TestStateChangesDuringFetch(t *testing.T) {
	const (
		success = 5 * time.Second         // when the first fetch ends
		stale   = success + 3*every       // in the fourth fetch
		end     = 3*every + 7*time.Second // of that
	)
	for _, test := range []struct {
		name  string
		works bool // the fourth fetch
		want  []message
		state hub.State
		since time.Duration
	}{
		{"the fetch fails", false, []message{
			data(success, `1`),
			status(end, hub.Stale, stale, success, "error"),
		}, hub.Stale, stale},
		{"the fetch overtakes the change", true, []message{data(success, `1`)}, hub.Live, end},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPublisher()
				polling, _ := start(t, p, newSource(func(_ context.Context, c call) (poller.Reading, error) {
					switch c.n {
					case 0:
						time.Sleep(success)
						return reading(`1`), nil
					case 3:
						time.Sleep(end - c.at)
						if test.works {
							return reading(`1`), nil
						}
					}
					return fails()
				}))
				time.Sleep(end)
				synctest.Wait()
				if diff := cmp.Diff(test.want, p.published()); diff != "" {
					t.Errorf("published (-want +got)\n%s", diff)
				}
				if got := polling.Status()[0]; got.State != test.state || got.Since.Sub(p.start) != test.since {
					t.Errorf("%s since %v, want %s since %v", got.State, got.Since.Sub(p.start), test.state, test.since)
				}
			})
		})
	}
}

// TestStatusNotPublished has a publisher that accepts no status for a while.
func TestStatusNotPublished(t *testing.T) {
	for _, test := range []struct {
		name   string
		random float64
		works  func(at time.Duration) bool
		until  time.Duration // no status is accepted before
		want   []message
	}{
		{
			"while it is asked each interval", 0, func(at time.Duration) bool { return at == 0 }, 5*every + 1,
			[]message{
				data(0, `1`),
				status(6*every, hub.Down, 6*every, 0, "http_503"),
			},
		},
		{
			// The attempts are at 1, 2, 3.5 and 5.75 intervals, then none before
			// 9.125: the status is tried at 5.75, 6.75, 7.75 and 8.75.
			"while the next attempt is far", 1, func(at time.Duration) bool { return at == 0 }, 7*every + every*8/10,
			[]message{
				data(0, `1`),
				status(8*every+every*3/4, hub.Down, 6*every, 0, "http_503"),
			},
		},
		{
			// The stale that failed may have been stored.
			"and meanwhile it is live again", 0, func(at time.Duration) bool { return at == 0 || at >= 4*every }, 4 * every,
			[]message{
				data(0, `1`),
				status(4*every, hub.Stale, 3*every, 0, "http_503"),
				status(4*every, hub.Live, 4*every, 4*every, ""),
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPublisher()
				refused := 0
				p.refuse = func(_ context.Context, m hub.Message) error {
					if m.Status != nil && time.Since(p.start) < test.until {
						refused++
						return errBoom
					}
					return nil
				}
				_, stop := start(t, p, newSource(func(_ context.Context, c call) (poller.Reading, error) {
					if test.works(c.at) {
						return reading(`1`), nil
					}
					return poller.Reading{}, &poller.Error{Class: "http_503"}
				}), func(o *poller.Options) { o.Rand = func() float64 { return test.random } })
				time.Sleep(9 * every)
				stop()
				if diff := cmp.Diff(test.want, p.published()); diff != "" {
					t.Errorf("published (-want +got)\n%s", diff)
				}
				// Once by the clock and once after an attempt, in each interval.
				if most := 2 * int(test.until/every-2); refused > most {
					t.Errorf("tried %d times in vain, want at most %d", refused, most)
				}
			})
		})
	}
}

// TestLiveIsToldAfterDoubtfulStale has a status that fails, perhaps after it was
// stored, and an upstream that recovers before the next try.
func TestLiveIsToldAfterDoubtfulStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher()
		p.refuse = func(_ context.Context, m hub.Message) error {
			if m.Status != nil && m.Status.State == hub.Stale {
				return errBoom
			}
			return nil
		}
		start(t, p, newSource(func(_ context.Context, c call) (poller.Reading, error) {
			if c.at == every || c.at == 2*every {
				return fails()
			}
			return reading(`1`), nil
		}))
		time.Sleep(10 * every)
		synctest.Wait()
		want := []message{data(0, `1`), status(3*every, hub.Live, 3*every, 3*every, "")}
		if diff := cmp.Diff(want, p.published()); diff != "" {
			t.Errorf("published (-want +got)\n%s", diff)
		}
	})
}
