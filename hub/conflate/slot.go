package conflate

import (
	"time"

	"github.com/polluxhub/pollux/hub"
)

// slot is what a Conflator knows of a stream. It belongs to the lock of the Conflator.
type slot struct {
	stream  string
	waiting *hub.Message // the newest document, not published yet; nil if none waits

	busy  bool          // somebody publishes a document of the stream
	taken *hub.Message  // the document that waited when that began
	idle  chan struct{} // closed when that ends; nil if nobody waits for it

	gap    time.Duration
	last   time.Time // when a publication last ended
	failed bool      // it failed, and may have been stored
	place  int       // in the queue; -1 while busy
}

// free returns the time at which the next document may be published.
func (s *slot) free() time.Time {
	gap := s.gap
	if s.failed {
		gap = max(gap, retryGap)
	}
	return s.last.Add(gap)
}

// queue is a heap of the slots that are not busy. The first one is free first.
type queue []*slot

func (q *queue) Len() int           { return len(*q) }
func (q *queue) Less(i, j int) bool { return (*q)[i].free().Before((*q)[j].free()) }

func (q *queue) Swap(i, j int) {
	slots := *q
	slots[i], slots[j] = slots[j], slots[i]
	slots[i].place, slots[j].place = i, j
}

// Push is for package heap.
func (q *queue) Push(x any) {
	s := x.(*slot) //nolint:forcetypeassert // the queue holds one type
	s.place = len(*q)
	*q = append(*q, s)
}

// Pop is for package heap.
func (q *queue) Pop() any {
	last := len(*q) - 1
	s := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	s.place = -1
	return s
}
