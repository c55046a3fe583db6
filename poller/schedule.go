package poller

import "time"

const (
	// MinGap is the least time from the start of a fetch to the start of one that
	// PollNow asked for, and from there to the next tick. It is Every if Every is
	// shorter.
	MinGap = time.Second

	// Debounce is how long PollNow waits for more calls, which all share one fetch.
	Debounce = 100 * time.Millisecond

	// maxBackoff is the longest interval after failures, unless Every is longer.
	maxBackoff = 5 * time.Minute
)

// schedule computes when a stream is asked. A zero time means none.
type schedule struct {
	every time.Duration
	phase time.Duration // from the start, and from the end of a wait, to the tick

	due       time.Time // the next tick; while a fetch is in flight, its own tick
	begun     time.Time // when the newest fetch began
	notBefore time.Time // when the upstream's wait ends
	asked     time.Time // when a fetch for PollNow is due
	back      time.Time // when a fetch is due because a client listens again

	inFlight bool
	early    bool // the newest fetch began before its tick
	idle     bool // no ticks for now
}

// start sets the first tick.
func (s *schedule) start(now time.Time) { s.due = latest(now, s.notBefore).Add(s.phase) }

// takeUp goes on with the grid of another node, whose next tick is due at the given time. A
// tick that is over by now is due at once, but for the phase, because many streams may have
// lost their node at once.
func (s *schedule) takeUp(now, due time.Time) {
	if due.Before(now) {
		due = now.Add(s.phase)
	}
	s.due = due
	s.asked, s.back, s.inFlight = time.Time{}, time.Time{}, false
	s.due = latest(s.due, s.begun.Add(s.gap()))
	s.heed()
}

// end cancels all that is due.
func (s *schedule) end() {
	s.due, s.asked, s.back, s.inFlight = time.Time{}, time.Time{}, time.Time{}, false
}

// next returns when the next fetch is due, as far as known.
func (s *schedule) next() time.Time {
	next := s.polite(s.asked)
	if !s.idle && !s.inFlight {
		next = earliest(next, earliest(s.due, s.polite(s.back)))
	}
	return next
}

// polite returns the earliest time for a fetch that is due outside of the grid.
func (s *schedule) polite(at time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	return latest(latest(at, s.begun.Add(s.gap())), s.notBefore)
}

func (s *schedule) gap() time.Duration { return min(MinGap, s.every) }

// ask plans a fetch that begins after now, and returns when.
func (s *schedule) ask(now time.Time) time.Time {
	if s.asked.IsZero() {
		s.asked = now.Add(Debounce)
	}
	return latest(now, s.next())
}

// begin notes that a fetch begins. It serves all requests so far.
func (s *schedule) begin(now time.Time) {
	s.begun, s.inFlight, s.early = now, true, now.Before(s.due)
	s.asked, s.back = time.Time{}, time.Time{}
}

// succeed plans the next fetch after a success, and returns how many ticks were missed
// meanwhile. anew says that this was the first success after a failure.
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

// fail plans the next fetch after a failure, delay after the attempt began. A delay of
// 0 leaves the tick that was planned already.
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

// connect plans the next connection of a Feed after one has ended.
func (s *schedule) connect(due, notBefore time.Time) {
	s.inFlight, s.notBefore = false, notBefore
	s.due = latest(due, s.begun.Add(s.gap()))
	s.heed()
}

// suspend ends the ticks until resume.
func (s *schedule) suspend() { s.idle = true }

// resume continues the ticks, and makes a fetch due at once if the last one is an
// interval old.
func (s *schedule) resume(now time.Time) {
	s.idle = false
	s.pass(now)
	s.pass(s.begun.Add(s.gap()))
	s.heed()
	if !now.Before(s.begun.Add(s.every)) {
		s.back = now
	}
}

// pass moves the tick to the first one of the grid that is not before the given time,
// and returns how many ticks were passed.
func (s *schedule) pass(at time.Time) (passed uint64) {
	if s.due.Before(at) {
		s.due, passed = nextTick(s.due.Add(-s.every), at, s.every)
	}
	return passed
}

// heed begins a new grid if the tick is before the end of the upstream's wait. It
// begins one phase after that, because many streams may wait for the same instant.
func (s *schedule) heed() {
	if s.due.Before(s.notBefore) {
		s.due = s.notBefore.Add(s.phase)
	}
}

// nextTick returns the first of last+step, last+2*step, ... that is not before now,
// and how many earlier ones are dropped. A schedule does not drift, because it counts
// from the last tick and not from when that was served. step is more than 0, and last
// is not after now.
func nextTick(last, now time.Time, step time.Duration) (next time.Time, dropped uint64) {
	late := now.Sub(last) - step
	if late <= 0 {
		return last.Add(step), 0
	}
	missed := (late-1)/step + 1
	return last.Add(step).Add(missed * step), uint64(missed)
}

// earliest returns the earlier of two times, where a zero time means none.
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
