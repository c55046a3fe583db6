package poller

import "time"

// pollNow makes a fetch due that begins after this call, and returns when. Any
// goroutine may call it.
func (l *loop) pollNow() (at time.Time) {
	now := time.Now()
	l.note(func() {
		l.record.status.Asked++
		at = l.schedule.ask(now)
	})
	select {
	case l.poked <- struct{}{}:
	default: // the loop has not looked since the call before
	}
	return at
}
