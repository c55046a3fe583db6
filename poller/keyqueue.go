package poller

import "time"

// queue holds keys in the order in which they are due.
type queue []*watchedKey

func (q *queue) head() *watchedKey {
	if len(*q) == 0 {
		return nil
	}
	return (*q)[0]
}

// expected returns when a key of the queue will be asked about: if the first one is late,
// this one will be as late.
func (q *queue) expected(k *watchedKey, now time.Time) time.Time {
	return k.due.Add(max(0, now.Sub(q.head().due)))
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
