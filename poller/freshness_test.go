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
	succeed, fail := (*freshness).succeed, (*freshness).fail
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
	} {
		t.Run(test.name, func(t *testing.T) {
			f := freshness{every: every}
			f.begin(start)
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

// TestFreshnessProperties says that the state changes at next and at no other
// time.
func TestFreshnessProperties(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		f := freshness{every: time.Duration(rapid.Int64Range(1, 1000).Draw(t, "every"))}
		now := start
		f.begin(now)
		for range rapid.IntRange(0, 20).Draw(t, "attempts") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 4000).Draw(t, "pause")))
			if rapid.Bool().Draw(t, "success") {
				f.succeed(now)
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
