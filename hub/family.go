package hub

import (
	"cmp"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// family is a stream with keys: what is known of all its keys together.
type family struct {
	name        string
	options     atomic.Pointer[StreamOptions] // without zeros; replaced under Hub.mu
	subscribers atomic.Int64                  // of all keys
	rules       rules

	// Guarded by Hub.mu.
	live, watched        int    // keys that exist, and those that somebody listens to
	lost                 uint64 // events of keys that have ended may be missing up to this sequence number
	missed               uint64 // of these, those that the log has lost
	events               uint64
	kept                 extent
	newest               ID // of the newest document
	newestTime           time.Time
	endedIdle, endedRoom uint64
	empty, full          keyList    // keys without listeners, oldest first: without a document, and with one
	idleBytes            int        // what they take
	demand               *keyDemand // nil until Keys is called
}

// keyState is what a family knows of each key. Guarded by Hub.mu.
type keyState struct {
	links     [linkKinds]keyLink
	idleSince time.Duration // since Hub.began, while the key is idle
	dormant   bool          // it was read from the log at the start, and nobody has listened to it since
	told      *keyDemand    // which knows that the key exists
}

// isIdle reports whether nobody listens to a key, as far as is known under the lock. Then
// it is on one of the lists of those that wait for their end.
func (s *stream) isIdle() bool { return s.links[idleLink].list != nil }

// keyOverhead is what a key takes in hub and poller beside its history, in bytes.
const keyOverhead = 1 << 10

func newFamily(name string) *family {
	return &family{name: name, empty: keyList{kind: idleLink}, full: keyList{kind: idleLink}}
}

// setLocked sets the options. Where these take keys that were not taken before, the log
// may have had events of them up to head.
func (f *family) setLocked(one StreamOptions, head uint64) {
	keys := *one.Keys
	keys.Max = cmp.Or(keys.Max, DefaultMaxKeys)
	keys.Idle = cmp.Or(keys.Idle, DefaultKeyIdle)
	keys.IdleBytes = cmp.Or(keys.IdleBytes, DefaultIdleBytes)
	if old := f.options.Load(); old == nil || old.Keys.Match.String() != keys.Match.String() || old.Keys.Pushed != keys.Pushed {
		f.lost = max(f.lost, head)
	}
	one.Keys = &keys
	f.options.Store(&one)
	f.rules.policy = newPolicy(one)
}

// keys returns the options of the keys.
func (f *family) keys() *KeyOptions { return f.options.Load().Keys }

// family returns the stream with keys to which a key belongs, or nil if the name is not
// that of a key that clients can have.
func (h *Hub) family(name string) *family {
	stream, key := SplitName(name)
	if f := h.set.Load().keyed[stream]; f != nil && f.keys().Match.Match(key) {
		return f
	}
	return nil
}

// newKeyLocked makes a key exist, with that many listeners. The caller holds Hub.mu, and
// marks the key.
func (h *Hub) newKeyLocked(f *family, name string, listeners int64) (*stream, error) {
	options := f.options.Load()
	if f.live >= options.Keys.Max && !h.endOldestLocked(f) {
		return nil, fmt.Errorf("%w: %q would be another, at most %d", ErrTooManyKeys, name, options.Keys.Max)
	}
	s := &stream{name: strings.Clone(name), family: f, rules: &f.rules} // the name may be a part of a large text
	s.history.maxEvents, s.history.maxBytes = options.History, options.HistoryBytes
	s.subscribers.Store(listeners)
	f.subscribers.Add(listeners)
	h.addLocked(s, f.lost)
	f.live++
	if listeners > 0 {
		f.watched++
	} else {
		h.idleLocked(s)
	}
	return s, nil
}

// removeKeyLocked is the opposite of newKeyLocked. The caller holds Hub.mu.
func (h *Hub) removeKeyLocked(s *stream) {
	f := s.family
	if s.isIdle() {
		f.busy(s)
	} else {
		f.watched--
	}
	f.live--
	f.kept = f.kept.minus(s.history.extent())
	f.lost = max(f.lost, s.history.last())
	f.forget(s)
	h.removeLocked(s)
	if h.set.Load().keyed[f.name] == f { // else the stream was removed, and may come back
		h.forgetLocked(s.name, s.history.last())
	}
}

// forgetLocked tells the log that a key has ended. The caller holds Hub.mu.
func (h *Hub) forgetLocked(key string, upTo uint64) {
	if h.keyLog != nil && h.epoch != "" {
		h.keyLog.Forget(key, ID{h.epoch, upTo})
	}
}

// settleLocked notes whether somebody listens to a key. Its number of subscribers changes
// without a lock, so it may have changed again since the caller saw it; each change to 0
// and from 0 is followed by a call. The caller holds Hub.mu.
func (h *Hub) settleLocked(s *stream) {
	f := s.family
	if s.removed.Load() {
		return
	}
	wasIdle, isIdle := s.isIdle(), s.subscribers.Load() == 0
	switch {
	case isIdle: // if it was idle before, a listener has come and left
		h.idleLocked(s)
	case wasIdle:
		f.busy(s)
	}
	if wasIdle == isIdle {
		return
	}
	if isIdle {
		f.watched--
	} else {
		f.watched++
		s.dormant = false
	}
	f.mark(s)
}

// publishedKeyLocked makes the key of a document exist, and returns it, or nil if the
// document is not kept. The caller holds Hub.mu.
func (h *Hub) publishedKeyLocked(e *Event) *stream {
	f := h.family(e.stream)
	if f == nil {
		if stream, _ := SplitName(e.stream); h.set.Load().keyed[stream] != nil {
			h.forgetLocked(e.stream, e.id.seq) // the stream no longer takes such keys
		}
		return nil // a stream that only other nodes have
	}
	if pushed := f.keys().Pushed; pushed || !h.isRecovered() {
		if s, err := h.newKeyLocked(f, e.stream, 0); err == nil {
			if s.dormant = !pushed; pushed {
				f.mark(s)
			}
			return s
		}
	}
	f.lost = max(f.lost, e.id.seq)
	h.forgetLocked(e.stream, e.id.seq)
	return nil
}

// recordKeyLocked notes a new document of a key. The caller holds Hub.mu.
func (h *Hub) recordKeyLocked(s *stream, e *Event) {
	f := s.family
	f.events++
	f.newest, f.newestTime = e.id, e.time
	if list := s.links[idleLink].list; list == &f.empty || list == &f.full && f.keys().Pushed {
		h.idleLocked(s)
	}
	if f.idleBytes > f.keys().IdleBytes {
		h.wakeTend()
	}
}

// keeps notes that the history of a key has changed by so much.
func (f *family) keeps(s *stream, more extent) {
	f.kept = f.kept.plus(more)
	if s.isIdle() {
		f.idleBytes += more.bytes
	}
}

// loses notes that the log has lost events of keys up to a sequence number.
func (f *family) loses(upTo uint64) {
	f.lost, f.missed = max(f.lost, upTo), max(f.missed, upTo)
}

// restartLocked forgets the documents of all keys, for a new epoch. Their histories are empty
// already.
func (h *Hub) restartLocked(f *family) {
	f.kept, f.lost, f.missed, f.newest, f.newestTime = extent{}, 0, 0, ID{}, time.Time{}
	f.idleBytes = (f.live - f.watched) * keyOverhead
	for s := f.full.first; s != nil; s = f.full.first {
		h.idleLocked(s) // to the list of those without a document
	}
}

// statsLocked returns the statistics of all keys together. The caller holds Hub.mu.
func (f *family) statsLocked() StreamStats {
	return StreamStats{
		Name:          f.name,
		Subscribers:   int(f.subscribers.Load()),
		Events:        f.events,
		Skipped:       f.rules.skipped.Load(),
		HistoryLen:    f.kept.events,
		HistoryBytes:  f.kept.bytes,
		LastEventID:   f.newest,
		LastEventTime: f.newestTime,
		Keys:          f.live,
		Watched:       f.watched,
		EndedIdle:     f.endedIdle,
		EndedRoom:     f.endedRoom,
	}
}
