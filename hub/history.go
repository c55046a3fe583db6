package hub

import (
	"slices"
	"sort"
	"time"
)

// history is the newest events of one stream, bounded by count and by bytes.
// The newest is kept even where it alone is over the bound. It is a plain data
// structure: its owner locks.
type history struct {
	maxEvents int
	maxBytes  int

	events  []*Event // oldest first
	bytes   int
	evicted uint64 // nobody can resume from before this sequence number
	earlier uint64 // the newest event that the clock puts before the one before it
}

// add makes e the newest event, and evicts what that makes too much.
func (h *history) add(e *Event) {
	if before := h.newest(); before != nil && e.time.Round(0).Before(before.time.Round(0)) {
		h.earlier = e.id.seq // the clock was set back: without Round it would not show
	}
	h.events = append(h.events, e)
	h.bytes += e.size
	for h.exceeds(h.maxEvents, h.maxBytes) {
		h.evict()
	}
}

// exceeds reports whether more is kept than these bounds allow.
func (h *history) exceeds(events, bytes int) bool {
	return len(h.events) > 1 && (len(h.events) > events || h.bytes > bytes)
}

// evict drops the oldest event.
func (h *history) evict() {
	oldest := h.events[0]
	h.events[0] = nil
	h.events = h.events[1:]
	h.bytes -= oldest.size
	h.evicted = max(h.evicted, oldest.id.seq)
}

// spare returns the size of what could be evicted: everything but the newest.
func (h *history) spare() int {
	if newest := h.newest(); newest != nil {
		return h.bytes - newest.size
	}
	return 0
}

// newest returns the newest event, or nil.
func (h *history) newest() *Event {
	if len(h.events) == 0 {
		return nil
	}
	return h.events[len(h.events)-1]
}

// behind returns the events behind the sequence number, as a part of the history
// that is valid until the next add.
func (h *history) behind(seq uint64) []*Event { return h.events[h.search(seq):] }

// from returns the events of the given time and later, as a part of the history
// that is valid until the next add. It reports false if some of them may be gone. If
// the clock was set back meanwhile, what came behind one of them is among them,
// whatever its time.
func (h *history) from(at time.Time) ([]*Event, bool) {
	isLate := func(e *Event) bool { return !e.time.Before(at) }
	var i int
	if h.search(h.earlier) == 0 { // that event is gone, or was the first
		i = sort.Search(len(h.events), func(i int) bool { return isLate(h.events[i]) })
	} else if i = slices.IndexFunc(h.events, isLate); i < 0 {
		i = len(h.events)
	}
	return h.events[i:], h.evicted == 0 || i > 0 && h.events[i-1].id.seq >= h.evicted
}

// search returns the index of the first event behind the sequence number.
func (h *history) search(seq uint64) int {
	low, high := 0, len(h.events)
	for low < high {
		mid := (low + high) / 2
		if h.events[mid].id.seq <= seq {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// forgetUpTo notes that any event up to the sequence number may be missing. What
// is kept stays, so that the newest document is still there for those who join,
// but nobody can resume from before.
func (h *history) forgetUpTo(seq uint64) { h.evicted = max(h.evicted, seq) }

// forget drops everything: a new epoch has begun.
func (h *history) forget() {
	h.events, h.bytes, h.evicted, h.earlier = nil, 0, 0, 0
}
