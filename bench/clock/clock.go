// Package clock reads one clock that all processes of a measurement share: the
// kernel's monotonic clock. What one process stamps on an event, another may
// subtract from its own reading.
package clock

import (
	"time"

	"golang.org/x/sys/unix"
)

// start and offset tie Go's clock, which is read without a system call, to the
// kernel's.
var start, offset = calibrate()

// calibrate takes the tightest of several readings, because a switch to another
// process between the two would become an error of every later reading.
func calibrate() (time.Time, int64) {
	const tries = 20
	var (
		best   = time.Hour
		start  time.Time
		offset int64
	)
	for range tries {
		var ts unix.Timespec
		before := time.Now()
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			panic(err) // no Linux lacks this clock
		}
		if took := time.Since(before); took < best {
			best, start, offset = took, before, ts.Nano()
		}
	}
	return start, offset
}

// Now returns the nanoseconds of the monotonic clock.
func Now() int64 { return offset + int64(time.Since(start)) }
