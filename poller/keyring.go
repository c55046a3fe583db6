package poller

import (
	"context"
	"crypto/sha256"
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
	kept    map[string]bool // of those, keys that another node has polled until now

	groups   []*group       // nil: no other node polls keys
	others   map[string]int // keys of other nodes, and how many clients of this one listen
	moves    chan move      // from the goroutines of applying
	applying sync.WaitGroup // of one for each group

	ring      ring
	absences  absences
	outages   outages
	flights   int  // requests in flight
	trials    int  // of these, for keys that are doubtful or that nobody listens to
	visits    int  // of these, of the lane rest
	limited   bool // not all that is due can be asked; guarded like the schedule
	swept     time.Time
	untold    []*watchedKey // whose state clients have to be told
	telling   bool          // a goroutine publishes states
	retryTell time.Time     // when states may be published again after a failure

	all    sync.WaitGroup // of the goroutines below
	landed chan *flight
	said   chan *announcement
}

func newKeyring(l *loop, limiter *limiter) *keyring {
	r := &keyring{
		loop:    l,
		limiter: limiter,
		ring:    newRing(l.stream.Every, l.stream.Keys.Batch),
		landed:  make(chan *flight, l.stream.Keys.Parallel), // so that no request waits for run
		said:    make(chan *announcement, 1),
	}
	if l.lease != nil {
		r.groups, r.others, r.moves = newGroups(&l.stream), map[string]int{}, make(chan move)
	}
	return r
}

// run polls until ctx ends. It returns when all of its requests have ended, and all of its
// leases are released.
func (r *keyring) run(ctx context.Context) {
	defer r.finish()
	r.note(func() { r.record.holds, r.record.polls = false, make([]bool, len(r.groups)) })
	demand, err := r.publisher.Keys(r.stream.Name)
	if err != nil {
		r.logger.ErrorContext(ctx, "keys not polled", "reason", err.Error())
		return
	}
	r.demand = demand
	r.begin()
	for _, g := range r.groups {
		r.applying.Go(func() { r.apply(ctx, g) })
	}
	for changed := true; ctx.Err() == nil; {
		now := time.Now()
		if changed {
			changed = false
			r.hear(now)
		}
		r.yield(now)
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
		case m := <-r.moves:
			r.shift(m, time.Now())
		case <-ctx.Done():
		}
	}
}

// begin takes over the keys of the loop that this one replaces.
func (r *keyring) begin() {
	now := time.Now()
	r.note(func() {
		if r.record.keys == nil {
			r.record.keys = make(map[string]*watchedKey)
		}
		r.record.wishes = nil
		r.schedule.suspend()
		r.record.fresh.begin(now, time.Time{})
		if r.groups != nil { // nothing is known of keys before their leases are taken
			clear(r.record.keys)
			r.record.status.Keys, r.record.status.Watched = 0, 0
		}
		for name, k := range r.record.keys {
			if k.gone {
				delete(r.record.keys, name)
				continue
			}
			k.restart(now, r.stream.Every)
		}
	})
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
		case k.queue == nil || !k.urgent || k.due.After(due): // its place may come much later
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
	parallel := r.parallel()
	for ctx.Err() == nil {
		now := time.Now()
		allowed := r.allowed()
		var next, free time.Time
		r.note(func() {
			next, free = r.ring.next(now, allowed), r.limiter.next()
			if r.schedule.due = r.ring.next(now, visited); !r.schedule.due.IsZero() {
				r.schedule.due = latest(r.schedule.due, free)
			}
			r.limited = r.limited && r.ring.isBehind(now)
		})
		switch {
		case !reached(next, now):
			return next
		case r.flights >= parallel:
			r.note(r.limit)
			return time.Time{}
		case !r.limiter.begin(now):
			r.note(r.limit)
			return latest(free, now)
		}
		r.depart(ctx, now, allowed)
	}
	return time.Time{}
}

// limit notes that a request that is due cannot begin.
func (r *keyring) limit() { r.limited = true }

// allowed returns which keys may be asked now, beside those that are sound. Those that
// are doubtful, and those that nobody listens to, have half of the requests in flight, so
// that they delay no key that has an answer and a listener. Of these, keys that failed
// and keys that nobody listens to have half, so that they do not delay the first listener
// of another key.
func (r *keyring) allowed() int {
	trials := max(1, r.parallel()/2)
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
	f := &flight{stream: &r.stream, publisher: r.publisher, trace: r.trace, began: now}
	if r.groups != nil {
		f.seen = r.seenNow()
	}
	r.note(func() {
		f.departure = r.ring.take(now, allowed)
		for _, k := range f.keys {
			k.inFlight = true
		}
		r.record.status.Dropped += f.dropped
	})
	if len(f.keys) == 0 {
		return
	}
	r.fly(f, 1)
	r.engage(f.keys, 1)
	ctx = r.bind(ctx, f)
	f.documents = make([][]byte, len(f.keys))
	listeners := 0
	for i, k := range f.keys {
		listeners += r.demand.Listeners(k.name)
		if event := r.demand.Newest(k.name); event != nil {
			f.documents[i] = event.Data()
		}
	}
	r.note(func() { r.record.poll(now, time.Time{}, listeners) })
	if k := f.keys[0]; r.stream.Keys.Batch == 1 && k.newest != nil && k.bodyHash != [sha256.Size]byte{} && f.documents[0] != nil && !r.trust.never {
		f.since = k.newest.trust.version(now, k.since())
	}
	r.all.Go(func() {
		f.run(ctx)
		r.landed <- f
	})
}

// bind notes by which lease each key of a request is asked for. It returns the context of the
// request, which ends with the lease if there is one for all of them.
func (r *keyring) bind(ctx context.Context, f *flight) context.Context {
	if r.groups == nil {
		return ctx
	}
	one := true
	for _, k := range f.keys {
		g := r.groupOf(k.name)
		f.leases = append(f.leases, g.grant)
		one = one && g.grant == f.leases[0]
	}
	if one {
		return f.leases[0].Context()
	}
	return ctx
}

// fly adds to the requests in flight: 1 or -1.
func (r *keyring) fly(f *flight, change int) {
	r.flights += change
	if f.kind == doubtful || f.lane == rest {
		r.trials += change
	}
	if f.lane == rest {
		r.visits += change
	}
}
