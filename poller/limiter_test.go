package poller

import (
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	var l limiter
	for range 3 {
		if !l.begin(at(0)) {
			t.Fatal("a limit that nobody has set")
		}
	}
	l.hear(at(0), at(1), 10*time.Second)
	if l.begin(at(11).Add(-1)) {
		t.Error("asked before the wait was over")
	}
	l.hear(at(0), at(2), 0) // began before the limit
	if !l.begin(at(11)) || l.begin(at(21).Add(-1)) || !l.begin(at(21)) {
		t.Error("the pace is not ten seconds")
	}
	l.hear(at(21), at(22), time.Second) // less is left to wait, but not less than was said
	if next := l.next(); !next.Equal(at(23)) {
		t.Errorf("next at %v", next.Sub(start))
	}
	l.hear(at(22), at(24), 0)
	for range 2 {
		if !l.begin(at(24)) {
			t.Error("a pace without a limit")
		}
	}
	l.hear(at(24), at(25), time.Minute)
	l.hear(at(24), at(26), time.Second)
	if next := l.next(); !next.Equal(at(85)) {
		t.Errorf("next at %v: a shorter wait has ended a longer one", next.Sub(start))
	}
}
