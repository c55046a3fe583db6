package poller

import (
	"time"

	"github.com/polluxhub/pollux/hub"
)

// hear learns which keys have come and gone, and whether clients listen to them.
func (r *keyring) hear(now time.Time) {
	r.changes = r.demand.Changes(r.changes[:0])
	here := r.divide(r.changes)
	r.note(func() {
		for _, change := range here {
			r.change(change, now)
		}
		if r.swept.IsZero() { // these were all keys that exist
			for _, k := range r.record.keys {
				if k.unseen {
					r.drop(k, now)
				}
			}
		}
		r.record.status.Keys = len(r.record.keys)
	})
	clear(r.changes) // so that no name of a key that has gone is kept
	if cap(r.changes) > tellAtOnce {
		r.changes = nil // not for ever as large as the greatest crowd
	}
}

func (r *keyring) change(change hub.KeyChange, now time.Time) {
	k := r.record.keys[change.Name]
	switch {
	case k != nil && k.gone:
		// It comes back after its request has ended, so that there are never two.
		k.back = &change
		return
	case !change.Exists:
		if k != nil {
			r.drop(k, now)
		}
		return
	case k == nil:
		k = newWatchedKey(change.Name, r.stream.Every, now)
		r.record.keys[k.name] = k
		if r.toldOf != nil {
			k.recall(r.toldOf(k.name))
		}
		r.add(k, change.Listeners > 0, now)
	case k.unseen:
		k.unseen = false
		k.joined = k.joined || change.Listeners > 0
		switch {
		case k.urgent:
			r.ring.soon(k, r.polite(k, now))
		case k.joined && k.sound:
			r.ring.enter(k, now, k.asked.Add(r.stream.Every))
		case k.joined:
			r.ring.afterwards(k, now)
		}
		if k.joined {
			k.fresh.resume(now)
			r.wakeUp(now)
		}
	case change.Listeners > 0 && !k.joined:
		k.joined = true
		r.join(k, now)
	}
	r.count(k, change.Listeners > 0)
	r.ring.sort(k, now)
}

// count notes whether clients listen to a key.
func (r *keyring) count(k *watchedKey, watched bool) {
	if k.watched {
		r.record.status.Watched--
	}
	if watched {
		r.record.status.Watched++
	}
	k.watched = watched
}

// add has a new key asked at once, unless the upstream is known not to have it.
func (r *keyring) add(k *watchedKey, joined bool, now time.Time) {
	k.joined = joined
	if joined {
		r.wakeUp(now)
	} else {
		k.fresh.suspend(now)
	}
	if what, found := r.absences.of(k.name, now); found {
		k.class, k.absent = what.class, true
		k.fresh.deny(what.since)
		r.isNews(k, now)
		if joined {
			r.ring.afterwards(k, what.until)
		}
		return
	}
	if r.kept[k.name] {
		r.keep(k, now)
		return
	}
	r.ring.soon(k, now)
}

// keep has a key asked for within an interval for which another node has asked until now.
func (r *keyring) keep(k *watchedKey, now time.Time) {
	k.sound = true
	if k.joined {
		r.ring.enter(k, now, now.Add(r.stream.Every))
	}
}

// join has a key asked again and again that nobody has listened to until now.
func (r *keyring) join(k *watchedKey, now time.Time) {
	due := k.asked.Add(r.stream.Every)
	what, absent := r.absences.of(k.name, now)
	switch {
	case k.inFlight: // it is asked anyway
		due = now
	case k.queue != nil: // as well, but sooner
		r.ring.soon(k, now)
	case absent:
		r.ring.afterwards(k, what.until)
	case reached(due, now):
		r.ring.soon(k, now)
	case k.sound:
		r.ring.enter(k, now, due)
	default:
		r.ring.afterwards(k, due)
	}
	k.fresh.resume(latest(due, now))
	r.wakeUp(now)
}

// drop forgets a key that has ended.
func (r *keyring) drop(k *watchedKey, now time.Time) {
	r.ring.remove(k)
	r.blame(k, "", now)
	r.count(k, false)
	k.gone = true
	if !k.inFlight {
		delete(r.record.keys, k.name)
	}
}
