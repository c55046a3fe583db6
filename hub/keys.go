package hub

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrTooManyKeys is returned, wrapped with the name, for a new key of a stream that has
// KeyOptions.Max keys already, each with a listener.
var ErrTooManyKeys = errors.New("hub: too many keys of one stream")

// Defaults of KeyOptions.
const (
	DefaultMaxKeys   = 10_000
	DefaultKeyIdle   = time.Minute
	DefaultIdleBytes = 16 << 20
)

// KeyOptions say which keys a stream has, how many, and how long a key stays after its
// last listener has left. Nobody can subscribe to the stream "prices" itself if it has
// keys. Each key can be subscribed to by its own name, "prices/BTC".
type KeyOptions struct {
	// Match is the pattern of the keys. It is required.
	Match *KeyPattern

	// Max is the largest number of keys at a time. For a further one, the key that
	// nobody has listened to for longest ends, one without a document first. 0 means
	// DefaultMaxKeys.
	Max int

	// Idle is how long a key stays that nobody listens to. 0 means DefaultKeyIdle.
	Idle time.Duration

	// IdleBytes bounds what the keys that nobody listens to take, in bytes. Beyond it,
	// keys end as for Max. 0 means DefaultIdleBytes.
	IdleBytes int

	// Pushed means that Subscribe and Publish make a key exist. Otherwise Subscribe and
	// Touch do.
	Pushed bool
}

// KeyStream describes a stream with keys.
type KeyStream struct {
	Name    string
	Pattern string
	Max     int
}

// Takes reports whether clients can subscribe to this name: it is a plain stream, or
// the pattern of a stream with keys matches its key, whether that exists or not.
func (h *Hub) Takes(name string) bool {
	_, _, err := h.find(streamName(name))
	return err == nil
}

// Touch makes a key exist as if its last listener had just left. For a key of a stream
// with KeyOptions.Pushed and for a plain stream it does nothing. Errors:
// ErrUnknownStream, ErrUnknownKey, ErrTooManyKeys.
func (h *Hub) Touch(name string) error {
	s, f, err := h.find(streamName(name))
	if err != nil {
		return err
	}
	if s != nil {
		f = s.family
	}
	if f == nil || f.keys().Pushed {
		return nil
	}
	return h.makeKey(name)
}

// makeKey makes a key exist. If it exists and nobody listens to it, it stays for another
// KeyOptions.Idle.
func (h *Hub) makeKey(name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.streams.load(name); s != nil {
		if s.dormant {
			s.dormant = false
			s.family.mark(s)
		}
		h.settleLocked(s)
		return nil
	}
	_, err := h.comeLocked(name, 0)
	return err
}

// KeyStreams returns the streams with keys, sorted by name.
func (h *Hub) KeyStreams() []KeyStream {
	var list []KeyStream
	for name, f := range h.set.Load().keyed {
		keys := f.keys()
		list = append(list, KeyStream{Name: name, Pattern: keys.Match.String(), Max: keys.Max})
	}
	slices.SortFunc(list, func(a, b KeyStream) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// enterName counts a subscriber of the stream of this name, and makes a key exist.
func (h *Hub) enterName(name string) (*stream, error) {
	s, _, err := h.find(name)
	if err != nil {
		return nil, err
	}
	if s != nil && h.enter(s) {
		return s, nil
	}
	return h.enterKey(name)
}

// enterKey is enterName for a key that does not exist, or has just ended.
func (h *Hub) enterKey(name string) (*stream, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.streams.load(name)
	if s == nil {
		return h.comeLocked(name, 1)
	}
	s.subscribers.Add(1) // a key that is in the map under the lock has not ended
	s.family.subscribers.Add(1)
	h.settleLocked(s)
	return s, nil
}

// comeLocked makes a key exist, with that many listeners, if the stream has it. The caller
// holds Hub.mu.
func (h *Hub) comeLocked(name string, listeners int64) (*stream, error) {
	_, f, err := h.find(name) // once more, because the set of streams may have changed
	if err != nil {
		return nil, err
	}
	s, err := h.newKeyLocked(f, name, listeners)
	if err == nil {
		h.recallLocked(s)
		f.mark(s)
	}
	return s, err
}

// recallLocked gives a key that has just come what a log that is shared knows of it. What the
// hub has not read yet comes in its order. The caller holds Hub.mu.
func (h *Hub) recallLocked(s *stream) {
	if h.newest == nil {
		return
	}
	isRead := func(e *Event) bool { return e != nil && e.id.epoch == h.epoch && e.id.seq <= h.head }
	document, status := h.newest.Newest(s.name)
	if isRead(document) {
		before := s.history.extent()
		s.history.evicted = max(s.family.missed, document.id.seq-1) // nothing of the key is newer
		s.history.add(document)
		h.budget.changed(s, before)
		if s.isIdle() {
			h.idleLocked(s) // to the list of those with a document
		}
	}
	if isRead(status) {
		s.setStatus(status)
	}
}

// check returns an error that names each mistake.
func (o *KeyOptions) check(stream string) error {
	var errs []error
	if o.Match == nil {
		errs = append(errs, fmt.Errorf("hub: stream %q with keys has no pattern", stream))
	}
	of := fmt.Sprintf("the keys of stream %q", stream)
	errs = append(errs, checkBound("Max", of, o.Max), checkBound("Idle", of, o.Idle), checkBound("IdleBytes", of, o.IdleBytes))
	return errors.Join(errs...)
}
