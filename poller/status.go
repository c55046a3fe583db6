package poller

import (
	"maps"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// maxClasses bounds how many classes of failures are counted apart. A Source
// that makes up classes without end fills "other".
const maxClasses = 32

// Status is what there is to tell of one stream at one moment. Counters only
// rise.
type Status struct {
	Name  string
	Every time.Duration

	State       hub.State
	Since       time.Time // when the stream entered State; zero before Run
	LastSuccess time.Time // when the upstream last answered well; zero if never
	Error       string    // class of the failure of the newest attempt; "" if it succeeded
	NextPoll    time.Time // zero while a fetch is in flight, before Run and after it

	Polls     uint64            // fetches begun
	Successes uint64            // attempts that succeeded
	Unchanged uint64            // of these, the ones that brought nothing new
	Failures  map[string]uint64 // attempts that failed, by class
	Panics    uint64            // of these, the ones in which the source panicked
	Dropped   uint64            // ticks dropped because an attempt took too long

	LastDuration  time.Duration // of the newest fetch that ended
	TotalDuration time.Duration // of all of them
}

// record is the part of a stream that others read. Its methods lock; the
// goroutine of the stream is the only one that writes.
type record struct {
	fresh  freshness
	status Status // what fresh tells is computed on reading
}

func (r *record) begin(at time.Time) {
	r.fresh.begin(at)
	r.status.NextPoll = at
}

func (r *record) poll() {
	r.status.Polls++
	r.status.NextPoll = time.Time{}
}

func (r *record) attempted(took time.Duration, dropped uint64, next time.Time) {
	r.status.LastDuration = took
	r.status.TotalDuration += took
	r.status.Dropped += dropped
	r.status.NextPoll = next
}

func (r *record) succeed(at time.Time, changed bool) {
	r.fresh.succeed(at)
	r.status.Error = ""
	r.status.Successes++
	if !changed {
		r.status.Unchanged++
	}
}

func (r *record) fail(at time.Time, class string) {
	r.fresh.fail(at)
	r.status.Error = class
	if class == classPanic {
		r.status.Panics++
	}
	if r.status.Failures == nil {
		r.status.Failures = make(map[string]uint64)
	}
	if _, known := r.status.Failures[class]; !known && len(r.status.Failures) >= maxClasses-1 {
		class = classOther
	}
	r.status.Failures[class]++
}

func (r *record) at(now time.Time) Status {
	s := r.status
	s.State, s.Since = r.fresh.at(now)
	s.LastSuccess = r.fresh.success
	s.Failures = maps.Clone(s.Failures)
	return s
}
