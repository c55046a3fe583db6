package poller

import "time"

// pollNow plans a fetch that begins after this call, and returns when. It may be
// called from any goroutine.
func (l *loop) pollNow() (at time.Time) {
	now := time.Now()
	l.note(func() {
		l.record.status.Asked++
		at = l.schedule.ask(now)
	})
	select {
	case l.poked <- struct{}{}:
	default: // the loop has not seen the previous call yet
	}
	return at
}
