package hub

import (
	"iter"
	"maps"
	"slices"
)

// take fills the part with what the reader does not have yet, and reports whether that is
// anything. The position alone is nothing.
func (f *Follower) take(p *Part) (some bool, err error) {
	h := f.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return false, ErrClosed
	case h.epoch == "":
		return len(p.Refused) > 0, nil
	}
	if f.at.epoch != h.epoch {
		f.at = ID{h.epoch, h.head} // what there is comes with the beginnings
		f.dropRecentLocked()
		f.behind = false
		clear(f.begun)
		f.looks = true
	}
	if f.changed {
		p.Changed, f.changed = true, false
		f.dropRemovedLocked()
		p.At = f.at
		return true, nil // the reader has to know the streams before they begin
	}
	if f.at.seq > h.head {
		p.At = f.at
		return len(p.Refused) > 0, nil // the reader is ahead of this hub, which has to read as far first
	}
	if f.looks || f.behind {
		f.looks = f.beginLocked(p)
	}
	if len(p.Begins) == 0 {
		f.readLocked(p)
	}
	p.At = f.at
	return len(p.Refused)+len(p.Begins)+len(p.Events) > 0, nil
}

// dropRemovedLocked forgets the streams that do not exist any more, or are others of the same
// name.
func (f *Follower) dropRemovedLocked() {
	for name, s := range f.wanted {
		if s.removed.Load() {
			f.removed = append(f.removed, s)
			delete(f.wanted, name)
		}
	}
	for name, b := range f.begun {
		s := f.hub.streams.load(name)
		if s == nil || b.stream != nil && b.stream != s {
			delete(f.begun, name)
		}
	}
}

// beginLocked begins streams, up to the size of a portion, and reports whether there may be
// more.
func (f *Follower) beginLocked(p *Part) (more bool) {
	size := 0
	for name, s := range f.streamsLocked() {
		b := f.begun[name]
		switch {
		case b == nil:
			b = &begun{stream: s}
		case b.stream == nil: // the reader had it before
			b.stream = s
			f.begun[name] = b
			if s.history.evicted <= b.lost {
				continue
			}
		case !f.behind || s.history.evicted <= max(b.lost, f.at.seq):
			continue
		}
		b.lost = s.history.evicted
		f.begun[name] = b
		begin := Beginning{Stream: s.name, Lost: s.history.evicted, Events: slices.Clone(s.history.events[:s.history.search(f.at.seq)])}
		if s.status != nil && s.status.id.seq <= f.at.seq {
			begin.Status = s.status
		}
		p.Begins = append(p.Begins, begin)
		if size += s.history.bytes; size >= f.hub.portion.bytes {
			return true
		}
	}
	for name, b := range f.begun {
		if b.stream == nil { // it is not there yet: it begins anew when it is
			delete(f.begun, name)
		}
	}
	return false
}

// streamsLocked returns the streams that the reader gets, by their names.
func (f *Follower) streamsLocked() iter.Seq2[string, *stream] {
	return func(yield func(string, *stream) bool) {
		for _, s := range f.hub.set.Load().plain {
			if !s.pending && !s.removed.Load() && f.sees(s.name) && !yield(s.name, s) {
				return
			}
		}
		for name, s := range f.wanted {
			if s.family != nil && !s.pending && !s.removed.Load() && !yield(name, s) {
				return
			}
		}
	}
}

// readLocked reads events after the position, up to a portion of them.
func (f *Follower) readLocked(p *Part) {
	if f.behind {
		f.readHistoryLocked(p)
	} else {
		f.readRecentLocked(p)
	}
}

func (f *Follower) readHistoryLocked(p *Part) {
	var topics []topic
	for b := range maps.Values(f.begun) {
		topics = append(topics, topic{stream: b.stream})
	}
	rest := plan{replayed: f.at.seq, floor: f.at.seq, statusAfter: f.at.seq}
	events, whole := f.hub.fill(nil, topics, &rest)
	p.Events = events
	if whole {
		f.dropRecentLocked()
		f.at.seq, f.behind = f.hub.head, false
	} else {
		f.at.seq = rest.replayed
	}
}

func (f *Follower) readRecentLocked(p *Part) {
	size := 0
	for i, e := range f.recent {
		if e.id.seq > f.at.seq && f.begun[e.stream] != nil {
			if len(p.Events) == f.hub.portion.events || len(p.Events) > 0 && size+e.size > f.hub.portion.bytes {
				f.at.seq = f.recent[i-1].id.seq // over events of streams that have not begun
				clear(f.recent[:i])             // or these would stay as long as the rest
				f.recent = f.recent[i:]
				return
			}
			p.Events, size = append(p.Events, e), size+e.size
		}
		f.bytes -= e.size
	}
	f.dropRecentLocked()
	f.at.seq = f.hub.head
}

// dropRecentLocked forgets the recent events.
func (f *Follower) dropRecentLocked() { f.recent, f.bytes = nil, 0 }

// feedLocked tells the followers of a batch that was recorded.
func (h *Hub) feedLocked(events []*Event, broken bool) {
	if len(h.followers) == 0 {
		return
	}
	size := 0
	for _, e := range events {
		size += e.size
	}
	for _, f := range h.followers {
		switch {
		case broken || len(f.recent)+len(events) > maxRecent || f.bytes+size > maxRecentBytes:
			f.dropRecentLocked()
			f.behind = true
		case !f.behind:
			f.recent, f.bytes = append(f.recent, events...), f.bytes+size
		}
		f.signal()
	}
}

// wakeFollowers tells the followers that the set of streams has changed.
func (h *Hub) wakeFollowers() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.followers {
		f.changed, f.looks = true, true
		f.signal()
	}
}
