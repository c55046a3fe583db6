package hub

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/polluxhub/pollux/hub/sse"
)

// stream is the state of one stream.
type stream struct {
	name        string
	subscribers atomic.Int64
	demand      chan struct{} // of capacity 1: the first subscriber came, or the last one left
	removed     atomic.Bool

	// Guarded by Hub.mu.
	history history
	rank    int // in Hub.budget
	rules   *rules
	status  *Event
	events  uint64
}

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

// count adds to the number of subscribers: 1 or -1.
func (s *stream) count(change int64) {
	if n := s.subscribers.Add(change); n == 0 || n == 1 && change > 0 {
		select {
		case s.demand <- struct{}{}:
		default: // the last value has not been received yet
		}
	}
}

// streamMap is read with every broadcast and every join, and replaced when
// streams come or go.
type streamMap struct {
	pointer atomic.Pointer[map[string]*stream]
}

func (m *streamMap) load() map[string]*stream         { return *m.pointer.Load() }
func (m *streamMap) store(streams map[string]*stream) { m.pointer.Store(&streams) }

// newStreams returns the wanted streams. Those that exist already stay the same.
func (h *Hub) newStreams(wanted []StreamOptions, old map[string]*stream) map[string]*stream {
	streams := make(map[string]*stream, len(wanted))
	for _, one := range wanted {
		s := old[one.Name]
		if s == nil {
			s = &stream{name: one.Name, demand: make(chan struct{}, 1), rules: &rules{policy: newPolicy(one)}}
			s.history.maxEvents, s.history.maxBytes = h.bounds(one)
		}
		streams[one.Name] = s
	}
	return streams
}

// bounds returns the bounds of the history of a stream.
func (h *Hub) bounds(one StreamOptions) (events, bytes int) {
	events, bytes = one.History, one.HistoryBytes
	if events == 0 {
		events = h.opts.History
	}
	if bytes == 0 {
		bytes = h.opts.HistoryBytes
	}
	return events, bytes
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
		for name, value := range map[string]int{
			"History": s.History, "HistoryBytes": s.HistoryBytes, "ReplayEvents": s.ReplayEvents, "ReplayBytes": s.ReplayBytes,
		} {
			if value < 0 {
				errs = append(errs, fmt.Errorf("hub: %s of stream %q is %d, want at least 1, or 0 for the default", name, s.Name, value))
			}
		}
	}
	return errors.Join(errs...)
}

// SetStreams replaces the set of streams, also while the hub runs. A stream that
// exists already goes on undisturbed, with its new bounds. A new one begins without
// history. Subscribers of a stream that is removed get a last status without an ID,
// with the state Down and the error "removed"; a subscription without another stream
// ends with ErrUnknownStream. After an error nothing has changed.
func (h *Hub) SetStreams(wanted []StreamOptions) error {
	if err := checkStreams(wanted); err != nil {
		return err
	}
	h.setting.Lock()
	defer h.setting.Unlock()
	old := h.streams.load()
	streams := h.newStreams(wanted, old)

	h.mu.Lock()
	for name, s := range streams {
		if old[name] == nil {
			s.history.markLostUpTo(h.head) // the log may have had events of this stream before
			h.budget.add(s)
		}
	}
	for name, s := range old {
		if streams[name] == nil {
			h.budget.remove(s)
		}
	}
	h.streams.store(streams)
	for _, one := range wanted {
		streams[one.Name].rules.policy = newPolicy(one)
	}
	h.mu.Unlock()

	for _, one := range wanted {
		if s := old[one.Name]; s != nil {
			h.resize(s, one)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		s := old[name]
		if streams[name] != nil {
			continue
		}
		s.removed.Store(true)
		notice, err := removedStatus(name)
		if err != nil {
			return err
		}
		for _, g := range h.groups.load() {
			g.mu.Lock()
			g.removeLocked(s, notice)
			g.mu.Unlock()
		}
	}
	return nil
}

// resize changes the bounds of the history of a stream. It evicts a few events at a
// time, so that it never holds the lock for long.
func (h *Hub) resize(s *stream, one StreamOptions) {
	events, bytes := h.bounds(one)
	for done := false; !done; {
		h.mu.Lock()
		before := s.history.bytes
		for range replayEvents {
			if done = !s.history.exceeds(events, bytes); done {
				s.history.maxEvents, s.history.maxBytes = events, bytes
				break
			}
			s.history.evict()
		}
		h.budget.changed(s, before)
		h.mu.Unlock()
	}
}

// removedStatus returns the last status of a stream. The name may be that of a client.
func removedStatus(name string) (*Event, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	document, err := Status{State: Down, Since: time.Now(), Error: ErrorRemoved}.Document(name)
	if err != nil {
		return nil, err
	}
	room, err := encode(sse.Event{Name: StatusEvent, Data: document})
	if err != nil {
		return nil, err
	}
	return &Event{stream: name, kind: KindStatus, state: Down, data: document, room: room}, nil
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

// StreamNames returns the names of all streams, sorted.
func (h *Hub) StreamNames() []string {
	return slices.Sorted(maps.Keys(h.streams.load()))
}

// HasStream reports whether there is a stream of this name.
func (h *Hub) HasStream(name string) bool { return h.streams.load()[name] != nil }

func (h *Hub) stream(name string) (*stream, error) {
	s := h.streams.load()[name]
	if s == nil {
		return nil, fmt.Errorf("%w %q", ErrUnknownStream, name)
	}
	return s, nil
}

// Demand tells how many clients listen to a stream. Its methods do not wait.
type Demand interface {
	// Listeners returns how many clients listen now.
	Listeners() int

	// Changed returns a channel that can be received from, because it holds a
	// value or because it was closed, as soon as Listeners has become 0, or more
	// than 0, after the call. The number changes before the channel does, so a
	// caller that calls Changed before Listeners misses no change. The channel may
	// also hold a value without a change, but not again and again.
	//
	// It may be one channel with room for one value, or a channel that is closed
	// and replaced by another.
	Changed() <-chan struct{}
}

// Demand returns the demand for a stream, for the use of one goroutine. It is valid
// as long as the hub has the stream.
func (h *Hub) Demand(name string) (Demand, error) {
	s, err := h.stream(streamName(name))
	if err != nil {
		return nil, err
	}
	return demand{s}, nil
}

type demand struct{ stream *stream }

func (d demand) Listeners() int           { return int(d.stream.subscribers.Load()) }
func (d demand) Changed() <-chan struct{} { return d.stream.demand }
