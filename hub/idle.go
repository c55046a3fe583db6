package hub

import (
	"context"
	"math"
	"time"
)

// idleLocked puts a key that nobody listens to at the end of the list on which it waits
// for its end, as the youngest. The caller holds Hub.mu.
func (h *Hub) idleLocked(s *stream) {
	f := s.family
	f.busy(s)
	list := &f.full
	if len(s.history.events) == 0 {
		list = &f.empty
	}
	s.idleSince = h.clock()
	list.push(s)
	f.idleBytes += keyOverhead + s.history.bytes
	if list.first == s || f.idleBytes > f.keys().IdleBytes {
		h.wakeTend()
	}
}

// busy takes a key from the list of those that wait for their end, if it is on one.
func (f *family) busy(s *stream) {
	if s.isIdle() {
		s.unlink(idleLink)
		f.idleBytes -= keyOverhead + s.history.bytes
	}
}

// endLocked ends a key, unless somebody has just come to listen. The caller holds Hub.mu.
func (h *Hub) endLocked(s *stream) bool {
	if !s.subscribers.CompareAndSwap(0, gone) {
		h.settleLocked(s)
		return false
	}
	h.removeKeyLocked(s)
	return true
}

// endOldestLocked ends the key that nobody has listened to for longest, one without a
// document first, so that keys that were only asked for do not push out what was
// published. It returns false if no key is idle. The caller holds Hub.mu.
func (h *Hub) endOldestLocked(f *family) bool {
	for {
		s := f.empty.first
		if s == nil {
			s = f.full.first
		}
		switch {
		case s == nil:
			return false
		case h.endLocked(s):
			f.endedRoom++
			return true
		}
	}
}

// tend ends keys when their time has come, until ctx ends.
func (h *Hub) tend(ctx context.Context) {
	for {
		var due <-chan time.Time
		if wait, ok := h.sweep(); ok {
			due = time.After(wait)
		}
		select {
		case <-due:
		case <-h.idle:
		case <-ctx.Done():
			return
		}
	}
}

// wakeTend makes tend look again.
func (h *Hub) wakeTend() {
	select {
	case h.idle <- struct{}{}:
	default: // it will look anyway
	}
}

// sweep ends the keys that nobody has listened to for long enough, and those beyond the
// bounds, but only some at once. It returns how long the next one has time, or false if
// none waits for its end.
func (h *Hub) sweep() (wait time.Duration, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now, left := h.clock(), atOnce
	wait = math.MaxInt64
	for _, f := range h.set.Load().keyed {
		options := f.keys()
		for f.live > options.Max || f.idleBytes > options.IdleBytes {
			if left == 0 {
				return 0, true
			}
			if left--; !h.endOldestLocked(f) {
				break
			}
		}
		for _, list := range []*keyList{&f.empty, &f.full} {
			for s := list.first; s != nil; s = list.first {
				if rest := s.idleSince + options.Idle - now; rest > 0 {
					wait, ok = min(wait, rest), true
					break
				}
				if left == 0 {
					return 0, true
				}
				if left--; h.endLocked(s) {
					f.endedIdle++
				}
			}
		}
	}
	return wait, ok
}

// clock returns the time since the hub was made. It is not set back.
func (h *Hub) clock() time.Duration { return time.Since(h.began) }
