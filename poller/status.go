package poller

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// maxClasses bounds how many classes of failures are counted separately. If a Source
// makes up more classes, they are counted as "other".
const maxClasses = 32

// record is what Status reads of a stream, under its lock.
type record struct {
	sync.Mutex
	fresh  freshness
	status hub.Upstream // without what is computed from fresh, the schedule and source
	source any          // of the stream or its keys, whose counters are not in status yet
	holds  bool         // this node holds the lease of the stream, or of some of its keys, if there are leases
	polls  []bool       // of a stream with keys: whether this node holds the lease of each group

	connected bool // the Feed of the stream has a connection

	// Of a stream with keys.
	keys   map[string]*watchedKey // by the names of their streams
	wishes []wish                 // that the keyring has not seen
}

// hold notes whether this node holds the lease of a group.
func (r *record) hold(group int, holds bool) {
	r.polls[group] = holds
	r.holds = slices.Contains(r.polls, true)
}

// pollsKey reports whether this node holds the lease of the group of a key.
func (r *record) pollsKey(name string) bool {
	return len(r.polls) > 0 && r.polls[groupOf(name, len(r.polls))]
}

// wish is a request for a key that somebody wants, and when it is due.
type wish struct {
	key *watchedKey
	due time.Time
}

// poll notes a fetch that begins while clients listen, and that was due at a tick. A zero
// tick means that it was due outside of the grid.
func (r *record) poll(at, tick time.Time, listeners int) {
	if !tick.IsZero() && at.Sub(tick) > hub.LateAfter {
		r.status.Late++
	}
	r.status.Polls++
	r.status.LastPoll = at
	r.status.Saved += uint64(max(0, listeners-1))
}

// follow notes that the source is replaced.
func (r *record) follow(source any) {
	if isSame(r.source, source) {
		return
	}
	stats := statsOf(r.source)
	r.status.Retries += stats.Retries
	r.status.Refused += stats.Refused
	r.source = source
}

func (r *record) attempted(took time.Duration, dropped uint64) {
	r.status.LastDuration = took
	r.status.TotalDuration += took
	r.status.Durations[hub.Place(took, hub.PollBounds[:])]++
	r.status.Dropped += dropped
}

func (r *record) succeed(at time.Time, wait time.Duration, changed bool) {
	r.fresh.succeed(at, wait)
	r.settle()
	r.receive(changed)
}

// receive notes a document that a Feed has sent.
func (r *record) receive(changed bool) {
	r.status.Successes++
	if !changed {
		r.status.Unchanged++
	}
}

// settle notes that the last failure is over.
func (r *record) settle() { r.status.Error, r.status.Reason = "", "" }

func (r *record) fail(at time.Time, err error) {
	class := classOf(err)
	r.fresh.fail(at)
	r.status.Error, r.status.Reason = class, reasonOf(err)
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

// at returns what is known at the given time, but for the schedule.
func (r *record) at(now time.Time) hub.Upstream {
	s := r.status
	stats := statsOf(r.source)
	s.Retries += stats.Retries
	s.Refused += stats.Refused
	s.State, s.Since = r.fresh.at(now)
	s.LastSuccess = r.fresh.success
	s.Failures = maps.Clone(s.Failures)
	return s
}
