package hub

import (
	"slices"
	"sort"
	"time"
)

// history holds the newest events of one stream, bounded by their number and their
// size. The newest event is always kept. It has no lock of its own.
type history struct {
	maxEvents int
	maxBytes  int

	events  []*Event // oldest first
	bytes   int
	evicted uint64 // events up to this sequence number may be missing
	earlier uint64 // the newest event with a time before that of its predecessor
}

// extent is a number of events, and their size.
type extent struct{ events, bytes int }

func (e extent) plus(more extent) extent { return extent{e.events + more.events, e.bytes + more.bytes} }
func (e extent) minus(less extent) extent {
	return extent{e.events - less.events, e.bytes - less.bytes}
}

func (h *history) extent() extent { return extent{len(h.events), h.bytes} }

// last returns the sequence number of the newest event, or 0.
func (h *history) last() uint64 {
	if newest := h.newest(); newest != nil {
		return newest.id.seq
	}
	return 0
}

// add adds the newest event, and evicts old ones beyond the bounds.
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

// exceeds reports whether the history exceeds these bounds.
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

// evictable returns the size of all events but the newest.
func (h *history) evictable() int {
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

// after returns the events after the sequence number, as a part of the history that
// is valid until the next add.
func (h *history) after(seq uint64) []*Event { return h.events[h.search(seq):] }

// from returns the events of the given time and later, as a part of the history
// that is valid until the next add. It reports false if some of them may have been
// evicted. If the clock was set back, events after the first one are included
// whatever their time.
func (h *history) from(at time.Time) ([]*Event, bool) {
	isLate := func(e *Event) bool { return !e.time.Before(at) }
	var i int
	if h.search(h.earlier) == 0 { // the times of the kept events rise
		i = sort.Search(len(h.events), func(i int) bool { return isLate(h.events[i]) })
	} else if i = slices.IndexFunc(h.events, isLate); i < 0 {
		i = len(h.events)
	}
	return h.events[i:], h.evicted == 0 || i > 0 && h.events[i-1].id.seq >= h.evicted
}

// search returns the index of the first event after the sequence number.
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

// markLostUpTo notes that any event up to the sequence number may be missing, so no
// subscriber can resume before it. The events stay, because a subscriber that joins
// needs the newest document.
func (h *history) markLostUpTo(seq uint64) { h.evicted = max(h.evicted, seq) }

// clear drops everything, for a new epoch.
func (h *history) clear() {
	h.events, h.bytes, h.evicted, h.earlier = nil, 0, 0, 0
}
