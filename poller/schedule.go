package poller

import "time"

const (
	// MinGap is the least time from the beginning of a fetch to that of one
	// which PollNow asked for, and from that to the next tick; Every, if that is
	// shorter.
	MinGap = time.Second

	// Debounce is how long PollNow waits for more of its kind, which all get
	// one fetch.
	Debounce = 100 * time.Millisecond
)

// schedule says when a stream is asked. Its times are zero for none.
type schedule struct {
	every time.Duration
	phase time.Duration // from the start, and from the end of a wait, to the tick

	due       time.Time // the next tick; the one served, while a fetch is in flight
	begun     time.Time // when the newest fetch began
	notBefore time.Time // when the upstream's wait ends
	asked     time.Time // when a fetch is due that PollNow asked for
	back      time.Time // when one is due because somebody listens again

	inFlight bool
	early    bool // the newest fetch began before its tick
	idle     bool // no ticks for now
}

// start sets the first tick.
func (s *schedule) start(now time.Time) { s.due = latest(now, s.notBefore).Add(s.phase) }

// end leaves nothing due.
func (s *schedule) end() {
	s.due, s.asked, s.back, s.inFlight = time.Time{}, time.Time{}, time.Time{}, false
}

// next returns when the next fetch is due, as far as that is known.
func (s *schedule) next() time.Time {
	next := s.polite(s.asked)
	if !s.idle && !s.inFlight {
		next = earliest(next, earliest(s.due, s.polite(s.back)))
	}
	return next
}

// polite returns when a fetch that is due outside of the grid may be.
func (s *schedule) polite(at time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	return latest(latest(at, s.begun.Add(s.gap())), s.notBefore)
}

func (s *schedule) gap() time.Duration { return min(MinGap, s.every) }

// ask makes a fetch due that begins after now, and returns when.
func (s *schedule) ask(now time.Time) time.Time {
	if s.asked.IsZero() {
		s.asked = now.Add(Debounce)
	}
	return latest(now, s.next())
}

// begin notes that a fetch begins, which is what was asked for.
func (s *schedule) begin(now time.Time) {
	s.begun, s.inFlight, s.early = now, true, now.Before(s.due)
	s.asked, s.back = time.Time{}, time.Time{}
}

// succeed plans what comes after an attempt that succeeded, and returns how many
// ticks came while it lasted. anew says that it was the first success after a
// failure.
func (s *schedule) succeed(now, notBefore time.Time, anew bool) (dropped uint64) {
	s.inFlight, s.notBefore = false, notBefore
	switch {
	case s.idle:
		return 0 // resume plans
	case !s.early:
		s.due = s.due.Add(s.every)
	case anew:
		s.due = s.begun.Add(s.every)
	}
	dropped = s.pass(now)
	if s.early {
		s.pass(s.begun.Add(s.gap()))
	}
	s.heed()
	return dropped
}

// fail plans what comes after an attempt that failed. The next is due delay
// after it began; a delay of 0 leaves the tick that was planned already.
func (s *schedule) fail(now, notBefore time.Time, delay time.Duration) (dropped uint64) {
	s.inFlight, s.notBefore = false, notBefore
	if delay == 0 {
		s.due = latest(s.due, s.begun.Add(s.every))
		dropped = s.pass(now)
	} else {
		s.due, dropped = nextTick(s.begun, now, delay)
	}
	s.heed()
	return dropped
}

// suspend ends the ticks until resume.
func (s *schedule) suspend() { s.idle = true }

// resume lets the ticks go on, and makes a fetch due at once if the last one is
// an interval old.
func (s *schedule) resume(now time.Time) {
	s.idle = false
	s.pass(now)
	s.pass(s.begun.Add(s.gap()))
	s.heed()
	if !now.Before(s.begun.Add(s.every)) {
		s.back = now
	}
}

// pass moves the tick on to the first of the grid that is not before the given
// time, and returns how many came before it.
func (s *schedule) pass(at time.Time) (passed uint64) {
	if s.due.Before(at) {
		s.due, passed = nextTick(s.due.Add(-s.every), at, s.every)
	}
	return passed
}

// heed begins a new grid if the tick is before the end of the upstream's wait:
// after it, by the phase, as many streams may wait for one instant.
func (s *schedule) heed() {
	if s.due.Before(s.notBefore) {
		s.due = s.notBefore.Add(s.phase)
	}
}

// nextTick returns the first of last+step, last+2*step, ... that is not before
// now, and how many came before it and are dropped. As it counts from the last
// tick, not from when that was served, a schedule does not drift. step is more
// than 0, and last not after now.
func nextTick(last, now time.Time, step time.Duration) (next time.Time, dropped uint64) {
	late := now.Sub(last) - step
	if late <= 0 {
		return last.Add(step), 0
	}
	missed := (late-1)/step + 1
	return last.Add(step).Add(missed * step), uint64(missed)
}

// earliest returns the earlier of two times, the zero time being none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// latest returns the later of two times.
func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
