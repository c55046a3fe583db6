package poller

import (
	"container/heap"
	"time"
)

// The two kinds of keys. A request never asks for both: a key that an upstream refuses
// may make the whole request fail, and such a key is a doubtful one.
const (
	doubtful = iota // has no answer yet, or failed the last time
	sound
	kinds
)

// The urgent keys that may be asked now: each allows those of the one before it as well.
const (
	proven  = iota // that are sound
	awaited        // that are doubtful, and that a client listens to
	visited        // that nobody listens to, and with them all that is of the lane rest
	ranks
)

// lane is what a request is for. Where not all that is due can be asked, the lanes take
// turns.
type lane int

const (
	first lane = iota // urgent keys that somebody waits for
	again             // sound keys that clients listen to
	rest              // keys that failed, and keys that nobody listens to
	lanes
)

// Turns of the lanes: after so many requests of other ones, a lane that waits is next.
const (
	firstsInARow = 3 // before one of again
	othersInARow = 7 // before one of rest
)

// turn is when a key is asked. Its fields belong to the ring that the key is in.
type turn struct {
	asked  time.Time // when the newest request for the key began; zero if none
	due    time.Time // when the next one is due
	urgent bool      // that one is due at once, not once in an interval
	sound  bool      // the newest answer had a document; set by the owner while in no queue

	queue *queue // nil while the key waits for nothing
	index int    // in the queue
}

func (t *turn) kind() int {
	if t.sound {
		return sound
	}
	return doubtful
}

// ring decides which keys are asked together, and when. It knows no clock: every method
// takes the time.
//
// A sound key has a place in the interval, at which it is asked each time. A key that
// comes to have one gets it where there is room, an interval after its last request at
// the latest. So requests are spread over the interval however the keys came, no key
// moves because of another one, and each is asked an interval after the last time. A
// slot is the interval divided by the requests that are needed to ask for each key once.
// Where a request asks for several keys, those that are due within a slot are asked
// early, so that there are no more requests than needed.
//
// What is more than a slot late, because not everything could be asked in time, has lost
// its place: it is asked as soon as possible, but at most two requests in a slot, so
// that all is asked within an interval and is spread again. Keys that failed wait for
// each other, so that there is at most one request for them in a slot of their own. A
// key that is urgent waits for nothing but, where a request asks for several keys, for
// the short time gather for others like it.
//
// If more is due than can be asked, the key that has waited longest is first among those
// of its lane, and the lanes take turns: of four requests for urgent keys and keys that
// clients listen to, at most three are for urgent ones, and of eight requests one is for
// the rest. So nothing waits for ever.
//
// A key that has been taken waits for nothing until it is put back, so there are never
// two requests for it.
type ring struct {
	every  time.Duration
	batch  int           // keys of a request
	gather time.Duration // how long an urgent key waits for others

	later     queue            // keys after a failure, and urgent keys whose time has not come
	watched   queue            // sound keys that clients listen to
	lingering queue            // sound keys that nobody listens to any more
	retries   queue            // keys that failed, and whose time has come
	urgent    [ranks]queue     // urgent keys whose time has come
	places    places           // of the keys in watched and lingering
	flying    [kinds]int       // keys that were taken, not as urgent ones, and not put back
	last      [kinds]time.Time // when the newest request was that was not urgent
	firsts    int              // requests of the lane first since the newest one of again
	others    int              // requests since the newest one of the lane rest
}

// newRing returns a ring for keys that are asked at this interval, so many in a request.
func newRing(every time.Duration, batch int) ring {
	r := ring{every: every, batch: batch, places: places{every: every}}
	if batch > 1 {
		r.gather = min(gather, every)
	}
	return r
}

// keep has a sound key asked at its place, which is at due.
func (r *ring) keep(k *watchedKey, due time.Time) {
	k.urgent = false
	r.move(k, r.regular(k), due)
}

// enter gives a sound key a place, and has it asked there for the first time until by,
// or within an interval if that is over.
func (r *ring) enter(k *watchedKey, now, by time.Time) {
	if !by.After(now) {
		by = now.Add(r.every)
	}
	r.remove(k)
	r.keep(k, r.places.find(now, by, r.count()+1, r.batch))
}

// afterwards has the key asked from due on, with other keys that failed.
func (r *ring) afterwards(k *watchedKey, due time.Time) {
	k.urgent = false
	r.move(k, &r.later, due)
}

// soon has the key asked at the given time.
func (r *ring) soon(k *watchedKey, due time.Time) {
	k.urgent = true
	r.move(k, &r.later, due)
}

// sort puts a key to where it belongs after clients have begun or ceased to listen to it.
// If it is late, and a client listens now, it becomes urgent.
func (r *ring) sort(k *watchedKey, now time.Time) {
	switch {
	case k.queue == nil:
	case k.urgent:
		r.soon(k, k.due)
	case k.queue != &r.watched && k.queue != &r.lingering:
	case k.watched && now.Sub(k.due) > r.slot(sound):
		r.soon(k, k.due)
	default:
		r.keep(k, k.due)
	}
}

// remove takes the key out of the ring.
func (r *ring) remove(k *watchedKey) {
	if k.queue == nil {
		return
	}
	if k.queue == &r.watched || k.queue == &r.lingering {
		r.places.change(k.due, -1)
	}
	heap.Remove(k.queue, k.index)
}

func (r *ring) move(k *watchedKey, to *queue, due time.Time) {
	r.remove(k)
	k.due = due
	heap.Push(to, k)
	if to == &r.watched || to == &r.lingering {
		r.places.change(due, 1)
	}
}

func (r *ring) regular(k *watchedKey) *queue {
	if k.watched {
		return &r.watched
	}
	return &r.lingering
}

// landed notes that keys that were not urgent have been answered, before they are put
// back.
func (r *ring) landed(kind, keys int) { r.flying[kind] -= keys }

// advance brings the keys whose time has come to where they are asked.
func (r *ring) advance(now time.Time) {
	for k := r.later.head(); k != nil && !now.Before(k.due); k = r.later.head() {
		to := &r.retries
		switch {
		case k.urgent:
			to = &r.urgent[rank(k)]
		case k.sound:
			to = r.regular(k)
		}
		r.move(k, to, k.due)
	}
}

func rank(k *watchedKey) int {
	switch {
	case k.sound:
		return proven
	case k.watched:
		return awaited
	default:
		return visited
	}
}

// count returns how many sound keys have a place.
func (r *ring) count() int { return len(r.watched) + len(r.lingering) + r.flying[sound] }

// slot returns how long a slot is for keys of a kind.
func (r *ring) slot(kind int) time.Duration {
	keys := r.count()
	if kind == doubtful {
		keys = len(r.retries) + len(r.later) + r.flying[doubtful]
	}
	n := time.Duration(max(1, (keys+r.batch-1)/r.batch))
	return (r.every + n - 1) / n
}

// source is a queue of which a request is due.
type source struct {
	queue *queue
	kind  int
	at    time.Time // when the request is due; zero if none is
}

// sources returns what each lane waits for. Only urgent keys up to the rank allowed count.
func (r *ring) sources(now time.Time, allowed int) (list [lanes]source) {
	list[first] = source{queue: &r.urgent[proven], kind: sound, at: r.gathered(proven)}
	list[again] = source{queue: &r.watched, kind: sound, at: r.regularAt(&r.watched, now)}
	if allowed >= awaited {
		list[first] = sooner(list[first], source{queue: &r.urgent[awaited], kind: doubtful, at: r.gathered(awaited)})
	}
	if allowed >= visited {
		list[rest] = source{queue: &r.urgent[visited], kind: doubtful, at: r.gathered(visited)}
		list[rest] = sooner(list[rest], source{queue: &r.lingering, kind: sound, at: r.regularAt(&r.lingering, now)})
		if k := r.retries.head(); k != nil {
			at := latest(k.due, r.last[doubtful].Add(r.slot(doubtful)))
			list[rest] = sooner(list[rest], source{queue: &r.retries, kind: doubtful, at: at})
		}
	}
	return list
}

func sooner(a, b source) source {
	if a.at.IsZero() || !b.at.IsZero() && b.at.Before(a.at) {
		return b
	}
	return a
}

// gathered returns when a request for urgent keys is due; zero if there are none.
func (r *ring) gathered(rank int) time.Time {
	k := r.urgent[rank].head()
	switch {
	case k == nil:
		return time.Time{}
	case len(r.urgent[rank]) < r.batch:
		return k.due.Add(r.gather)
	}
	return k.due
}

// regularAt returns when a request for keys with places is due; zero if there are none.
func (r *ring) regularAt(q *queue, now time.Time) time.Time {
	k := q.head()
	if k == nil {
		return time.Time{}
	}
	slot := r.slot(sound)
	if now.Sub(k.due) > slot {
		return latest(k.due, r.last[sound].Add(slot/2))
	}
	return k.due
}

// isBehind reports whether a key has waited for longer than a slot.
func (r *ring) isBehind(now time.Time) bool {
	slot := r.slot(sound)
	for _, q := range []*queue{&r.watched, &r.lingering, &r.urgent[proven], &r.urgent[awaited], &r.urgent[visited]} {
		if k := q.head(); k != nil && now.Sub(k.due) > slot {
			return true
		}
	}
	return false
}

// next returns when the next request is due, or when the ring has to be asked again;
// zero if neither happens.
func (r *ring) next(now time.Time, allowed int) time.Time {
	r.advance(now)
	var next time.Time
	for _, source := range r.sources(now, allowed) {
		next = earliest(next, source.at)
	}
	if k := r.later.head(); k != nil {
		next = earliest(next, k.due)
	}
	return next
}

// departure is a request that begins.
type departure struct {
	keys    []*watchedKey // in the order in which they became due
	kind    int           // of all of them
	lane    lane
	place   time.Time // when it was due, or now if it is too late for that; zero if it is urgent
	dropped uint64    // intervals in which one of the keys was not asked
}

// take returns the next request that is due; one without keys if none is.
func (r *ring) take(now time.Time, allowed int) (d departure) {
	r.advance(now)
	sources := r.sources(now, allowed)
	d.lane = r.choose(now, sources)
	if d.lane == lanes {
		return d
	}
	source := sources[d.lane]
	d.kind = source.kind
	if head := source.queue.head(); head.urgent {
		r.pull(&d, source.queue, now, now)
		return d
	} else if d.place = head.due; d.kind == doubtful || now.Sub(d.place) > r.slot(d.kind) {
		d.place = now
	}
	until := now
	if d.kind == sound && r.batch > 1 {
		until = now.Add(r.slot(sound) - 1)
	}
	r.pull(&d, source.queue, now, until)
	if source.queue == &r.watched {
		r.pull(&d, &r.lingering, now, until)
	}
	for _, k := range d.keys {
		d.dropped += uint64(max(0, now.Sub(k.due)) / r.every)
	}
	r.last[d.kind] = now
	r.flying[d.kind] += len(d.keys)
	return d
}

// choose returns the lane whose turn it is; lanes if nothing is due.
func (r *ring) choose(now time.Time, sources [lanes]source) lane {
	due := func(l lane) bool { return reached(sources[l].at, now) }
	var of lane
	switch {
	case due(rest) && r.others >= othersInARow:
		of = rest
	case due(again) && (r.firsts >= firstsInARow || !due(first)):
		of = again
	case due(first):
		of = first
	case due(rest):
		of = rest
	default:
		return lanes
	}
	r.others++
	if of == first {
		r.firsts++
	}
	if of == again {
		r.firsts = 0
	}
	if of == rest {
		r.others = 0
	}
	return of
}

// pull adds keys to a request that are due until the given time.
func (r *ring) pull(d *departure, from *queue, now, until time.Time) {
	for k := from.head(); k != nil && len(d.keys) < r.batch && !until.Before(k.due); k = from.head() {
		r.remove(k)
		k.asked, k.urgent = now, false
		d.keys = append(d.keys, k)
	}
}
