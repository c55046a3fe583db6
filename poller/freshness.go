package poller

import (
	"time"

	"github.com/polluxhub/pollux/hub"
)

// After how many intervals without a success a stream changes its state. An
// interval is missed when it ends without success; the one that begins with the
// last success is not missed, so two missed ones end with the third.
const (
	staleAfter = 3
	downAfter  = 6
)

// freshness is what happened to a stream, as far as its state depends on it.
// Before start is set the stream is live.
type freshness struct {
	every   time.Duration
	start   time.Time // when the stream began
	failed  time.Time // the first failure, which matters until the first success; zero if none
	success time.Time // the last success; zero if none
	live    time.Time // since when it is live, if it is
}

// begin notes the start of the stream.
func (f *freshness) begin(at time.Time) { f.start, f.live = at, at }

// succeed notes that the upstream answered well.
func (f *freshness) succeed(at time.Time) {
	if state, _ := f.at(at); state != hub.Live {
		f.live = at
	}
	f.success = at
}

// fail notes that an attempt came to nothing.
func (f *freshness) fail(at time.Time) {
	if f.failed.IsZero() {
		f.failed = at
	}
}

// at returns the state at the given time, and since when it lasts.
func (f *freshness) at(now time.Time) (hub.State, time.Time) {
	stale, down := f.changes()
	switch {
	case f.start.IsZero() || now.Before(stale):
		return hub.Live, f.live
	case now.Before(down):
		return hub.Stale, stale
	default:
		return hub.Down, down
	}
}

// next returns when the state changes after now if nothing happens; zero if it
// does not.
func (f *freshness) next(now time.Time) time.Time {
	stale, down := f.changes()
	switch {
	case f.start.IsZero():
		return time.Time{}
	case now.Before(stale):
		return stale
	case now.Before(down):
		return down
	default:
		return time.Time{}
	}
}

// changes returns when the stream becomes stale and down if nothing happens.
func (f *freshness) changes() (stale, down time.Time) {
	known := f.success
	if known.IsZero() {
		known = f.start
	}
	stale, down = known.Add(staleAfter*f.every), known.Add(downAfter*f.every)
	if f.success.IsZero() && !f.failed.IsZero() && f.failed.Before(stale) {
		stale = f.failed
	}
	return stale, down
}
