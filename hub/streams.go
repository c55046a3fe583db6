package hub

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// stream is the state of one stream: of a plain one, or of a key of a family.
type stream struct {
	name        string
	family      *family               // nil for a plain stream
	subscribers atomic.Int64          // gone after a key has ended
	demand      chan struct{}         // of a plain stream, of capacity 1: the first subscriber came, or the last one left
	removed     atomic.Bool           // set under Hub.mu, when the stream leaves the map
	said        atomic.Pointer[Event] // status, to be read without the lock

	// Guarded by Hub.mu.
	history history
	rank    int // in Hub.budget
	rules   *rules
	status  *Event
	events  uint64
	pending bool // the log has not told its history yet, see Options.Beginnings
	keyState
}

// setStatus notes the newest status, nil for none. The caller holds Hub.mu.
func (s *stream) setStatus(e *Event) {
	s.status = e
	s.said.Store(e)
}

// gone is the number of subscribers of a key that has ended: no subscriber can enter it.
const gone = math.MinInt64

// StreamOptions are the name of a stream, see [CheckStream], and the bounds of its
// history.
type StreamOptions struct {
	Name string

	// History is the number of events that are kept. 0 means Options.History.
	History int

	// HistoryBytes bounds their size, in bytes. The newest event is always kept. 0
	// means Options.HistoryBytes.
	HistoryBytes int

	// Replay is what a subscriber gets of the documents that it missed, unless it asks
	// for something else. ReplayDefault means ReplayAll.
	Replay Replay

	// ReplayEvents and ReplayBytes bound what ReplayAuto replays in full: that many
	// documents, with so many bytes in total. 0 means DefaultReplayEvents and
	// DefaultReplayBytes.
	ReplayEvents, ReplayBytes int

	// Keys, if not nil, makes it a stream with keys, each of which has these bounds.
	Keys *KeyOptions
}

// Named returns streams with these names, and the bounds of the hub's Options.
func Named(names ...string) []StreamOptions {
	streams := make([]StreamOptions, len(names))
	for i, name := range names {
		streams[i].Name = name
	}
	return streams
}

// streamMap has every stream by its name: plain streams and the keys that exist. It is
// read without a lock, and written under Hub.mu.
type streamMap struct{ names sync.Map }

func (m *streamMap) load(name string) *stream {
	s, _ := m.names.Load(name)
	found, _ := s.(*stream)
	return found
}

func (m *streamMap) store(s *stream)  { m.names.Store(s.name, s) }
func (m *streamMap) remove(s *stream) { m.names.Delete(s.name) }

// all returns every stream that is there during the whole iteration, and perhaps
// others.
func (m *streamMap) all() iter.Seq[*stream] {
	return func(yield func(*stream) bool) {
		m.names.Range(func(_, value any) bool {
			s, _ := value.(*stream)
			return yield(s)
		})
	}
}

// streamSet is the set of streams that SetStreams made. It is never modified.
type streamSet struct {
	plain []*stream          // sorted by name
	keyed map[string]*family // by name
}

// withBounds returns the options of a stream with the bounds of the hub in place of
// zeros.
func (h *Hub) withBounds(one StreamOptions) StreamOptions {
	if one.History == 0 {
		one.History = h.opts.History
	}
	if one.HistoryBytes == 0 {
		one.HistoryBytes = h.opts.HistoryBytes
	}
	return one
}

// checkStreams returns an error that names each mistake.
func checkStreams(streams []StreamOptions) error {
	var errs []error
	seen := make(map[string]bool, len(streams))
	for _, s := range streams {
		if err := CheckStream(s.Name); err != nil {
			errs = append(errs, err)
		}
		if seen[s.Name] {
			errs = append(errs, fmt.Errorf("hub: stream %q is named twice", s.Name))
		}
		seen[s.Name] = true
		if s.Keys != nil {
			errs = append(errs, s.Keys.check(s.Name))
		}
		of := fmt.Sprintf("stream %q", s.Name)
		errs = append(errs,
			checkBound("History", of, s.History),
			checkBound("HistoryBytes", of, s.HistoryBytes),
			checkBound("ReplayEvents", of, s.ReplayEvents),
			checkBound("ReplayBytes", of, s.ReplayBytes))
	}
	return errors.Join(errs...)
}

// checkBound returns an error for a bound that is negative. of says what it bounds.
func checkBound[T int | time.Duration](name, of string, value T) error {
	if value < 0 {
		return fmt.Errorf("hub: %s of %s is %v, want more than 0, or 0 for the default", name, of, value)
	}
	return nil
}

// SetStreams replaces the set of streams, also while the hub runs. A stream that
// exists already goes on undisturbed, with its new bounds. A new one begins without
// history. Subscribers of a stream that is removed get what was published before, and then a
// last status without an ID, with the state Down and the error "removed"; a subscription
// without another stream ends with ErrUnknownStream. The keys of a stream with keys are
// removed with it, and so are those that its new pattern does not match. After an error
// nothing has changed.
func (h *Hub) SetStreams(wanted []StreamOptions) error {
	if err := checkStreams(wanted); err != nil {
		return err
	}
	h.setting.Lock()
	defer h.setting.Unlock()
	removed := h.replaceSet(wanted)
	bounds := make(map[string]StreamOptions, len(wanted))
	for _, one := range wanted {
		bounds[one.Name] = h.withBounds(one)
	}
	for s := range h.streams.all() {
		stream, _ := SplitName(s.name)
		if one, ok := bounds[stream]; ok {
			h.resize(s, one)
		}
	}
	removed = append(removed, h.removeKeys()...)
	if len(removed) > 0 {
		_ = h.AwaitBroadcast(context.Background()) // does not fail: what is in history comes before the last status
	}
	slices.SortFunc(removed, func(a, b *stream) int { return strings.Compare(a.name, b.name) })
	for some := range slices.Chunk(removed, atOnce) {
		if err := h.tellRemoved(some); err != nil {
			return err
		}
	}
	h.wakeTend()
	h.wakeFollowers()
	return nil
}

// atOnce is the number of streams that are changed under one lock without a pause.
const atOnce = 256

// replaceSet replaces the set of streams, and returns the plain streams that were
// removed. The keys of families that are no longer in the set stay.
func (h *Hub) replaceSet(wanted []StreamOptions) (removed []*stream) {
	old := h.set.Load()
	next := &streamSet{keyed: make(map[string]*family)}
	isWanted := make(map[*stream]bool, len(wanted))

	h.mu.Lock()
	defer h.mu.Unlock()
	for _, one := range wanted {
		one = h.withBounds(one)
		if one.Keys != nil {
			f := old.keyed[one.Name]
			if f == nil {
				f = newFamily(one.Name)
			}
			f.setLocked(one, h.head)
			next.keyed[one.Name] = f
			continue
		}
		s := h.streams.load(one.Name)
		if s == nil {
			s = &stream{name: one.Name, demand: make(chan struct{}, 1), rules: &rules{}}
			s.history.maxEvents, s.history.maxBytes = one.History, one.HistoryBytes
			h.addLocked(s, h.head)
		}
		s.rules.policy = newPolicy(one)
		next.plain = append(next.plain, s)
		isWanted[s] = true
	}
	slices.SortFunc(next.plain, func(a, b *stream) int { return strings.Compare(a.name, b.name) })
	for _, s := range old.plain {
		if !isWanted[s] {
			h.removeLocked(s)
			removed = append(removed, s)
		}
	}
	h.set.Store(next)
	return removed
}

// addLocked makes a new stream one of the hub's. The log may have had events of it up to
// the sequence number. The caller holds Hub.mu.
func (h *Hub) addLocked(s *stream, lost uint64) {
	s.history.markLostUpTo(lost)
	s.pending = h.opts.Beginnings
	h.budget.add(s)
	h.streams.store(s)
}

// removeLocked is the opposite of addLocked.
func (h *Hub) removeLocked(s *stream) {
	s.removed.Store(true)
	h.budget.remove(s)
	h.streams.remove(s)
}

// removeKeys removes the keys that their stream no longer has, and returns them.
func (h *Hub) removeKeys() []*stream {
	var removed []*stream
	for s := range h.streams.all() {
		if s.family != nil && h.family(s.name) != s.family {
			removed = append(removed, s)
		}
	}
	for some := range slices.Chunk(removed, atOnce) {
		h.mu.Lock()
		for _, s := range some {
			if !s.removed.Load() {
				h.removeKeyLocked(s)
			}
		}
		h.mu.Unlock()
	}
	return removed
}

// resize changes the bounds of the history of a stream. It evicts a few events at a
// time, so that it never holds the lock for long.
func (h *Hub) resize(s *stream, one StreamOptions) {
	for done := false; !done; {
		h.mu.Lock()
		done = s.removed.Load() || s.history.maxEvents == one.History && s.history.maxBytes == one.HistoryBytes
		if !done {
			before := s.history.extent()
			for range replayEvents {
				if done = !s.history.exceeds(one.History, one.HistoryBytes); done {
					s.history.maxEvents, s.history.maxBytes = one.History, one.HistoryBytes
					break
				}
				s.history.evict()
			}
			h.budget.changed(s, before)
		}
		h.mu.Unlock()
	}
}

// tellRemoved tells the subscribers of streams that were removed, and takes the streams
// from them.
func (h *Hub) tellRemoved(streams []*stream) error {
	notices := make([]*Event, len(streams))
	for i, s := range streams {
		if s.subscribers.Load() <= 0 {
			continue // and nobody can join any more
		}
		var err error
		if notices[i], err = removedStatus(s.name); err != nil {
			return err
		}
	}
	for _, g := range h.groups.load() {
		g.mu.Lock()
		for i, s := range streams {
			if notices[i] != nil {
				g.removeLocked(s, notices[i])
			}
		}
		g.mu.Unlock()
	}
	return nil
}

// removedStatus returns the last status of a stream. The name may be that of a client.
func removedStatus(name string) (*Event, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	notice, err := newNotice(name, Status{State: Down, Since: time.Now(), Error: ErrorRemoved})
	if err == nil {
		notice.last = true
	}
	return notice, err
}

// removeLocked removes a stream from all subscriptions, and offers them the notice.
func (g *Group) removeLocked(s *stream, notice *Event) {
	// From the end, because each subscription leaves the list.
	list := g.lists[s]
	for j := len(list) - 1; j >= 0; j-- {
		subscription := list[j]
		subscription.offerLocked(notice)
		if subscription.ended == open {
			subscription.leaveLocked(s)
		}
	}
	g.wakeLocked()
}

// StreamNames returns the names of all plain streams, sorted. For the others see
// [Hub.KeyStreams].
func (h *Hub) StreamNames() []string {
	plain := h.set.Load().plain
	list := make([]string, len(plain))
	for i, s := range plain {
		list[i] = s.name
	}
	return list
}

// HasStream reports whether there is a plain stream, or a key, of this name now.
func (h *Hub) HasStream(name string) bool { return h.streams.load(name) != nil }

// find returns the stream of this name, or the family of a key that does not exist now.
func (h *Hub) find(name string) (*stream, *family, error) {
	if s := h.streams.load(name); s != nil {
		return s, nil, nil
	}
	if f := h.family(name); f != nil {
		return nil, f, nil
	}
	if stream, key := SplitName(name); key != "" && h.set.Load().keyed[stream] != nil {
		return nil, nil, fmt.Errorf("%w %q", ErrUnknownKey, name)
	}
	return nil, nil, unknownStream(name)
}

func unknownStream(name string) error { return fmt.Errorf("%w %q", ErrUnknownStream, name) }
