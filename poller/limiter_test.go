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
	l.hear(at(0), at(1), 10*time.Second, 10*time.Second)
	if l.begin(at(11).Add(-1)) {
		t.Error("asked before the wait was over")
	}
	l.hear(at(0), at(2), 0, 0) // began before the limit
	if !l.begin(at(11)) || l.begin(at(21).Add(-1)) || !l.begin(at(21)) {
		t.Error("the pace is not ten seconds")
	}
	l.hear(at(21), at(22), time.Second, time.Second) // less is left to wait, but not less than was said
	if next := l.next(); !next.Equal(at(23)) {
		t.Errorf("next at %v", next.Sub(start))
	}
	l.hear(at(22), at(24), 0, 0)
	for range 2 {
		if !l.begin(at(24)) {
			t.Error("a pace without a limit")
		}
	}
	l.hear(at(24), at(25), time.Minute, time.Minute)
	l.hear(at(24), at(26), time.Second, time.Second)
	if next := l.next(); !next.Equal(at(85)) {
		t.Errorf("next at %v: a shorter wait has ended a longer one", next.Sub(start))
	}
}

// TestLimiterLearns has an upstream that refuses every hundredth request: requests are as
// far apart as it allowed, and come closer slowly.
func TestLimiterLearns(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var l limiter
	ask := func(n int) {
		for range n {
			if now = latest(now, l.next()); !l.begin(now) {
				t.Fatal("not when it is due")
			}
			l.hear(now, now, 0, 0)
			now = now.Add(10 * time.Millisecond)
		}
	}
	ask(100) // in a second
	l.refuse(now, now, time.Second)
	l.refuse(now.Add(-1), now, time.Second) // began before
	if l.begin(now.Add(time.Second - 1)) {
		t.Error("asked before the wait was over")
	}
	now = now.Add(time.Second)
	if !l.begin(now) || l.begin(now.Add(time.Second-1)) {
		t.Error("more than one request goes first")
	}
	l.hear(now, now, 0, 0)
	from := now
	ask(100)
	if took := now.Sub(from); took < 1800*time.Millisecond || took > 2000*time.Millisecond { // two seconds for a hundred
		t.Errorf("a hundred requests took %v", took)
	}
	ask(2000)
	if l.learned != 0 {
		t.Errorf("still %v between requests", l.learned)
	}
}
