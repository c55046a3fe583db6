package poller

import "time"

// Demand says whether anybody listens to a stream. It belongs to one stream; the
// poller calls it from one goroutine at a time. Its methods must not wait.
type Demand interface {
	// Listeners returns how many listen at this moment.
	Listeners() int

	// Changed returns a channel that can be received from, because there is a
	// value in it or because it was closed, as soon as Listeners has become 0,
	// or more than 0, after the call. The number must change first and the
	// channel speak then: whoever calls Changed before Listeners misses nothing.
	// It may speak without need, but not without end.
	//
	// So it may be one channel with room for one value, which is sent without
	// waiting, or a channel that is closed and replaced by another.
	Changed() <-chan struct{}
}

// attend looks who listens, and suspends or resumes the schedule. It returns
// what to wait for until it has to be called again: a change, or the end of the
// time that the last listener is outlived by; nil and zero for none.
func (l *loop) attend() (changed <-chan struct{}, until time.Time) {
	demand := l.stream.Demand
	if demand == nil {
		return nil, time.Time{}
	}
	changed = demand.Changed()
	listeners, now := demand.Listeners(), time.Now()
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
	l.logger.Debug("polling suspended: nobody listens")
}

func (l *loop) resume(now time.Time) {
	l.idle = false
	l.note(func() {
		l.schedule.resume(now)
		l.record.fresh.resume(l.schedule.next())
	})
	l.logger.Debug("polling resumed: somebody listens")
}
