package poller

import (
	"time"

	"github.com/polluxhub/pollux/hub"
)

// How many missed intervals make a stream stale and down. They are counted from the
// time at which the fetch after the last success was due.
const (
	staleAfter = 2
	downAfter  = 5
)

// freshness holds the times on which the state of a stream depends. A zero time
// means none. A stream is live until its first fetch is due.
type freshness struct {
	every   time.Duration
	live    time.Time // when the stream became live, if it is
	due     time.Time // an interval, or the upstream's wait, after the last success or the start
	resumed time.Time // an interval after the first fetch since it was idle
	failed  time.Time // the first failure, which matters until the first success
	success time.Time // the last success
	idle    bool      // the upstream is not asked, so the stream does not become down

	// When the stream became so, if that was before due or resumed were moved.
	stale, down time.Time

	// What an upstream that is heard says itself of its documents, and since when; "" for
	// nothing, which is live.
	says      hub.State
	saysSince time.Time
}

// begin notes the start of the stream, whose first fetch is due at first; zero if
// it is idle. What is known from before is kept.
func (f *freshness) begin(now, first time.Time) {
	if f.live.IsZero() {
		f.live = now
	}
	f.idle, f.resumed = first.IsZero(), time.Time{}
	if !f.idle {
		f.due = first.Add(f.every)
	}
}

// succeed notes a success, and how long the upstream wants not to be asked again.
func (f *freshness) succeed(at time.Time, wait time.Duration) {
	if state, _ := f.at(at); state != hub.Live {
		f.live = at
	}
	f.success, f.due = at, at.Add(max(f.every, wait))
	f.stale, f.down = time.Time{}, time.Time{}
}

// hear notes what the upstream says of its documents.
func (f *freshness) hear(state hub.State, at time.Time) {
	before, _ := f.at(at)
	if state != f.says {
		f.says, f.saysSince = state, at
	}
	if after, _ := f.at(at); after == hub.Live && before != hub.Live {
		f.live = at
	}
}

// fail notes a failed attempt.
func (f *freshness) fail(at time.Time) {
	if f.failed.IsZero() {
		f.failed = at
	}
}

// deny notes that the upstream has answered that it has no document: the stream is down
// until the next success.
func (f *freshness) deny(at time.Time) {
	if state, _ := f.at(at); state != hub.Down {
		f.down = at
	}
}

// suspend notes that the upstream is no longer asked: the document grows old, but
// that is not the upstream's fault.
func (f *freshness) suspend(now time.Time) {
	f.hold(now)
	f.idle = true
}

// resume notes that the upstream is asked again, first at the given time. Missed
// intervals are counted from then.
func (f *freshness) resume(first time.Time) {
	f.idle, f.resumed = false, first.Add(f.every)
	if f.due.IsZero() {
		f.due = f.resumed
	}
}

// adopt changes the interval. Intervals that are not missed yet are counted from
// now.
func (f *freshness) adopt(now time.Time, every time.Duration) {
	f.hold(now)
	f.every = every
	if !f.due.IsZero() {
		f.due = latest(f.due, now)
	}
}

// hold freezes a state other than live until the next success.
func (f *freshness) hold(now time.Time) {
	switch state, since := f.at(now); state {
	case hub.Live:
	case hub.Stale:
		f.stale = since
	case hub.Down:
		f.down = since
	}
}

// at returns the state at the given time, and when the stream entered it.
func (f *freshness) at(now time.Time) (hub.State, time.Time) {
	stale, down := f.changes()
	switch {
	case reached(down, now):
		return hub.Down, down
	case f.says == hub.Down:
		return hub.Down, f.saysSince
	case reached(stale, now):
		return hub.Stale, stale
	case f.says == hub.Stale:
		return hub.Stale, f.saysSince
	default:
		return hub.Live, f.live
	}
}

// next returns when the state changes after now if nothing happens; zero if it
// does not.
func (f *freshness) next(now time.Time) time.Time {
	stale, down := f.changes()
	switch {
	case reached(down, now):
		return time.Time{}
	case reached(stale, now):
		return down
	default:
		return stale
	}
}

// changes returns when the stream becomes stale and down if nothing happens;
// zero if it does not.
func (f *freshness) changes() (stale, down time.Time) {
	if !f.due.IsZero() {
		stale = f.due.Add(staleAfter * f.every)
		down = latest(f.due, f.resumed).Add(downAfter * f.every)
	}
	if f.success.IsZero() {
		stale = earliest(stale, f.failed)
	}
	if f.idle {
		down = time.Time{}
	}
	if !f.stale.IsZero() {
		stale = f.stale
	}
	if !f.down.IsZero() {
		down = f.down
	}
	return stale, down
}

// reached reports whether a time is not zero and has come.
func reached(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }
