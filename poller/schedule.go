package poller

import "time"

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
