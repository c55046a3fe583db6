package poller

import (
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// A fetch is late if it begins long after its tick. One that is due outside of the grid has
// no tick, and one before its tick is early.
func TestLateFetches(t *testing.T) {
	tick := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		at, tick time.Time
		late     uint64
	}{
		{tick, tick, 0},
		{tick.Add(hub.LateAfter), tick, 0},
		{tick.Add(hub.LateAfter + 1), tick, 1},
		{tick.Add(-time.Hour), tick, 0},
		{tick, time.Time{}, 0},
	} {
		var r record
		r.poll(test.at, test.tick, 0)
		if r.status.Late != test.late || r.status.Polls != 1 {
			t.Errorf("%v after the tick %v: %+v, want %d late", test.at.Sub(test.tick), test.tick, r.status, test.late)
		}
	}
}

// A fetch counts up to its bound, and one that took longer than all bounds behind them.
func TestDurationsOfFetches(t *testing.T) {
	last := len(hub.PollBounds)
	for took, want := range map[time.Duration]int{
		0: 0, 10 * time.Millisecond: 0, 10*time.Millisecond + 1: 1, time.Second: 5, 10 * time.Second: last - 1, 10*time.Second + 1: last,
	} {
		var r record
		r.attempted(took, 0)
		if r.status.Durations[want] != 1 {
			t.Errorf("%v: %v, want place %d", took, r.status.Durations, want)
		}
	}
}
