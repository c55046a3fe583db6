package soak

import (
	"fmt"
	"slices"
	"sync"
)

// witness knows which events any client of the process saw. It is safe for concurrent
// use. What it keeps is bounded by the events of the run.
type witness struct {
	mu   sync.Mutex
	seen map[[2]string][]uint64 // by epoch and stream: the numbers, ascending
}

// Saw says that a client saw an event.
func (w *witness) Saw(stream string, at position) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen == nil {
		w.seen = map[[2]string][]uint64{}
	}
	key := [2]string{at.epoch, stream}
	numbers := w.seen[key]
	if i, found := slices.BinarySearch(numbers, at.seq); !found {
		w.seen[key] = slices.Insert(numbers, i, at.seq)
	}
}

// Last returns the number of the newest event of a stream in an epoch, 0 for none.
func (w *witness) Last(stream, epoch string) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	numbers := w.seen[[2]string{epoch, stream}]
	if len(numbers) == 0 {
		return 0
	}
	return numbers[len(numbers)-1]
}

// Check compares a stretch with what others saw. It must not be called before others
// have had the time to see it too.
func (w *witness) Check(s stretch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	numbers := w.seen[[2]string{s.epoch, s.stream}]
	from, found := slices.BinarySearch(numbers, s.after)
	if found {
		from++
	}
	to, found := slices.BinarySearch(numbers, s.upTo)
	if found {
		to++
	}
	if to-from != s.count {
		return fmt.Errorf("%d events of %s between %d and %d, and others saw %d", s.count, s.stream, s.after, s.upTo, to-from)
	}
	return nil
}
