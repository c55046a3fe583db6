package poller

import (
	"maps"
	"sync"
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
	LastPoll    time.Time // when the newest fetch began; zero if none
	NextPoll    time.Time // zero while a fetch is in flight or none is planned, before Run and after it
	NotBefore   time.Time // until then the upstream wants not to be asked; zero if that is past
	Idle        bool      // nobody listens, so nobody asks; see Stream.Demand

	Polls     uint64            // fetches begun
	Asked     uint64            // calls of PollNow
	Successes uint64            // attempts that succeeded
	Unchanged uint64            // of these, the ones that brought nothing new
	Hidden    uint64            // changes that the upstream hid by saying that there were none
	Failures  map[string]uint64 // attempts that failed, by class
	Panics    uint64            // of these, the ones in which the source panicked
	Dropped   uint64            // ticks dropped because an attempt took too long

	LastDuration  time.Duration // of the newest fetch that ended
	TotalDuration time.Duration // of all of them
}

// record is what others read of a stream, under its lock.
type record struct {
	sync.Mutex
	fresh  freshness
	status Status // what fresh and the schedule tell is computed on reading
}

func (r *record) poll(at time.Time) {
	r.status.Polls++
	r.status.LastPoll = at
}

func (r *record) attempted(took time.Duration, dropped uint64) {
	r.status.LastDuration = took
	r.status.TotalDuration += took
	r.status.Dropped += dropped
}

func (r *record) succeed(at time.Time, wait time.Duration, changed bool) {
	r.fresh.succeed(at, wait)
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
