package hub

import "time"

// stepBack is by how much a clock has to be set back for the age of an event to be
// measured without it.
const stepBack = time.Second

// TimeAt returns the time of the event for somebody who is told that it is now, and
// takes the difference for the age of the event. It is Time, unless the clock was set
// back meanwhile: the age would be too small, or negative.
func (e *Event) TimeAt(now time.Time) time.Time {
	return timeAt(e.time, now, now.Sub(e.time)) // Sub uses the monotonic clock
}

// timeAt returns the time at which something happened so long before now as has passed,
// unless the clock says that it is longer ago. The monotonic clock stops while the
// machine sleeps.
func timeAt(at, now time.Time, passed time.Duration) time.Time {
	passed = max(passed, 0)
	if byClock := now.Round(0).Sub(at.Round(0)); byClock >= 0 && byClock > passed-stepBack {
		return at
	}
	return now.Add(-passed)
}
