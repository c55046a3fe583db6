package poller

import (
	"cmp"
	"context"
	"math"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// settle notes what a request has brought.
func (r *keyring) settle(ctx context.Context, f *flight) {
	now := time.Now()
	r.fly(f, -1)
	r.engage(f.keys, -1)
	if ctx.Err() != nil {
		return // the result is not wanted any more
	}
	superseded := f.superseded()
	for _, name := range superseded {
		r.stepDown(name, now)
	}
	switch {
	case len(superseded) == len(f.keys):
	case isRefusal(f.err):
		r.limiter.refuse(f.began, f.answered, cmp.Or(f.wait, min(MinGap, r.stream.Every)))
	case f.wait > 0 || f.err == nil || r.isAbsence(f.err): // a request without an answer says nothing about limits
		r.limiter.hear(f.began, f.answered, f.wait, r.share(f.wait))
	}
	if len(superseded) == len(f.keys) || r.isLost(f) {
		r.note(func() { r.forget(f, now) })
		return
	}
	r.patience.hear(ctx, r.logger, f.answered, r.stream.Every, f.wait, f.said)
	if f.err == nil {
		r.notice.hear(ctx, r.logger, f.notice)
	}
	r.note(func() {
		if !f.place.IsZero() {
			r.ring.landed(f.kind, len(f.keys))
		}
		answered, changed, err := r.outcome(f)
		if answered {
			r.record.succeed(f.answered, f.wait, changed)
		} else {
			r.record.fail(now, err)
			if r.isAbsence(err) && r.record.status.Successes > 0 {
				r.record.fresh.succeed(f.answered, f.wait) // the upstream answers
			}
		}
		r.schedule.notBefore = r.limiter.next()
		r.record.status.NotBeforeReason = headerOf(f.said)
		r.record.attempted(f.answered.Sub(f.began), 0)
		for i, k := range f.keys {
			k.inFlight = false
			if k.gone {
				r.bury(k, now)
				continue
			}
			answer := answer{err: f.err}
			if f.err == nil {
				answer = f.answers[i]
			}
			r.judge(k, f, answer, now)
		}
	})
	if f.err != nil {
		r.logger.DebugContext(ctx, "poll failed", "reason", reasonOf(f.err), "class", classOf(f.err), "keys", len(f.keys))
	}
	r.outages.review(ctx, r.logger, now)
}

// isLost reports whether all keys of a request were given up meanwhile, or have to be.
func (r *keyring) isLost(f *flight) bool {
	for i := range f.keys {
		if f.leases == nil || f.leases[i].Context().Err() == nil && r.polls(f.keys[i].name) {
			return false
		}
	}
	return true
}

// forget ends a request whose result is not used.
func (r *keyring) forget(f *flight, now time.Time) {
	for _, k := range f.keys {
		k.inFlight = false
		if k.gone {
			r.bury(k, now)
		}
	}
}

// bury removes a key that has ended while in flight. If it has come back, it begins anew.
func (r *keyring) bury(k *watchedKey, now time.Time) {
	delete(r.record.keys, k.name)
	if k.back != nil {
		r.change(*k.back, now)
	}
	r.record.status.Keys = len(r.record.keys)
}

// outcome returns whether the upstream answered a request as it should, whether that
// told clients anything new, and otherwise the error of the whole request.
func (r *keyring) outcome(f *flight) (answered, changed bool, err error) {
	if f.err != nil {
		return false, false, f.err
	}
	for _, answer := range f.answers {
		answered = answered || answer.err == nil
		changed = changed || answer.changed
		if answer.err != nil {
			err = answer.err
		}
	}
	return answered, changed, err
}

// judge notes what a request has brought for one key, and plans the next one.
func (r *keyring) judge(k *watchedKey, f *flight, answer answer, now time.Time) {
	urgent, every := f.place.IsZero(), r.stream.Every
	again := k.again
	k.again = false
	class := ""
	if answer.err != nil {
		class = classOf(answer.err)
	}
	absent := r.isAbsence(answer.err)
	if k.absent && !absent {
		r.absences.remove(k.name)
	}
	k.absent = absent
	if k.joined && !absent {
		r.wakeUp(now)
	}
	first := r.record.status.Successes == 0
	refused := isRefusal(answer.err) && k.refusals < maxRefusals
	switch {
	case refused:
		k.refusals++
	case answer.err == nil:
		k.refusals = 0
	}
	switch {
	case refused:
		r.repeat(k, f, class, answer.err, now)
	case answer.err == nil:
		r.believe(k, f, answer)
		r.blame(k, "", now)
		k.class, k.failures, k.sound = "", 0, true
		k.fresh.succeed(f.answered, f.wait)
		switch {
		case !k.joined:
		case urgent || f.kind == doubtful:
			r.ring.enter(k, now, f.began.Add(every))
		default:
			r.ring.keep(k, f.place.Add(every))
		}
	case absent:
		what := absence{class: class, since: f.answered, until: f.answered.Add(r.stream.Keys.Absent)}
		r.absences.add(k.name, what)
		r.fault(k, class, first, answer.err, now)
		k.fresh.deny(now)
		if k.joined {
			r.ring.afterwards(k, what.until)
		}
	default:
		if !urgent || k.failures == 0 {
			k.failures = min(k.failures, math.MaxUint8-1) + 1
		}
		r.fault(k, class, class != classNoDocument || first || k.sound, answer.err, now)
		if class == classNoDocument {
			k.fresh.deny(now)
		} else {
			k.fresh.fail(now)
		}
		if k.joined {
			due := f.began.Add(r.backoff.After(int(k.failures)))
			r.ring.afterwards(k, latest(due, now))
		}
	}
	if again {
		r.ring.soon(k, r.polite(k, now))
	}
	r.isNews(k, now)
}

// repeat has a key asked again before others, because the upstream has been asked too
// often: that says nothing about the key.
func (r *keyring) repeat(k *watchedKey, f *flight, class string, err error, now time.Time) {
	k.class = class
	r.blame(k, class, now)
	_, key := hub.SplitName(k.name)
	r.outages.explain(k.blamed, key, err)
	switch {
	case f.place.IsZero():
		r.ring.soon(k, k.due)
	case k.sound && k.joined:
		r.ring.keep(k, k.due)
	case k.joined:
		r.ring.afterwards(k, k.due)
	}
}

// maxRefusals is how often, until it has a document, a key is asked again because the upstream has been
// asked too often. After that it has failed: it may be the key that is refused.
const maxRefusals = 3

// isRefusal reports whether an error says that the upstream has been asked too often.
func isRefusal(err error) bool { return err != nil && classOf(err) == classTooMany }

// isAbsence reports whether an error says that the upstream does not have the key. The
// answer to a request for several keys does not say which of them is meant.
func (r *keyring) isAbsence(err error) bool {
	if err == nil || r.stream.Keys.Batch > 1 {
		return false
	}
	class := classOf(err)
	return class == classNotFound || class == classGone
}

// fault notes the class of a failure. outage says whether an operator is told: that an
// upstream does not have a key is an answer, unless it has never had any.
func (r *keyring) fault(k *watchedKey, class string, outage bool, err error, now time.Time) {
	k.class, k.sound = class, false
	if !outage {
		r.blame(k, "", now)
		return
	}
	r.blame(k, class, now)
	_, key := hub.SplitName(k.name)
	r.outages.explain(k.blamed, key, err)
}

// blame notes the class of the newest failure of a key that operators are told of; empty
// for none.
func (r *keyring) blame(k *watchedKey, class string, now time.Time) {
	k.blamed = r.outages.change(now, k.blamed, class)
}

// believe notes the version of the newest document of a key.
func (r *keyring) believe(k *watchedKey, f *flight, answer answer) {
	version := answer.reading.Version
	switch {
	case r.stream.Keys.Batch > 1:
		return
	case k.newest == nil && version == (Version{}):
		return
	case k.newest == nil:
		k.newest = &validated{trust: trust{never: r.stream.Unconditional, every: r.stream.Revalidate, asked: f.began}, version: version}
		return
	}
	if k.newest.trust.hear(f.since, k.newest.version, answer.reading, answer.changed) {
		r.record.status.Hidden++
		if !r.trust.never {
			r.trust.never = true // of one key, of all
			r.logger.Warn(hiddenMessage)
		}
	}
	if !answer.reading.Unchanged {
		k.newest.version = version
	}
}

// isNews has clients told the state of a key if they do not know it.
func (r *keyring) isNews(k *watchedKey, now time.Time) {
	if !k.telling && k.isNews(now) {
		k.telling = true
		r.untold = append(r.untold, k)
	}
}
