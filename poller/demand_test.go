package poller_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// turn is a client that comes or leaves.
type turn struct {
	at   time.Duration
	does func(*audience)
}

var (
	join  = (*audience).join
	leave = (*audience).leave
	// The visit is over before the loop could see it.
	visit = func(a *audience) { a.join(); a.leave() }
)

// TestDemand checks when a stream is asked if clients come and leave at certain times,
// with both kinds of channels. Linger is a minute.
func TestDemand(t *testing.T) {
	slow := func() (poller.Reading, error) {
		return poller.Reading{Document: []byte(`1`), Wait: 20 * every}, nil
	}
	const s = time.Second
	for _, test := range []struct {
		name  string
		step  func() (poller.Reading, error)
		turns []turn
		until time.Duration
		want  []time.Duration
		idle  bool
	}{
		{"nobody ever", gives(`1`), nil, time.Hour, []time.Duration{}, true},
		{"somebody always", gives(`1`), []turn{{0, join}}, 3 * every, []time.Duration{0, 10 * s, 20 * s, 30 * s}, false},
		{"the first one, then the grid", gives(`1`), []turn{{25 * s, join}}, 40 * s, []time.Duration{25 * s, 30 * s, 40 * s}, false},
		{"the first one just before a tick", gives(`1`), []turn{{29*s + 1, join}}, 50 * s, []time.Duration{29*s + 1, 40 * s, 50 * s}, false},
		{"one of two leaves", gives(`1`), []turn{{0, join}, {0, join}, {5 * s, leave}}, 9 * every, []time.Duration{0, 10 * s, 20 * s, 30 * s, 40 * s, 50 * s, 60 * s, 70 * s, 80 * s, 90 * s}, false},
		{"the last one leaves", gives(`1`), []turn{{0, join}, {15 * s, leave}}, time.Hour, []time.Duration{0, 10 * s, 20 * s, 30 * s, 40 * s, 50 * s, 60 * s, 70 * s}, true},
		{"no poll when the minute ends", gives(`1`), []turn{{0, join}, {10 * s, leave}}, time.Hour, []time.Duration{0, 10 * s, 20 * s, 30 * s, 40 * s, 50 * s, 60 * s}, true},
		{"a visitor while it lingers", gives(`1`), []turn{{55 * s, visit}, {0, join}, {5 * s, leave}}, time.Hour, []time.Duration{0, 10 * s, 20 * s, 30 * s, 40 * s, 50 * s, 60 * s, 70 * s, 80 * s, 90 * s, 100 * s, 110 * s}, true},
		{"somebody back in time", gives(`1`), []turn{{0, join}, {5 * s, leave}, {65*s - 1, join}}, 80 * s, []time.Duration{0, 10 * s, 20 * s, 30 * s, 40 * s, 50 * s, 60 * s, 70 * s, 80 * s}, false},
		{"back less than an interval after a poll", gives(`1`), []turn{{0, join}, {5 * s, leave}, {68 * s, join}}, 80 * s, []time.Duration{0, 10 * s, 20 * s, 30 * s, 40 * s, 50 * s, 60 * s, 70 * s, 80 * s}, false},
		{"back an interval after one", gives(`1`), []turn{{0, join}, {5 * s, leave}, {70 * s, join}}, 80 * s, []time.Duration{0, 10 * s, 20 * s, 30 * s, 40 * s, 50 * s, 60 * s, 70 * s, 80 * s}, false},
		{"back later", gives(`1`), []turn{{0, join}, {5 * s, leave}, {75 * s, join}}, 90 * s, []time.Duration{0, 10 * s, 20 * s, 30 * s, 40 * s, 50 * s, 60 * s, 75 * s, 80 * s, 90 * s}, false},
		{"back before the upstream's wait is over", slow, []turn{{0, join}, {5 * s, leave}, {75 * s, join}}, 200 * s, []time.Duration{0, 200 * s}, false},
		{"back, and gone again before that", slow, []turn{{0, join}, {5 * s, leave}, {75 * s, join}, {76 * s, leave}}, time.Hour, []time.Duration{0}, true},
		{"back from a backoff", fails, []turn{{0, join}, {5 * s, leave}, {75 * s, join}}, 80 * s, []time.Duration{0, 10 * s, 25 * s, 47500 * time.Millisecond, 75 * s}, false},
	} {
		for _, replaced := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, channel replaced: %v", test.name, replaced), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := newAudience(replaced)
					for _, turn := range test.turns {
						if turn.at == 0 {
							turn.does(a)
						}
					}
					s := script(test.step)
					polling, _ := start(t, newPublisher(), s, func(o *poller.Options) {
						onDemand(o, a)
						o.Rand = func() float64 { return 1 }
					})
					for _, turn := range test.turns {
						if turn.at > 0 {
							time.AfterFunc(turn.at, func() { turn.does(a) })
						}
					}
					time.Sleep(test.until)
					synctest.Wait()
					if diff := cmp.Diff(test.want, s.asked()); diff != "" {
						t.Errorf("fetches (-want +got)\n%s", diff)
					}
					got := polling.Status()[0]
					if got.Idle != test.idle || got.NextPoll.IsZero() != test.idle || got.Dropped != 0 {
						t.Errorf("idle %v, next poll at %v, %d dropped; want idle %v, none dropped", got.Idle, got.NextPoll, got.Dropped, test.idle)
					}
				})
			})
		}
	}
}

// TestPollNowWhileIdle checks that an idle stream is asked once, and that it then
// becomes stale and not down.
func TestPollNowWhileIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := script(gives(`1`)), newPublisher()
		polling, _ := start(t, p, s, func(o *poller.Options) { onDemand(o, newAudience(false)) })
		time.Sleep(time.Hour)
		at, err := polling.PollNow("default")
		if want := time.Now().Add(poller.Debounce); err != nil || !at.Equal(want) {
			t.Errorf("%v, %v, want %v", at, err, want)
		}
		synctest.Wait()
		if got := polling.Status()[0]; !got.Idle || !got.NextPoll.Equal(at) {
			t.Errorf("idle %v, next poll at %v, want true, %v", got.Idle, got.NextPoll, at)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		once := time.Hour + poller.Debounce
		if diff := cmp.Diff([]time.Duration{once}, s.asked()); diff != "" {
			t.Errorf("fetches (-want +got)\n%s", diff)
		}
		want := []message{data(once, `1`), status(once+3*every, hub.Stale, once+3*every, once, "")}
		if diff := cmp.Diff(want, p.published()); diff != "" {
			t.Errorf("published (-want +got)\n%s", diff)
		}
	})
}

// TestRefresh reads an idle stream again and again.
func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := script(gives(`1`))
		polling, _ := start(t, newPublisher(), s, func(o *poller.Options) { onDemand(o, newAudience(false)) })
		synctest.Wait()
		polling.Refresh("nobody")
		for range 25 { // an interval and a half, and a second call within it
			polling.Refresh("default")
			time.Sleep(every / 10)
		}
		want := []time.Duration{poller.Debounce, every + every/10 + poller.Debounce, 2*every + 2*every/10 + poller.Debounce}
		if diff := cmp.Diff(want, s.asked()); diff != "" {
			t.Errorf("fetches (-want +got)\n%s", diff)
		}

		polled := script(gives(`1`))
		always, _ := start(t, newPublisher(), polled)
		time.Sleep(every / 2)
		always.Refresh("default")
		time.Sleep(every / 4)
		if asked := polled.asked(); len(asked) != 1 {
			t.Errorf("one that is polled anyway was asked at %v", asked)
		}
	})
}

// TestBackAfterPollNow has a client that comes after an idle stream was asked at 30.1
// seconds: the wait of the upstream holds.
func TestBackAfterPollNow(t *testing.T) {
	const asked = 30*time.Second + poller.Debounce
	for _, test := range []struct {
		name string
		wait time.Duration
		back time.Duration
		want []time.Duration
	}{
		{"an interval later", 0, asked + every, []time.Duration{asked, asked + every, 5 * every}},
		{"a little earlier", 0, asked + every - 1, []time.Duration{asked, 5 * every}},
		{"within the gap", 0, asked + 1, []time.Duration{asked, 4 * every}},
		{"before a wait is over", time.Minute, asked + 2*every, []time.Duration{asked, asked + time.Minute, asked + time.Minute + every}},
		{"after it is over", 3 * time.Second, asked + 3*time.Second, []time.Duration{asked, 4 * every}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAudience(false)
				s := newSource(func(_ context.Context, c call) (poller.Reading, error) {
					if c.n == 0 {
						return poller.Reading{Document: []byte(`1`), Wait: test.wait}, nil
					}
					return reading(`1`), nil
				})
				polling, _ := start(t, newPublisher(), s, func(o *poller.Options) { onDemand(o, a) })
				time.Sleep(asked - poller.Debounce)
				if _, err := polling.PollNow(""); err != nil {
					t.Fatal(err)
				}
				time.Sleep(test.back - time.Since(s.start))
				notBefore := polling.Status()[0].NotBefore
				if want := asked + test.wait; !notBefore.IsZero() != (want > test.back) {
					t.Errorf("not before %v, want %v if that is to come", notBefore, want)
				}
				a.join()
				time.Sleep(test.want[len(test.want)-1] - time.Since(s.start))
				synctest.Wait()
				if diff := cmp.Diff(test.want, s.asked()); diff != "" {
					t.Errorf("fetches (-want +got)\n%s", diff)
				}
			})
		})
	}
}

// TestTurnsDuringFetches has clients that come during one fetch and leave during
// another: Linger begins when the loop sees that they have left.
func TestTurnsDuringFetches(t *testing.T) {
	for _, replaced := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a := newAudience(replaced)
			a.join()
			s := newSource(func(context.Context, call) (poller.Reading, error) {
				time.Sleep(2 * time.Second)
				return reading(`1`), nil
			})
			start(t, newPublisher(), s, func(o *poller.Options) { onDemand(o, a) })
			time.Sleep(5 * time.Second)
			a.leave()
			time.Sleep(16 * time.Second)
			a.join()
			time.Sleep(every)
			a.leave() // at 31 seconds, seen at 32
			time.Sleep(time.Hour)
			synctest.Wait()
			asked := s.asked()
			if last := asked[len(asked)-1]; last != 90*time.Second {
				t.Errorf("channel replaced: %v: the last fetch was at %v, want 90s", replaced, last)
			}
		})
	}
}
