package hub

import "sync"

// shardCount is into how many parts the subscribers are divided. A joining or
// leaving subscriber waits at most for one part to be served, which with 19,000
// subscribers is some 1,200 channel sends.
const shardCount = 16

// shard is a part of the subscribers, with a position of its own in the
// timeline: what was broadcast to it. Joining is atomic because it happens
// under the shard's lock: events up to the position come from history, events
// behind it through the channel.
type shard struct {
	mu     sync.Mutex
	closed bool
	epoch  string
	seq    uint64
}

// broadcast offers events, which have no jump among them, to all subscribers.
func (h *Hub) broadcast(batch []*Event) {
	last := batch[len(batch)-1].id
	for i := range h.shards {
		shard := &h.shards[i]
		shard.mu.Lock()
		for _, e := range batch {
			s := h.streams[e.stream]
			if s == nil {
				continue
			}
			// From the end, because one that turns out slow leaves the list.
			list := s.subscriptions[i]
			for j := len(list) - 1; j >= 0; j-- {
				list[j].offerLocked(e)
			}
		}
		shard.epoch, shard.seq = last.epoch, last.seq
		shard.mu.Unlock()
	}
}

// interrupt ends every subscription with ErrGap and moves the shards to just
// before the event behind the gap, so that nobody resumes across it unawares.
func (h *Hub) interrupt(next ID) {
	for i := range h.shards {
		shard := &h.shards[i]
		shard.mu.Lock()
		h.endShardLocked(i, ErrGap)
		shard.epoch, shard.seq = next.epoch, next.seq-1
		shard.mu.Unlock()
	}
}

// close ends every subscription with ErrClosed, and lets nobody subscribe any
// more.
func (h *Hub) close() {
	for i := range h.shards {
		shard := &h.shards[i]
		shard.mu.Lock()
		shard.closed = true
		h.endShardLocked(i, ErrClosed)
		shard.mu.Unlock()
	}
}

func (h *Hub) endShardLocked(i int, reason error) {
	for _, s := range h.streams {
		list := s.subscriptions[i]
		for j := len(list) - 1; j >= 0; j-- {
			list[j].endLocked(reason)
		}
	}
}
