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
	awaited        // that are doubtful, and that a client has listened to
	visited        // that nobody has ever listened to
	ranks
)

// turn is when a key is asked. Its fields belong to the ring that the key is in.
type turn struct {
	asked  time.Time // when the newest request for the key began; zero if none
	due    time.Time // when the next one is due
	urgent bool      // that one does not wait for a slot
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
// Keys are asked in slots, which divide the interval evenly: there are as many as
// requests are needed to ask for each key once, and each is at most one request. So the
// requests are spread over the interval however the keys came, and a key waits at most
// an interval and a slot. A slot that is more than one slot late is dropped. A key that
// is urgent waits for no slot, but, where a request asks for several keys, the short
// time gather for others like it.
//
// A key that has been taken waits for nothing until it is put back, so there are never
// two requests for it.
type ring struct {
	every  time.Duration
	batch  int           // keys of a request
	gather time.Duration // how long an urgent key waits for others

	later  queue        // keys after a failure, and urgent keys whose time has not come
	slots  [kinds]queue // keys that are asked in slots
	urgent [ranks]queue
	flying [kinds]int // keys that were taken from slots and not put back
	last   time.Time  // when the newest slot was
}

// inSlots has the key asked in the first slot from due on.
func (r *ring) inSlots(k *watchedKey, due time.Time) {
	k.urgent = false
	r.move(k, &r.slots[k.kind()], due)
}

// afterwards has the key asked in the first slot from due on, like inSlots, but
// counts it among the keys that need slots only from then on. It is for keys that are
// asked less often than once in an interval.
func (r *ring) afterwards(k *watchedKey, due time.Time) {
	k.urgent = false
	r.move(k, &r.later, due)
}

// soon has the key asked at the given time, without a slot.
func (r *ring) soon(k *watchedKey, due time.Time) {
	k.urgent = true
	r.move(k, &r.later, due)
}

// remove takes the key out of the ring.
func (r *ring) remove(k *watchedKey) {
	if k.queue != nil {
		heap.Remove(k.queue, k.index)
	}
}

func (r *ring) move(k *watchedKey, to *queue, due time.Time) {
	r.remove(k)
	k.due = due
	heap.Push(to, k)
}

// landed notes that the keys of a slot have been answered, before they are put back.
func (r *ring) landed(kind, keys int) { r.flying[kind] -= keys }

// advance brings the keys whose time has come to where they are asked.
func (r *ring) advance(now time.Time) {
	for k := r.later.head(); k != nil && !now.Before(k.due); k = r.later.head() {
		to := &r.slots[k.kind()]
		if k.urgent {
			to = &r.urgent[rank(k)]
		}
		r.move(k, to, k.due)
	}
}

func rank(k *watchedKey) int {
	switch {
	case k.sound:
		return proven
	case k.joined:
		return awaited
	default:
		return visited
	}
}

// slot returns how long a slot is.
func (r *ring) slot() time.Duration {
	count := 0
	for kind := range kinds {
		count += (len(r.slots[kind]) + r.flying[kind] + r.batch - 1) / r.batch
	}
	n := time.Duration(max(1, count))
	return (r.every + n - 1) / n
}

// nextSlot returns when the next slot is, and the kind of the keys that it is for; zero
// if no key waits for one.
func (r *ring) nextSlot() (at time.Time, kind int) {
	for _, each := range [kinds]int{sound, doubtful} {
		if k := r.slots[each].head(); k != nil && (at.IsZero() || k.due.Before(at)) {
			at, kind = k.due, each
		}
	}
	if at.IsZero() {
		return at, kind
	}
	return latest(at, r.last.Add(r.slot())), kind
}

// nextUrgent returns when the next urgent request is due, and the rank of its keys. The
// time is zero if no request is urgent. Only keys up to the rank allowed count, and visited ones only if no
// other one is there.
func (r *ring) nextUrgent(allowed int) (at time.Time, of int) {
	for each := range allowed + 1 {
		k := r.urgent[each].head()
		if k == nil || each == visited && !at.IsZero() {
			continue
		}
		ready := k.due
		if len(r.urgent[each]) < r.batch {
			ready = ready.Add(r.gather)
		}
		if at.IsZero() || ready.Before(at) {
			at, of = ready, each
		}
	}
	return at, of
}

// next returns when the next request is due, or when the ring has to be asked again;
// zero if neither happens.
func (r *ring) next(now time.Time, allowed int) time.Time {
	r.advance(now)
	next, _ := r.nextSlot()
	urgent, _ := r.nextUrgent(allowed)
	next = earliest(next, urgent)
	if k := r.later.head(); k != nil {
		next = earliest(next, k.due)
	}
	return next
}

// take returns the keys of the next request that is due, in the order in which they
// became due; none if none is due. slot is when its slot was, and zero if the request is
// urgent. dropped is how many slots were missed before it. urgentFirst says which one is
// taken if there are both.
func (r *ring) take(now time.Time, allowed int, urgentFirst bool) (keys []*watchedKey, slot time.Time, dropped uint64) {
	r.advance(now)
	at, kind := r.nextSlot()
	urgentAt, of := r.nextUrgent(allowed)
	inSlot, isUrgent := reached(at, now), reached(urgentAt, now)
	switch {
	case isUrgent && (urgentFirst || !inSlot):
		return r.pull(&r.urgent[of], now), time.Time{}, 0
	case inSlot:
		width := r.slot()
		late := now.Sub(at) / width
		r.last = at.Add(late * width)
		keys = r.pull(&r.slots[kind], now)
		r.flying[kind] += len(keys)
		return keys, r.last, uint64(late)
	}
	return nil, time.Time{}, 0
}

// pull takes the keys of one request that are due.
func (r *ring) pull(from *queue, now time.Time) []*watchedKey {
	keys := make([]*watchedKey, 0, min(r.batch, len(*from)))
	for k := from.head(); k != nil && len(keys) < r.batch && !now.Before(k.due); k = from.head() {
		r.remove(k)
		k.asked, k.urgent = now, false
		keys = append(keys, k)
	}
	return keys
}

// queue holds keys in the order in which they are due.
type queue []*watchedKey

func (q *queue) head() *watchedKey {
	if len(*q) == 0 {
		return nil
	}
	return (*q)[0]
}

// Len, Less, Swap, Push and Pop are for package heap.
func (q *queue) Len() int           { return len(*q) }
func (q *queue) Less(i, j int) bool { return (*q)[i].due.Before((*q)[j].due) }
func (q *queue) Swap(i, j int) {
	keys := *q
	keys[i], keys[j] = keys[j], keys[i]
	keys[i].index, keys[j].index = i, j
}

// Push appends a key.
func (q *queue) Push(x any) {
	k, ok := x.(*watchedKey)
	if !ok {
		panic("poller: a queue of something else than keys")
	}
	k.queue, k.index = q, len(*q)
	*q = append(*q, k)
}

// Pop removes the last key.
func (q *queue) Pop() any {
	last := len(*q) - 1
	k := (*q)[last]
	(*q)[last] = nil
	*q, k.queue = (*q)[:last], nil
	return k
}
