package hub

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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

// KeyOptions say which keys a stream has, how many, and how long those stay that
// nobody listens to. The stream "prices" with keys is not a stream that can be
// subscribed to: its keys are, each by its own name, "prices/BTC".
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

	// Pushed makes a key exist by Publish too. Otherwise it exists by Subscribe and
	// Touch alone.
	Pushed bool
}

// KeyStream describes a stream with keys.
type KeyStream struct {
	Name    string
	Pattern string
	Max     int
}

// KeyDemand tells which keys of a stream exist, and how many clients listen to each.
// Its methods do not wait.
type KeyDemand interface {
	// Changed returns a channel that holds a value if Changes has something to return
	// that it did not return before. It may also hold a value without a change, but not
	// again and again.
	Changed() <-chan struct{}

	// Changes appends the changes since the last call to list: which keys have come,
	// got their first listener, lost their last one, or gone. The first call returns
	// every key that exists. Several changes of a key are one change, to the newest
	// state. Only a key that has gone and come back is told twice, first that it has
	// gone, because it has lost its history.
	Changes(list []KeyChange) []KeyChange

	// Newest returns the newest document of a key, by the name of its stream, or nil.
	Newest(name string) *Event
}

// KeyChange is the newest state of a key.
type KeyChange struct {
	Name      string // of the stream, "prices/BTC"; it shares memory with the hub
	Exists    bool
	Listeners int // how many clients listen; a change is told only from 0 and to 0
}

// Takes reports whether clients can subscribe to this name: it is a plain stream, or
// the pattern of a stream with keys matches its key, whether that exists or not.
func (h *Hub) Takes(name string) bool { return h.HasStream(name) }

// Touch makes a key exist as if its last listener had just left. For a key of a stream
// with KeyOptions.Pushed and for a plain stream it does nothing. Errors:
// ErrUnknownStream, ErrUnknownKey, ErrTooManyKeys.
func (h *Hub) Touch(name string) error {
	_, err := h.stream(streamName(name))
	return err
}

// KeyStreams returns the streams with keys, sorted by name.
func (h *Hub) KeyStreams() []KeyStream { return nil }

// Keys returns the demand for the keys of a stream, for the use of one goroutine. It is
// valid as long as the hub has the stream, and replaces that of an earlier call, which
// tells nothing more. The error is ErrUnknownStream if the hub has no such stream with
// keys.
func (h *Hub) Keys(stream string) (KeyDemand, error) {
	return nil, fmt.Errorf("%w %q", ErrUnknownStream, stream)
}

// PublishAll is Publish for each message in order, but waits only once, so that all of
// them reach the subscribers together. It returns the ID of each message, which is zero
// for one that was not stored, and the errors that say why. After an error of the log
// no further message is stored.
func (h *Hub) PublishAll(ctx context.Context, list []Message) ([]ID, error) {
	ids := make([]ID, len(list))
	var errs []error
	for i, m := range list {
		var err error
		if ids[i], err = h.Publish(ctx, m); err != nil {
			errs = append(errs, err)
		}
	}
	return ids, errors.Join(errs...)
}

// StreamStats returns the statistics of a plain stream, of all keys of a stream
// together, or of one key. The error is ErrUnknownStream if there is no such stream or
// the key does not exist now.
func (h *Hub) StreamStats(name string) (StreamStats, error) {
	s, err := h.stream(streamName(name))
	if err != nil {
		return StreamStats{}, err
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return s.statsLocked(), nil
}

// check returns an error that names each mistake.
func (o *KeyOptions) check(stream string) error {
	var errs []error
	if o.Match == nil {
		errs = append(errs, fmt.Errorf("hub: stream %q with keys has no pattern", stream))
	}
	bounds := map[string]int{"Max": o.Max, "Idle": int(o.Idle), "IdleBytes": o.IdleBytes}
	for _, name := range slices.Sorted(maps.Keys(bounds)) {
		if bounds[name] < 0 {
			errs = append(errs, fmt.Errorf("hub: %s of the keys of stream %q is %d, want at least 1, or 0 for the default", name, stream, bounds[name]))
		}
	}
	return errors.Join(errs...)
}
