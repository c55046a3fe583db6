package poller

import "time"

// attend suspends the schedule of a stream that is polled on demand when its last
// client has been gone for Linger, and resumes it when a client is back. It returns
// when it has to be called again: after a change, or at the end of Linger; nil and
// zero mean never.
func (l *loop) attend() (changed <-chan struct{}, until time.Time) {
	if !l.stream.OnDemand {
		return nil, time.Time{}
	}
	changed = l.demand.Changed()
	listeners, now := l.demand.Listeners(), time.Now()
	if listeners > 0 {
		l.left = time.Time{}
		if l.idle {
			l.resume(now)
		}
		return changed, time.Time{}
	}
	if l.idle {
		return changed, time.Time{}
	}
	if l.left.IsZero() {
		l.left = now
	}
	until = l.left.Add(l.stream.Linger)
	if now.Before(until) {
		return changed, until
	}
	l.suspend(now)
	return changed, time.Time{}
}

func (l *loop) suspend(now time.Time) {
	l.idle = true
	l.note(func() {
		l.schedule.suspend()
		l.record.fresh.suspend(now)
	})
	l.logger.Debug("polling suspended: no clients")
}

func (l *loop) resume(now time.Time) {
	l.idle = false
	l.note(func() {
		l.schedule.resume(now)
		if l.stream.Feed != nil {
			l.schedule.back = now
		}
		l.record.fresh.resume(l.schedule.next())
	})
	l.logger.Debug("polling resumed: a client listens")
}
