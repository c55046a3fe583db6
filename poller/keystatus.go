package poller

import (
	"context"
	"errors"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// announcement is the states of some keys on their way to clients.
type announcement struct {
	keys   []*watchedKey
	states []hub.State
	errs   []error
}

// failed reports whether it is not known that clients were told a state.
func (a *announcement) failed(i int) bool {
	return a.errs[i] != nil && !errors.Is(a.errs[i], hub.ErrUnknownStream)
}

// learn notes which states clients know now. A message that failed may have been stored
// nevertheless: then the next state has to be published. It is called under the lock of the
// record.
func (a *announcement) learn() {
	for i, k := range a.keys {
		if k.told = a.states[i]; a.failed(i) {
			k.told = ""
		}
	}
}

// sweep looks at the states of all keys, which change without an answer too, and returns
// when it has to be called again; zero if there is no key.
func (r *keyring) sweep(ctx context.Context, now time.Time) time.Time {
	gap := min(sweepEvery, max(r.stream.Every/4, time.Millisecond))
	if next := r.swept.Add(gap); !r.swept.IsZero() && now.Before(next) {
		return next
	}
	r.swept = now
	active := 0
	r.note(func() {
		for _, k := range r.record.keys {
			if k.gone {
				continue
			}
			if k.joined && !k.absent {
				active++
			}
			r.hearToldOf(k)
			r.isNews(k, now)
		}
		if active == 0 && !r.schedule.idle {
			r.schedule.suspend()
			r.record.fresh.suspend(now)
		}
		r.record.status.Absent = r.absences.count(now)
	})
	r.outages.review(ctx, r.logger, now)
	if len(r.record.keys) == 0 && len(r.absences.byName) == 0 && r.outages.total == 0 && r.outages.since.IsZero() {
		return time.Time{}
	}
	return now.Add(gap)
}

// hearToldOf is hearTold for a key.
func (r *keyring) hearToldOf(k *watchedKey) {
	if r.groups == nil || k.told == "" || k.telling {
		return
	}
	if state := r.toldOf(k.name).State; state != "" {
		k.told = state
	}
}

// tell publishes the states that clients do not know, some at a time, and returns when
// it has to be called again; zero if that is only after something has happened.
func (r *keyring) tell(ctx context.Context, now time.Time) time.Time {
	switch {
	case r.telling || len(r.untold) == 0:
		return time.Time{}
	case now.Before(r.retryTell):
		return r.retryTell
	}
	some := r.untold[:min(len(r.untold), tellAtOnce)]
	if r.untold = r.untold[len(some):]; len(r.untold) == 0 {
		r.untold = nil
	}
	var seen hub.ID
	if r.groups != nil {
		seen = r.seenNow()
	}
	a := &announcement{}
	var messages []hub.Message
	r.note(func() {
		for _, k := range some {
			if k.gone || !k.isNews(now) || !r.holds(k.name) {
				k.telling = false
				continue
			}
			status := k.status(now, r.limited)
			a.keys, a.states = append(a.keys, k), append(a.states, status.State)
			messages = append(messages, hub.Message{Stream: k.name, Status: &status, State: true, Seen: seen})
		}
	})
	if len(messages) == 0 {
		return now
	}
	r.telling = true
	r.engage(a.keys, 1)
	r.all.Go(func() {
		a.errs = publishAll(ctx, r.publisher, r.stream.Timeout, messages)
		r.said <- a
	})
	return time.Time{}
}

// heard notes which states clients know now.
func (r *keyring) heard(ctx context.Context, a *announcement) {
	r.telling = false
	r.engage(a.keys, -1)
	now := time.Now()
	failed := 0
	var superseded []string
	var why error
	r.note(func() {
		a.learn()
		for i, k := range a.keys {
			k.telling = false
			if errors.Is(a.errs[i], hub.ErrSuperseded) {
				superseded = append(superseded, k.name)
			}
			if a.failed(i) {
				failed++
				why = a.errs[i]
			}
			if !k.gone {
				r.isNews(k, now)
			}
		}
	})
	for _, name := range superseded {
		r.stepDown(name, now)
	}
	if failed > 0 && ctx.Err() == nil {
		r.retryTell = now.Add(r.stream.Every)
		r.logger.DebugContext(ctx, "status not published", "keys", failed, "reason", (&publishError{why}).Error())
	}
}
