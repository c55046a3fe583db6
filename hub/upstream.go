package hub

import (
	"slices"
	"time"
)

// Upstream is what a poller knows about the source of one stream. The poller fills
// it in; handlers and metrics show it. Counters never decrease.
type Upstream struct {
	Name  string // of the stream
	Every time.Duration

	// Status is the freshness of the stream. Its State is entered at Since, which
	// is zero before the poller runs.
	Status

	// Reason is why the newest attempt failed, in words for operators; empty if it did not.
	// Clients see the class in Status alone.
	Reason string

	LastPoll  time.Time // when the newest fetch began; zero if none
	NextPoll  time.Time // zero while a fetch is in flight or none is planned, before the poller runs and after it
	NotBefore time.Time // until then the upstream wants not to be asked; zero if that is past
	Idle      bool      // nobody listens, so the upstream is not asked

	// Connected reports whether there is a connection to an upstream that sends its documents
	// by itself. Nil if the upstream is asked for them.
	Connected *bool

	// NotBeforeReason is the header by which the upstream said NotBefore, or "ttl" if its
	// document did. It is empty if
	// NotBefore is zero, or has another cause.
	NotBeforeReason string
	// Of a stream that one node of several polls, see Leased.
	Leased    bool   // one node of several polls the stream
	Held      bool   // this one does
	Node      string // the name of the one that does; empty if none does now
	StepDowns uint64 // how often this node found that another one has published

	Polls     uint64            // fetches begun
	Asked     uint64            // requests for a fetch outside of the schedule
	Successes uint64            // attempts that succeeded
	Unchanged uint64            // successes that brought nothing new
	Hidden    uint64            // changes that the upstream hid by reporting no change
	Failures  map[string]uint64 // attempts that failed, by class
	Panics    uint64            // failures in which code of the source panicked
	Dropped   uint64            // ticks dropped because an attempt took too long
	Late      uint64            // fetches that began more than LateAfter behind their tick; none with keys

	// Saved is how many requests clients did not have to send themselves: for each
	// fetch, the number of clients at that time less one, and never less than 0.
	Saved uint64

	// Of a stream with keys.
	Keys    int // keys that exist
	Watched int // of these, keys that clients listen to
	Absent  int // keys that the upstream is known not to have

	Retries uint64 // requests sent again because their connection was lost
	Refused uint64 // connections refused because of their address

	LastDuration  time.Duration // of the newest fetch that ended
	TotalDuration time.Duration // of all fetches

	// Durations are fetches by duration: up to each of PollBounds, and longer.
	Durations [len(PollBounds) + 1]uint64
}

// PollBounds divide Upstream.Durations.
var PollBounds = [...]time.Duration{
	10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 10 * time.Second,
}

// LateAfter is how far behind its tick a fetch counts as late: the process had no time
// for it, because it was stopped or the machine is too small.
const LateAfter = 100 * time.Millisecond

// Place returns the index of the first bound that is not below a duration, or their number
// if it is above all of them.
func Place(took time.Duration, bounds []time.Duration) int {
	i, _ := slices.BinarySearch(bounds, took)
	return i
}

// Failed returns how many attempts failed.
func (u Upstream) Failed() (failed uint64) {
	for _, n := range u.Failures {
		failed += n
	}
	return failed
}
