package poller

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNextTick(t *testing.T) {
	const step = 5 * time.Second
	last := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, test := range []struct {
		now     time.Duration // after last
		want    time.Duration // after last
		dropped uint64
	}{
		{0, step, 0},
		{1, step, 0},
		{step - 1, step, 0},
		{step, step, 0}, // due at this instant, so not late
		{step + 1, 2 * step, 1},
		{2*step - 1, 2 * step, 1},
		{2 * step, 2 * step, 1},
		{2*step + 1, 3 * step, 2},
		{1000 * step, 1000 * step, 999},
		{1000*step + 1, 1001 * step, 1000},
	} {
		next, dropped := nextTick(last, last.Add(test.now), step)
		if got := next.Sub(last); got != test.want || dropped != test.dropped {
			t.Errorf("at %v: %v and %d dropped, want %v and %d", test.now, got, dropped, test.want, test.dropped)
		}
	}
}

// TestExtraFailureOutlastsTick has an extra attempt during a backoff that fails as
// well, and lasts until after the planned one.
func TestExtraFailureOutlastsTick(t *testing.T) {
	const every = 10 * time.Second
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := schedule{every: every, due: start.Add(every + 1)}
	s.begin(start)
	dropped := s.fail(start.Add(every*5/2), time.Time{}, 0)
	if want := 3*every + 1; s.due.Sub(start) != want || dropped != 2 {
		t.Errorf("next at %v, %d dropped, want %v, 2", s.due.Sub(start), dropped, want)
	}
}

func TestNextTickProperties(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		step := time.Duration(rapid.Int64Range(int64(MinEvery), int64(MaxEvery)).Draw(t, "step"))
		now := start.Add(time.Duration(rapid.Int64Range(0, int64(100*MaxEvery)).Draw(t, "now")))
		next, dropped := nextTick(start, now, step)
		switch {
		case next.Before(now), next.Equal(start):
			t.Fatal("in the past")
		case next.Sub(start)%step != 0:
			t.Fatal("off the grid")
		case dropped > 0 && !next.Add(-step).Before(now):
			t.Fatal("dropped a tick that was in time")
		case next.Sub(start) != step*time.Duration(dropped+1):
			t.Fatal("dropped ticks and time do not agree")
		}
	})
}
