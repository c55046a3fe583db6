package poller

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestScheduleProperties asks, fails, waits and goes idle at random, and fetches when
// the schedule says so. The upstream must be treated well in any case.
func TestScheduleProperties(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		every := time.Duration(rapid.SampledFrom([]int64{1e6, 3e8, 1e9, 5e9, 60e9}).Draw(t, "every"))
		span := func(most time.Duration, label string) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(most)).Draw(t, label))
		}
		s := schedule{every: every, phase: span(every-1, "phase")}
		now := start
		s.start(now)
		anchor := s.due // of the newest grid
		failing, asked := false, time.Time{}
		var begun, notBefore time.Time // of the newest fetch

		fetch := func() {
			now = latest(now, s.next())
			if !notBefore.IsZero() && now.Before(notBefore) {
				t.Fatalf("asked %v before the wait was over", notBefore.Sub(now))
			}
			if gap := now.Sub(begun); gap < min(MinGap, every) {
				t.Fatalf("asked %v after the fetch before", gap)
			}
			if s.idle && asked.IsZero() {
				t.Fatal("asked while nobody listens")
			}
			tick := !now.Before(s.due)
			if tick && !s.idle && now.Sub(anchor)%every != 0 {
				t.Fatalf("a tick off the grid by %v", now.Sub(anchor)%every)
			}
			begun, asked = now, time.Time{}
			s.begin(now)
			if tick && failing && !s.idle {
				anchor = now
			}
			if rapid.Bool().Draw(t, "asked meanwhile") {
				s.ask(now)
				asked = now
			}
			now = now.Add(span(every*5/4, "takes"))
			notBefore = time.Time{}
			if rapid.Bool().Draw(t, "waits") {
				notBefore = now.Add(span(3*every, "wait"))
			}
			planned := s.due
			if rapid.Bool().Draw(t, "succeeds") {
				s.succeed(now, notBefore, failing)
				if !tick && failing && !s.idle {
					anchor = begun
				}
				failing = false
			} else {
				delay := every + span(every, "above")
				if s.early && failing {
					delay = 0
				}
				s.fail(now, notBefore, delay)
				if !s.idle && s.due.Before(begun.Add(every)) {
					t.Fatalf("asked again %v after a failure", s.due.Sub(begun))
				}
				if delay == 0 && s.due.Before(planned) {
					t.Fatal("an extra failure brought the next attempt nearer")
				}
				failing, anchor = true, s.due
			}
			if s.due.Equal(notBefore.Add(s.phase)) {
				anchor = s.due
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"fetch", "fetch", "ask", "turn", "later"}).Draw(t, "step") {
			case "fetch":
				if !s.next().IsZero() {
					fetch()
				}
			case "ask":
				at := s.ask(now)
				asked = now
				if again := s.ask(now); !again.Equal(at) {
					t.Fatalf("asked twice: %v, then %v", at, again)
				}
				soonest := latest(latest(now.Add(Debounce), begun.Add(min(MinGap, every))), notBefore)
				if at.After(soonest) || at.Before(now) {
					t.Fatalf("asked: at %v, want %v at the latest", at.Sub(now), soonest.Sub(now))
				}
			case "turn":
				if !s.idle {
					s.suspend()
					break
				}
				s.resume(now)
				if next := s.next(); next.After(latest(latest(now.Add(every), notBefore), s.due)) {
					t.Fatalf("resumed: asked in %v", next.Sub(now))
				}
				if s.due.Equal(notBefore.Add(s.phase)) {
					anchor = s.due
				}
			case "later": // but not longer than a loop sleeps
				now = now.Add(span(2*every, "later"))
				if next := s.next(); reached(next, now) {
					now = next
				}
			}
		}
	})
}
