package poller

import (
	"crypto/sha256"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// watchedKey is what is known of one key. It belongs to the goroutine of its keyring,
// which holds the lock of the record to change it, but for the fields of the newest
// document, which belong to the request that the key is in, if it is in one.
type watchedKey struct {
	turn
	name    string // of the stream, "prices/BTC"
	fresh   freshness
	watched bool // a client listens
	joined  bool // a client has listened: the key is asked again and again

	class    string // of the newest failure; empty if the last attempt succeeded
	failures uint8  // in a row
	refusals uint8  // since the last success, for which the key was not blamed
	absent   bool   // the upstream does not have it
	blamed   string // its class in outages; empty if it is not counted there

	inFlight bool
	gone     bool           // it has ended while in flight
	back     *hub.KeyChange // and has come back meanwhile
	wished   bool           // it is in the wishes of the record
	again    bool           // a request that begins after the one in flight is wanted
	unseen   bool           // a new loop has not been told yet that it exists

	told    hub.State // the state that clients were told; "" if unknown
	telling bool      // it is about to be told, or is being told

	// Of the newest document that clients have.
	bodyHash [sha256.Size]byte // of its body; zero if unknown
	newest   *validated        // nil if the upstream gave no version
}

// validated is the version of the newest document of a key, and whether to believe the
// upstream when it answers "unchanged" to that.
type validated struct {
	version Version
	trust   trust
}

func newWatchedKey(name string, every time.Duration, now time.Time) *watchedKey {
	k := &watchedKey{name: name, fresh: freshness{every: every}, told: hub.Live}
	k.fresh.begin(now, now)
	return k
}

// recall notes the status of the key that clients know from earlier than its loop.
func (k *watchedKey) recall(status hub.Status) {
	switch status.State {
	case "":
		return
	case hub.Live:
	case hub.Stale:
		k.fresh.stale = status.Since
	case hub.Down:
		k.fresh.down = status.Since
	}
	k.told, k.fresh.success = status.State, status.LastSuccess
}

// since returns the version of the newest document.
func (k *watchedKey) since() Version {
	if k.newest == nil {
		return Version{}
	}
	return k.newest.version
}

// state returns the state of the key, and when it entered it. A key becomes down by
// failing: one that is not asked in time is stale.
func (k *watchedKey) state(now time.Time) (hub.State, time.Time) {
	state, since := k.fresh.at(now)
	if state == hub.Down && k.class == "" && k.fresh.down.IsZero() {
		stale, _ := k.fresh.changes()
		return hub.Stale, stale
	}
	return state, since
}

// status returns what clients are told of the key at the given time. limited says that
// not all keys that are due can be asked.
func (k *watchedKey) status(now time.Time, limited bool) hub.Status {
	status := hub.Status{LastSuccess: k.fresh.success, Error: k.class}
	status.State, status.Since = k.state(now)
	if limited && status.State == hub.Stale && k.class == "" && k.isLate(now) {
		status.Error = classRateLimited
	}
	return status
}

// isLate reports whether the key is asked only now, or waits though its time has come.
func (k *watchedKey) isLate(now time.Time) bool {
	return k.inFlight || k.queue != nil && reached(k.due, now)
}

// isNews reports whether clients do not know the state of the key yet.
func (k *watchedKey) isNews(now time.Time) bool {
	state, _ := k.state(now)
	return state != k.told && !(state == hub.Live && k.fresh.success.IsZero()) // else nothing is known yet
}

// restart forgets all that depends on how the upstream is asked.
func (k *watchedKey) restart(now time.Time, every time.Duration) {
	// A request that was wanted at once, or was cut off, is still wanted.
	hurry := k.inFlight || k.urgent || k.wished || k.again
	k.turn = turn{asked: k.asked, sound: k.sound, urgent: hurry}
	k.fresh.adopt(now, every)
	k.class, k.failures, k.refusals, k.absent, k.blamed = "", 0, 0, false, ""
	k.inFlight, k.wished, k.again, k.telling, k.unseen = false, false, false, false, true
	k.bodyHash, k.newest = [sha256.Size]byte{}, nil
}
