package poller

import (
	"context"
	"crypto/sha256"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/polluxhub/pollux/hub"
)

const (
	// gather is how long an urgent key waits for others, if one request asks for
	// several.
	gather = 10 * time.Millisecond

	// tellAtOnce is how many states are published with one call.
	tellAtOnce = 1000

	// sweepEvery is the longest time between two looks at the states of all keys.
	sweepEvery = time.Second
)

// keyring polls the keys of one stream. Its fields belong to the goroutine of run; what
// Status reads is changed under the lock of the record.
type keyring struct {
	*loop
	limiter *limiter
	demand  hub.KeyDemand
	changes []hub.KeyChange

	ring        ring
	absences    absences
	outages     outages
	urgentFirst bool // the newest request was in a slot
	flights     int  // requests in flight
	trials      int  // of these, urgent ones for keys that are doubtful
	visits      int  // of these, for keys that nobody has listened to
	swept       time.Time
	untold      []*watchedKey // whose state clients have to be told
	telling     bool          // a goroutine publishes states
	retryTell   time.Time     // when states may be published again after a failure

	all    sync.WaitGroup // of the goroutines below
	landed chan *flight
	said   chan *announcement
}

// announcement is the states of some keys on their way to clients.
type announcement struct {
	keys   []*watchedKey
	states []hub.State
	errs   []error
}

func newKeyring(l *loop, limiter *limiter) *keyring {
	r := &keyring{
		loop:    l,
		limiter: limiter,
		ring:    ring{every: l.stream.Every, batch: l.stream.Keys.Batch},
		landed:  make(chan *flight, l.stream.Keys.Parallel), // so that no request waits for run
		said:    make(chan *announcement, 1),
	}
	if r.ring.batch > 1 {
		r.ring.gather = min(gather, r.ring.every)
	}
	return r
}

// run polls until ctx ends. It returns when all of its requests have ended.
func (r *keyring) run(ctx context.Context) {
	defer r.all.Wait()
	demand, err := r.publisher.Keys(r.stream.Name)
	if err != nil {
		r.logger.ErrorContext(ctx, "keys not polled", "reason", err.Error())
		return
	}
	r.demand = demand
	r.begin()
	for changed := true; ctx.Err() == nil; {
		now := time.Now()
		if changed {
			changed = false
			r.hear(now)
		}
		r.note(func() { r.takeWishes(now) })
		wake := earliest(r.sweep(ctx, now), r.tell(ctx, now))
		wake = earliest(wake, r.launch(ctx))
		select {
		case <-r.sleep(wake, now):
		case <-r.demand.Changed():
			changed = true
		case <-r.poked:
		case f := <-r.landed:
			r.settle(ctx, f)
		case a := <-r.said:
			r.heard(ctx, a)
		case <-ctx.Done():
		}
	}
}

// begin takes over the keys of the loop that this one replaces. They are asked in slots,
// all in one interval.
func (r *keyring) begin() {
	now := time.Now()
	r.note(func() {
		if r.record.keys == nil {
			r.record.keys = make(map[string]*watchedKey)
		}
		r.record.wishes = nil
		r.schedule.suspend()
		r.record.fresh.begin(now, time.Time{})
		for name, k := range r.record.keys {
			if k.gone {
				delete(r.record.keys, name)
				continue
			}
			k.restart(now, r.stream.Every)
		}
	})
}

// hear learns which keys have come and gone, and whether clients listen to them.
func (r *keyring) hear(now time.Time) {
	r.changes = r.demand.Changes(r.changes[:0])
	r.note(func() {
		for _, change := range r.changes {
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
		r.add(k, change.Listeners > 0, now)
	case k.unseen:
		k.unseen = false
		k.joined = k.joined || change.Listeners > 0
		switch {
		case k.urgent:
			r.ring.soon(k, r.polite(k, now))
		case k.joined:
			r.ring.inSlots(k, now)
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
	r.ring.soon(k, now)
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
	default:
		r.ring.inSlots(k, due)
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

// wakeUp notes that some key is asked again and again.
func (r *keyring) wakeUp(now time.Time) {
	if r.schedule.idle {
		r.schedule.idle = false
		r.record.fresh.resume(now)
	}
}

// takeWishes plans the requests that callers of PollNow and Refresh want.
func (r *keyring) takeWishes(now time.Time) {
	for _, wish := range r.record.wishes {
		k, due := wish.key, r.polite(wish.key, wish.due)
		k.wished = false
		switch {
		case k.gone:
		case k.inFlight:
			k.again = true
		case k.queue == nil || !k.urgent || k.due.After(due): // a slot may come much later
			r.ring.soon(k, latest(due, now))
		}
	}
	r.record.wishes = nil
}

// polite returns when a key may be asked that has to be asked at the given time.
func (r *keyring) polite(k *watchedKey, at time.Time) time.Time {
	return latest(at, k.asked.Add(min(MinGap, r.stream.Every)))
}

// launch begins the requests that are due, and returns when it has to be called again;
// zero if that is only after an answer, or a change.
func (r *keyring) launch(ctx context.Context) time.Time {
	for r.flights < r.stream.Keys.Parallel && ctx.Err() == nil {
		now := time.Now()
		allowed := r.allowed()
		var next time.Time
		r.note(func() {
			next = r.ring.next(now, allowed)
			r.schedule.due = next
		})
		if !reached(next, now) {
			return next
		}
		if !r.limiter.begin(now) {
			return r.limiter.next()
		}
		r.depart(ctx, now, allowed)
	}
	return time.Time{}
}

// allowed returns which urgent keys may be asked now. Those that are doubtful have half
// of the requests in flight, so that keys that nobody knows delay none that has an
// answer; and of these, those that nobody has listened to have half, so that they do not
// delay the first listener of another key.
func (r *keyring) allowed() int {
	trials := max(1, r.stream.Keys.Parallel/2)
	switch {
	case r.trials >= trials:
		return proven
	case r.visits >= max(1, trials/2):
		return awaited
	default:
		return visited
	}
}

// depart begins one request.
func (r *keyring) depart(ctx context.Context, now time.Time, allowed int) {
	f := &flight{stream: &r.stream, publisher: r.publisher, began: now}
	r.note(func() {
		var dropped uint64
		f.keys, f.slot, dropped = r.ring.take(now, allowed, r.urgentFirst)
		if len(f.keys) == 0 {
			return
		}
		for _, k := range f.keys {
			k.inFlight = true
		}
		r.record.status.Dropped += dropped
	})
	if len(f.keys) == 0 {
		return
	}
	f.kind, f.rank = f.keys[0].kind(), rank(f.keys[0])
	r.urgentFirst = !f.slot.IsZero()
	r.fly(f, 1)
	f.documents = make([][]byte, len(f.keys))
	listeners := 0
	for i, k := range f.keys {
		listeners += r.demand.Listeners(k.name)
		if event := r.demand.Newest(k.name); event != nil {
			f.documents[i] = event.Data()
		}
	}
	r.note(func() { r.record.poll(now, listeners) })
	if k := f.keys[0]; r.stream.Keys.Batch == 1 && k.newest != nil && k.bodyHash != [sha256.Size]byte{} && f.documents[0] != nil && !r.trust.never {
		f.since = k.newest.trust.version(now, k.since())
	}
	r.all.Go(func() {
		f.run(ctx)
		r.landed <- f
	})
}

// fly adds to the requests in flight: 1 or -1.
func (r *keyring) fly(f *flight, change int) {
	r.flights += change
	if f.slot.IsZero() && f.rank >= awaited {
		r.trials += change
	}
	if f.slot.IsZero() && f.rank >= visited {
		r.visits += change
	}
}

// settle notes what a request has brought.
func (r *keyring) settle(ctx context.Context, f *flight) {
	now := time.Now()
	r.fly(f, -1)
	if ctx.Err() != nil {
		return // the result is not wanted any more
	}
	if f.wait > 0 || f.err == nil || r.isAbsence(f.err) { // a request without an answer says nothing about limits
		r.limiter.hear(f.began, f.answered, f.wait)
	}
	r.note(func() {
		if !f.slot.IsZero() {
			r.ring.landed(f.kind, len(f.keys))
		}
		answered, changed, err := r.outcome(f)
		if answered {
			r.record.succeed(f.answered, f.wait, changed)
		} else {
			r.record.fail(now, classOf(err))
			if r.isAbsence(err) && r.record.status.Successes > 0 {
				r.record.fresh.succeed(f.answered, f.wait) // the upstream answers
			}
		}
		r.schedule.notBefore = r.limiter.next()
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
	urgent, every := f.slot.IsZero(), r.stream.Every
	again := k.again
	k.again = false
	due := f.began.Add(every)
	if !urgent {
		due = f.slot.Add(every)
	}
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
	switch {
	case answer.err == nil:
		r.believe(k, f, answer)
		r.blame(k, "", now)
		k.class, k.failures, k.sound = "", 0, true
		k.fresh.succeed(f.answered, f.wait)
		if k.joined {
			r.ring.inSlots(k, due)
		}
	case absent:
		what := absence{class: class, since: f.answered, until: f.answered.Add(r.stream.Keys.Absent)}
		r.absences.add(k.name, what)
		r.fault(k, class, first, answer.err, now)
		k.fresh.deny(now)
		due = what.until
		if k.joined {
			r.ring.afterwards(k, due)
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
		due = f.began.Add(delayAfter(every, int(k.failures), r.backoff.random))
		if k.joined {
			r.ring.afterwards(k, latest(due, now))
		}
	}
	if again {
		r.ring.soon(k, r.polite(k, now))
	}
	r.isNews(k, now)
}

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
	r.outages.explain(class, key, err)
}

// blame notes the class of the newest failure of a key that operators are told of; empty
// for none.
func (r *keyring) blame(k *watchedKey, class string, now time.Time) {
	r.outages.change(now, k.blamed, class)
	k.blamed = class
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
	a := &announcement{}
	var messages []hub.Message
	r.note(func() {
		for _, k := range some {
			if k.gone || !k.isNews(now) {
				k.telling = false
				continue
			}
			status := k.status(now)
			a.keys, a.states = append(a.keys, k), append(a.states, status.State)
			messages = append(messages, hub.Message{Stream: k.name, Status: &status})
		}
	})
	if len(messages) == 0 {
		return now
	}
	r.telling = true
	r.all.Go(func() {
		a.errs = publishAll(ctx, r.publisher, r.stream.Timeout, messages)
		r.said <- a
	})
	return time.Time{}
}

// heard notes which states clients know now.
func (r *keyring) heard(ctx context.Context, a *announcement) {
	r.telling = false
	now := time.Now()
	failed := 0
	var why error
	r.note(func() {
		for i, k := range a.keys {
			k.telling = false
			k.told = a.states[i]
			if err := a.errs[i]; err != nil && !errors.Is(err, hub.ErrUnknownStream) {
				// The message may have been stored nevertheless: the next state has to
				// be published.
				k.told = ""
				failed++
				why = err
			}
			if !k.gone {
				r.isNews(k, now)
			}
		}
	})
	if failed > 0 && ctx.Err() == nil {
		r.retryTell = now.Add(r.stream.Every)
		r.logger.DebugContext(ctx, "status not published", "keys", failed, "reason", (&publishError{why}).Error())
	}
}
