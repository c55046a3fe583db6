package poller

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/polluxhub/pollux/hub"
)

func TestFreshness(t *testing.T) {
	const every = 10 * time.Second
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	succeed := func(f *freshness, at time.Time) { f.succeed(at, 0) }
	waits := func(wait time.Duration) func(*freshness, time.Time) {
		return func(f *freshness, at time.Time) { f.succeed(at, wait) }
	}
	fail, suspend := (*freshness).fail, (*freshness).suspend
	resume := func(f *freshness, at time.Time) { f.resume(at) }
	idle := func(f *freshness, at time.Time) { *f = freshness{every: every}; f.begin(at, time.Time{}) }
	adopt := func(to time.Duration) func(*freshness, time.Time) {
		return func(f *freshness, at time.Time) { f.adopt(at, to); f.begin(at, at) }
	}
	type happening struct {
		at   time.Duration
		what func(*freshness, time.Time)
	}
	type view struct {
		at    time.Duration
		state hub.State
		since time.Duration
		next  time.Duration // -1 for never
	}
	for _, test := range []struct {
		name    string
		history []happening
		want    []view
	}{
		{"nothing known yet", nil, []view{
			{0, hub.Live, 0, 3 * every},
			{3*every - 1, hub.Live, 0, 3 * every},
			{3 * every, hub.Stale, 3 * every, 6 * every},
			{6*every - 1, hub.Stale, 3 * every, 6 * every},
			{6 * every, hub.Down, 6 * every, -1},
			{600 * every, hub.Down, 6 * every, -1},
		}},
		{"one success", []happening{{2, succeed}}, []view{
			{2, hub.Live, 0, 3*every + 2},
			{3*every + 1, hub.Live, 0, 3*every + 2},
			{3*every + 2, hub.Stale, 3*every + 2, 6*every + 2},
			{6*every + 1, hub.Stale, 3*every + 2, 6*every + 2},
			{6*every + 2, hub.Down, 6*every + 2, -1},
		}},
		{"a success before each change", []happening{{0, succeed}, {3*every - 1, succeed}}, []view{
			{3 * every, hub.Live, 0, 6*every - 1},
			{6*every - 1, hub.Stale, 6*every - 1, 9*every - 1},
		}},
		{"first attempt failed", []happening{{5, fail}}, []view{
			{5, hub.Stale, 5, 6 * every},
			{6*every - 1, hub.Stale, 5, 6 * every},
			{6 * every, hub.Down, 6 * every, -1},
		}},
		{"more failures change nothing", []happening{{5, fail}, {every, fail}, {2 * every, fail}}, []view{
			{2 * every, hub.Stale, 5, 6 * every},
		}},
		{"first attempt failed very late", []happening{{4 * every, fail}}, []view{
			{4 * every, hub.Stale, 3 * every, 6 * every},
		}},
		{"failure after a success", []happening{{0, succeed}, {every, fail}}, []view{
			{every, hub.Live, 0, 3 * every},
			{3 * every, hub.Stale, 3 * every, 6 * every},
		}},
		{"live again after stale at first", []happening{{5, fail}, {every, succeed}}, []view{
			{every, hub.Live, every, 4 * every},
			{4 * every, hub.Stale, 4 * every, 7 * every},
		}},
		{"live again after stale", []happening{{0, succeed}, {3 * every, succeed}, {4 * every, succeed}}, []view{
			{4 * every, hub.Live, 3 * every, 7 * every},
		}},
		{"live again after down", []happening{{0, succeed}, {60 * every, succeed}}, []view{
			{60 * every, hub.Live, 60 * every, 63 * every},
			{66 * every, hub.Down, 66 * every, -1},
		}},

		// The upstream does not want to be asked each interval.
		{"a wait as long as the interval", []happening{{0, waits(every)}}, []view{
			{0, hub.Live, 0, 3 * every},
			{3 * every, hub.Stale, 3 * every, 6 * every},
		}},
		{"a longer wait", []happening{{0, waits(6 * every)}}, []view{
			{8*every - 1, hub.Live, 0, 8 * every},
			{8 * every, hub.Stale, 8 * every, 11 * every},
			{11 * every, hub.Down, 11 * every, -1},
		}},
		{"a wait, then a success without", []happening{{0, waits(6 * every)}, {6 * every, succeed}}, []view{
			{6 * every, hub.Live, 0, 9 * every},
		}},
		{"a wait, then a failure", []happening{{0, waits(6 * every)}, {6 * every, fail}}, []view{
			{6 * every, hub.Live, 0, 8 * every},
		}},

		// No client listens.
		{"idle from the start", []happening{{0, idle}}, []view{
			{0, hub.Live, 0, -1},
			{600 * every, hub.Live, 0, -1},
		}},
		{"idle from the start, then asked in vain", []happening{{0, idle}, {every, fail}}, []view{
			{every, hub.Stale, every, -1},
		}},
		{"idle from the start, then resumed", []happening{{0, idle}, {100 * every, resume}}, []view{
			{103*every - 1, hub.Live, 0, 103 * every},
			{103 * every, hub.Stale, 103 * every, 106 * every},
			{106 * every, hub.Down, 106 * every, -1},
		}},
		{"idle after a success", []happening{{0, succeed}, {1, suspend}}, []view{
			{1, hub.Live, 0, 3 * every},
			{600 * every, hub.Stale, 3 * every, -1},
		}},
		{"idle while stale", []happening{{0, succeed}, {4 * every, suspend}}, []view{
			{600 * every, hub.Stale, 3 * every, -1},
		}},
		{"idle while down", []happening{{0, succeed}, {7 * every, suspend}, {9 * every, resume}}, []view{
			{7 * every, hub.Down, 6 * every, -1},
			{9 * every, hub.Down, 6 * every, -1},
			{600 * every, hub.Down, 6 * every, -1},
		}},
		{"resumed before it is stale", []happening{{0, succeed}, {1, suspend}, {2 * every, resume}}, []view{
			{2 * every, hub.Live, 0, 3 * every},
			{3 * every, hub.Stale, 3 * every, 8 * every},
			{8 * every, hub.Down, 8 * every, -1},
		}},
		{"resumed when it is stale", []happening{{0, succeed}, {1, suspend}, {100 * every, resume}}, []view{
			{100 * every, hub.Stale, 3 * every, 106 * every},
			{106 * every, hub.Down, 106 * every, -1},
		}},
		{"resumed, then a success", []happening{{0, succeed}, {1, suspend}, {100 * every, resume}, {101 * every, succeed}}, []view{
			{101 * every, hub.Live, 101 * every, 104 * every},
			{107 * every, hub.Down, 107 * every, -1},
		}},
		{"asked while idle and down", []happening{{0, succeed}, {7 * every, suspend}, {9 * every, succeed}}, []view{
			{9 * every, hub.Live, 9 * every, 12 * every},
			{600 * every, hub.Stale, 12 * every, -1},
		}},

		// A changed configuration.
		{"a shorter interval", []happening{{0, succeed}, {5 * every / 2, adopt(every / 10)}}, []view{
			{5 * every / 2, hub.Live, 0, 28 * every / 10},
			{31 * every / 10, hub.Down, 31 * every / 10, -1},
		}},
		{"another one while stale", []happening{{0, succeed}, {4 * every, adopt(2 * every)}}, []view{
			{4 * every, hub.Stale, 3 * every, 16 * every},
			{16 * every, hub.Down, 16 * every, -1},
		}},
		{"another one while down", []happening{{0, succeed}, {7 * every, adopt(every)}, {8 * every, succeed}}, []view{
			{8 * every, hub.Live, 8 * every, 11 * every},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := freshness{every: every}
			f.begin(start, start)
			for _, h := range test.history {
				h.what(&f, start.Add(h.at))
			}
			for _, want := range test.want {
				now := start.Add(want.at)
				state, since := f.at(now)
				if state != want.state || !since.Equal(start.Add(want.since)) {
					t.Errorf("at %v: %s since %v, want %s since %v", want.at, state, since.Sub(start), want.state, want.since)
				}
				next := f.next(now)
				if want.next < 0 != next.IsZero() || want.next >= 0 && !next.Equal(start.Add(want.next)) {
					t.Errorf("at %v: next change %v, want %v", want.at, next.Sub(start), want.next)
				}
			}
		})
	}
}

func TestFreshnessBeforeStart(t *testing.T) {
	f := freshness{every: time.Second}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if state, since := f.at(now); state != hub.Live || !since.IsZero() || !f.next(now).IsZero() {
		t.Errorf("%s since %v, next %v, want live and no times", state, since, f.next(now))
	}
}

// TestFreshnessProperties checks that the state changes at next and at no other time.
func TestFreshnessProperties(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		f := freshness{every: time.Duration(rapid.Int64Range(1, 1000).Draw(t, "every"))}
		now := start
		f.begin(now, now)
		for range rapid.IntRange(0, 20).Draw(t, "attempts") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 4000).Draw(t, "pause")))
			if rapid.Bool().Draw(t, "success") {
				f.succeed(now, time.Duration(rapid.Int64Range(0, 3000).Draw(t, "wait")))
				if state, _ := f.at(now); state != hub.Live {
					t.Fatalf("%s at a success", state)
				}
			} else {
				f.fail(now)
			}
		}
		for next := f.next(now); !next.IsZero(); next = f.next(now) {
			before, _ := f.at(now)
			justBefore, _ := f.at(next.Add(-1))
			after, since := f.at(next)
			if justBefore != before || after == before || !since.Equal(next) {
				t.Fatalf("%s, then %s, then %s since %v", before, justBefore, after, since.Sub(next))
			}
			now = next
		}
		if state, _ := f.at(now.Add(time.Hour)); state != hub.Down {
			t.Fatalf("%s in the end", state)
		}
	})
}
