package poller_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// TestSchedule checks when a stream is asked if its fetches take the given times.
func TestSchedule(t *testing.T) {
	const timeout = every * 4 / 5 // the default
	for _, test := range []struct {
		name    string
		takes   []time.Duration // the last one is repeated
		want    []time.Duration // the first fetches
		dropped uint64
	}{
		{"at once and on the grid", []time.Duration{0}, []time.Duration{0, every, 2 * every, 3 * every}, 0},
		{"slow, but in time", []time.Duration{timeout - 1}, []time.Duration{0, every, 2 * every}, 0},
		{"irregular", []time.Duration{3 * time.Second, 0, 7 * time.Second, 1}, []time.Duration{0, every, 2 * every, 3 * every}, 0},

		// Sources that ignore their context.
		{"as long as the interval", []time.Duration{every, 0}, []time.Duration{0, every, 2 * every}, 0},
		{"a little longer", []time.Duration{every + 1, 0}, []time.Duration{0, 2 * every, 3 * every}, 1},
		{"three and a half intervals", []time.Duration{every * 7 / 2, 0}, []time.Duration{0, 4 * every, 5 * every}, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSource(func(_ context.Context, c call) (poller.Reading, error) {
					time.Sleep(test.takes[min(c.n, len(test.takes)-1)])
					return reading(`1`), nil
				})
				polling, _ := start(t, newPublisher(), s)
				time.Sleep(test.want[len(test.want)-1] + every - 1)
				synctest.Wait()
				if diff := cmp.Diff(test.want, s.asked()); diff != "" {
					t.Errorf("fetches (-want +got)\n%s", diff)
				}
				if got := polling.Status()[0]; got.Dropped != test.dropped {
					t.Errorf("%d ticks dropped, want %d", got.Dropped, test.dropped)
				}
			})
		})
	}
}

// TestNoDrift polls 10,000 times with fetches of all lengths, some of them too long.
func TestNoDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		var dropped uint64
		s := newSource(func(_ context.Context, c call) (poller.Reading, error) {
			takes := time.Duration(random.Int64N(int64(every)))
			if c.n%100 == 99 {
				takes += every
				dropped++
			}
			time.Sleep(takes)
			return reading(`1`), nil
		})
		polling, stop := start(t, newPublisher(), s)
		const ticks = 10_000
		time.Sleep(ticks*every + every/2)
		stop()

		asked := s.asked()
		for i, at := range asked {
			if at%every != 0 {
				t.Fatalf("fetch %d began at %v, which is off the grid by %v", i, at, at%every)
			}
		}
		got := polling.Status()[0]
		if got.Polls != uint64(len(asked)) || got.Dropped != dropped || got.Polls+got.Dropped != ticks+1 {
			t.Errorf("%d polls and %d dropped, want %d and %d, together %d", got.Polls, got.Dropped, len(asked), dropped, ticks+1)
		}
		if s.overlap.Load() {
			t.Error("two fetches at once")
		}
	})
}

// TestTimeout has an upstream that never answers.
func TestTimeout(t *testing.T) {
	for _, test := range []struct {
		name           string
		every, timeout time.Duration
		want           time.Duration
	}{
		{"four fifths of a short interval", every, 0, 8 * time.Second},
		{"ten seconds of a long one", time.Minute, 0, 10 * time.Second},
		{"as configured", every, time.Second, time.Second},
		{"as long as it may be", every, every - 1, every - 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSource(func(ctx context.Context, _ call) (poller.Reading, error) {
					<-ctx.Done()
					return poller.Reading{}, ctx.Err()
				})
				polling, _ := start(t, newPublisher(), s, func(o *poller.Options) {
					o.Streams[0].Every, o.Streams[0].Timeout = test.every, test.timeout
				})
				time.Sleep(test.want - 1)
				synctest.Wait()
				if got := polling.Status()[0]; got.Error != "" {
					t.Errorf("error %q before the timeout", got.Error)
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				got := polling.Status()[0]
				if got.Error != "timeout" || got.Failures["timeout"] != 1 || got.LastDuration != test.want {
					t.Errorf("error %q after %v, counted %v, want timeout after %v", got.Error, got.LastDuration, got.Failures, test.want)
				}
			})
		})
	}
}

// TestBackoffThenNewGrid has five failures, a success between the ticks of the old
// grid, and more successes.
func TestBackoffThenNewGrid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const takes = 2 * time.Second // which is part of the delay
		s := newSource(func(_ context.Context, c call) (poller.Reading, error) {
			time.Sleep(takes)
			if c.n < 5 || c.n == 8 {
				return poller.Reading{}, errBoom
			}
			return reading(`1`), nil
		})
		polling, _ := start(t, newPublisher(), s, func(o *poller.Options) {
			o.Rand = func() float64 { return 0.5 }
		})
		want := []time.Duration{0}
		for _, delay := range []time.Duration{
			10e9, 12.5e9, 16.25e9, 21.875e9, 30.3125e9, // failures: Every + half of what the interval is above it
			10e9, 10e9, 10e9, // successes
			10e9, 10e9, // a failure with the first interval again, and a success
		} {
			want = append(want, want[len(want)-1]+delay)
		}
		time.Sleep(want[2] + takes)
		synctest.Wait()
		if got := polling.Status()[0].NextPoll.Sub(s.start); got != want[3] {
			t.Errorf("next poll at %v, want %v", got, want[3])
		}
		time.Sleep(want[len(want)-1] + takes - want[2])
		synctest.Wait()
		if diff := cmp.Diff(want, s.asked()); diff != "" {
			t.Errorf("fetches (-want +got)\n%s", diff)
		}
		got := polling.Status()[0]
		if got.Successes != 5 || got.Failures["error"] != 6 || got.Dropped != 0 {
			t.Errorf("%d successes, failures %v, %d dropped, want 5, 6, and 0", got.Successes, got.Failures, got.Dropped)
		}
	})
}

// TestFailuresNeverAskSooner draws random numbers for a day.
func TestFailuresNeverAskSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(3, 4))
		s := newSource(func(context.Context, call) (poller.Reading, error) { return poller.Reading{}, errBoom })
		start(t, newPublisher(), s, func(o *poller.Options) { o.Rand = random.Float64 })
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		asked := s.asked()
		longest := time.Duration(0)
		for i := 1; i < len(asked); i++ {
			delay := asked[i] - asked[i-1]
			longest = max(longest, delay)
			if delay < every || delay > 5*time.Minute {
				t.Errorf("fetch %d came %v after the one before", i, delay)
			}
		}
		if longest < 4*time.Minute {
			t.Errorf("the longest delay was %v, want it close to 5 minutes", longest)
		}
	})
}

// TestLateAttempt has an attempt that begins late, because publishing "stale" took
// long. If it fails, the next one is not sooner than an interval after it began.
// Otherwise the grid stays.
func TestLateAttempt(t *testing.T) {
	const late = 3 * time.Second
	for _, test := range []struct {
		name  string
		works bool
		want  time.Duration // of the fetch after
	}{
		{"fails", false, 4*every + late},
		{"succeeds", true, 4 * every},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPublisher()
				p.refuse = func(_ context.Context, m hub.Message) error {
					if m.Status != nil && m.Status.State == hub.Stale {
						time.Sleep(late)
					}
					return nil
				}
				s := newSource(func(_ context.Context, c call) (poller.Reading, error) {
					if c.n == 0 || c.n == 3 && test.works {
						return reading(`1`), nil
					}
					return fails()
				})
				start(t, p, s)
				time.Sleep(5*every - 1)
				synctest.Wait()
				want := []time.Duration{0, every, 2 * every, 3*every + late, test.want}
				if diff := cmp.Diff(want, s.asked()); diff != "" {
					t.Errorf("fetches (-want +got)\n%s", diff)
				}
			})
		})
	}
}

// TestSlowStreamDelaysOnlyItself has one upstream that hangs beside a good one.
func TestSlowStreamDelaysOnlyItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hanging := newSource(func(ctx context.Context, _ call) (poller.Reading, error) {
			<-ctx.Done()
			return poller.Reading{}, ctx.Err()
		})
		good := newSource(func(context.Context, call) (poller.Reading, error) { return reading(`1`), nil })
		start(t, newPublisher(), hanging, func(o *poller.Options) {
			o.Streams = append(o.Streams, poller.Stream{Name: "good", Source: good, Every: time.Second})
		})
		time.Sleep(100*time.Second - 1)
		synctest.Wait()
		for i, at := range good.asked() {
			if at != time.Duration(i)*time.Second {
				t.Errorf("fetch %d of the good one at %v", i, at)
			}
		}
		if n := len(good.asked()); n != 100 {
			t.Errorf("%d fetches of the good one, want 100", n)
		}
	})
}

// TestShutdown ends the context while a fetch is in flight, before the next one, and
// during the second one.
func TestShutdown(t *testing.T) {
	for _, test := range []struct {
		name string
		at   time.Duration
		want []time.Duration
	}{
		{"in a fetch", time.Second, []time.Duration{0}},
		{"between fetches", 5 * time.Second, []time.Duration{0}},
		{"in the second fetch", 11 * time.Second, []time.Duration{0, every}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSource(func(ctx context.Context, _ call) (poller.Reading, error) {
					select {
					case <-time.After(2 * time.Second):
						return reading(`1`), nil
					case <-ctx.Done():
						return poller.Reading{}, ctx.Err()
					}
				})
				p := newPublisher()
				polling, stop := start(t, p, s)
				time.Sleep(test.at)
				before := time.Now()
				stop()
				if took := time.Since(before); took != 0 {
					t.Errorf("the end took %v", took)
				}
				if diff := cmp.Diff(test.want, s.asked()); diff != "" {
					t.Errorf("fetches (-want +got)\n%s", diff)
				}
				got := polling.Status()[0]
				if len(got.Failures) != 0 || got.Error != "" || !got.NextPoll.IsZero() {
					t.Errorf("failures %v, error %q, next poll %v, want none of them", got.Failures, got.Error, got.NextPoll)
				}
				if slices.ContainsFunc(p.published(), func(m message) bool { return m.State != "" }) {
					t.Errorf("status published: %v", p.published())
				}
			})
		})
	}
}

func TestRunWithEndedContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(func(context.Context, call) (poller.Reading, error) { return reading(`1`), nil })
		polling, err := poller.New(poller.Options{Publisher: newPublisher(), Streams: []poller.Stream{{Source: s}}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := polling.Run(ctx); err != nil {
			t.Error(err)
		}
		if n := len(s.asked()); n != 0 {
			t.Errorf("%d fetches", n)
		}
	})
}

func TestRunTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		polling, err := poller.New(poller.Options{Publisher: newPublisher()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if err := polling.Run(ctx); err != nil || time.Since(began) != time.Minute {
			t.Errorf("Run without streams: %v after %v, want nil after a minute", err, time.Since(began))
		}
		if err := polling.Run(ctx); !errors.Is(err, poller.ErrRunning) {
			t.Errorf("the second Run: %v, want ErrRunning", err)
		}
	})
}
