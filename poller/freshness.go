package poller

import (
	"time"

	"github.com/polluxhub/pollux/hub"
)

// How many intervals can be missed before a stream changes its state. They are
// counted from when the fetch was due that would have been the next success.
const (
	staleAfter = 2
	downAfter  = 5
)

// freshness is what happened to a stream, as far as its state depends on it. Its
// times are zero for none. Before a fetch is due the stream is live.
type freshness struct {
	every   time.Duration
	live    time.Time // since when it is live, if it is
	due     time.Time // an interval, or the upstream's wait, after the last success or the start
	resumed time.Time // an interval after the first fetch since it was idle
	failed  time.Time // the first failure, which matters until the first success
	success time.Time // the last success
	idle    bool      // nobody is asked, so nobody is down

	// Since when, if it was so before due or resumed were moved.
	stale, down time.Time
}

// begin notes the start of the stream, whose first fetch is due at first; zero
// if it is idle. What is known from before holds.
func (f *freshness) begin(now, first time.Time) {
	if f.live.IsZero() {
		f.live = now
	}
	f.idle, f.resumed = first.IsZero(), time.Time{}
	if !f.idle {
		f.due = first.Add(f.every)
	}
}

// succeed notes that the upstream answered well, and how long it wants not to be
// asked again.
func (f *freshness) succeed(at time.Time, wait time.Duration) {
	if state, _ := f.at(at); state != hub.Live {
		f.live = at
	}
	f.success, f.due = at, at.Add(max(f.every, wait))
	f.stale, f.down = time.Time{}, time.Time{}
}

// fail notes that an attempt came to nothing.
func (f *freshness) fail(at time.Time) {
	if f.failed.IsZero() {
		f.failed = at
	}
}

// suspend notes that nobody is asked any more: the document grows old, but
// nothing can be held against the upstream.
func (f *freshness) suspend(now time.Time) {
	f.hold(now)
	f.idle = true
}

// resume notes that the upstream is asked again, first at the given time. What
// it misses counts from then.
func (f *freshness) resume(first time.Time) {
	f.idle, f.resumed = false, first.Add(f.every)
	if f.due.IsZero() {
		f.due = f.resumed
	}
}

// adopt changes the interval. What is not missed yet counts from now.
func (f *freshness) adopt(now time.Time, every time.Duration) {
	f.hold(now)
	f.every = every
	if !f.due.IsZero() {
		f.due = latest(f.due, now)
	}
}

// hold keeps the state, unless it is live, until the next success.
func (f *freshness) hold(now time.Time) {
	switch state, since := f.at(now); state {
	case hub.Live:
	case hub.Stale:
		f.stale = since
	case hub.Down:
		f.down = since
	}
}

// at returns the state at the given time, and since when it lasts.
func (f *freshness) at(now time.Time) (hub.State, time.Time) {
	stale, down := f.changes()
	switch {
	case reached(down, now):
		return hub.Down, down
	case reached(stale, now):
		return hub.Stale, stale
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

// reached says whether a time, if it is one, has come.
func reached(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }
