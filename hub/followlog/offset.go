package followlog

import "time"

// minOffset is the difference between two clocks that counts as one.
const minOffset = 250 * time.Millisecond

// offsetOf returns by how much the clock of the origin is ahead. What a message takes is not
// known, so small changes are none.
func offsetOf(theirs, ours time.Time, before time.Duration) time.Duration {
	offset := theirs.Sub(ours.Round(0))
	if offset.Abs() < minOffset {
		return 0
	}
	if (offset - before).Abs() < minOffset {
		return before
	}
	return offset
}
