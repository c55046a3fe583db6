package hub

import (
	"testing"
	"time"
)

// An age by the times that are told is never negative, and never smaller than the time
// that has passed, whatever was done to the clock.
func TestAgesAfterTheClockWasSet(t *testing.T) {
	at := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name                  string
		byClock, passed, want time.Duration
	}{
		{"untouched", time.Minute, time.Minute, time.Minute},
		{"just now", 0, 0, 0},
		{"set back", -time.Hour, time.Minute, time.Minute},
		{"set back a little", -time.Millisecond, time.Minute, time.Minute},
		{"set back long ago", time.Minute, time.Hour + time.Minute, time.Hour + time.Minute},
		{"set back by less than a second", time.Minute, time.Minute + time.Second - 1, time.Minute},
		{"set back by a second", time.Minute, time.Minute + time.Second, time.Minute + time.Second},
		{"set back before a start", -time.Hour, -time.Hour, 0}, // the time was stored without the monotonic clock
		{"set forward, or the machine slept", time.Hour, time.Minute, time.Hour},
	} {
		now := at.Add(test.byClock)
		if got := now.Sub(timeAt(at, now, test.passed)); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	e := &Event{time: time.Now().Round(0).Add(time.Hour)}
	if now := time.Now(); !e.TimeAt(now).Equal(now) {
		t.Error("an event of the future is not new")
	}
}
