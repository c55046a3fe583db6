package hub

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Errors of a Hub.
var (
	// ErrClosed is returned once Run has ended, and ends the subscriptions.
	ErrClosed = errors.New("hub: closed")

	// ErrRunning is returned by a second Run.
	ErrRunning = errors.New("hub: already running or ended")

	// ErrUnknownStream is returned, wrapped with the name, for a stream that the
	// hub does not have, and ends a subscription whose last stream was removed.
	ErrUnknownStream = errors.New("hub: unknown stream")

	// ErrTooLarge is returned by Publish for data over Options.MaxData.
	ErrTooLarge = errors.New("hub: data too large")

	// ErrTooManyStreams is returned by Subscribe for more than
	// MaxStreamsPerSubscription streams.
	ErrTooManyStreams = errors.New("hub: too many streams on one subscription")
)

// Defaults of Options.
const (
	DefaultHistory           = 1000
	DefaultHistoryBytes      = 16 << 20
	DefaultTotalHistoryBytes = 256 << 20
	DefaultBuffer            = 14 // see Options.Buffer
	DefaultMaxData           = 1 << 20
)

// MaxBuffer is the largest Options.Buffer.
const MaxBuffer = 1 << 16

// Options configure a Hub. The zero value is a hub with one stream, named
// "default", in memory. New copies them.
type Options struct {
	// Log is the timeline. Nil means a MemoryLog of its own, which keeps an event only until
	// the hub has read it.
	Log Log

	// Shared says that other hubs read Log too, so that a subscriber may come with a
	// position that this hub has not read yet. It waits until the hub has read as far, or
	// until Batch.Head shows that the log has never given out the position. Without
	// Shared, such a position is answered by a reset at once.
	Shared bool

	// Beginnings says that Log tells the history of each stream by itself, in Batch.Begins,
	// and that of a key only once the key exists here. Until its stream has begun, a
	// subscriber waits, and gets no event of its other streams either.
	Beginnings bool

	// Streams are the streams, see [Hub.SetStreams]. An empty list means
	// DefaultStream alone.
	Streams []StreamOptions

	// History is the number of events of each stream that are kept for subscribers
	// that resume, unless its StreamOptions say otherwise. 1 keeps only the newest.
	// 0 means DefaultHistory.
	History int

	// HistoryBytes bounds the size of the events kept for each stream, in bytes,
	// unless its StreamOptions say otherwise. The newest event is always kept. 0
	// means DefaultHistoryBytes.
	HistoryBytes int

	// TotalHistoryBytes bounds the size of the events kept for all streams, in
	// bytes. Beyond it, the stream that keeps most drops its oldest event. The
	// newest event of each stream is always kept. 0 means DefaultTotalHistoryBytes.
	TotalHistoryBytes int

	// Buffer is the capacity of each subscription's channel, in events. 0 means
	// DefaultBuffer, with which the buffer takes 112 bytes. The subscription and the rest
	// of the channel have the same size, and hardly anything that a request leaves behind
	// has it. With 8 or 16 the buffers lie scattered among what dies with requests, and
	// the pages around them stay in use.
	Buffer int

	// MaxData bounds the data of one message, in bytes. 0 means DefaultMaxData.
	MaxData int
}

// withDefaults returns a copy with defaults in place of zeros, or an error that names
// each invalid option.
func (o Options) withDefaults() (Options, error) {
	var errs []error
	for _, field := range []struct {
		name     string
		value    *int
		fallback int
		most     int
	}{
		{"History", &o.History, DefaultHistory, math.MaxInt},
		{"HistoryBytes", &o.HistoryBytes, DefaultHistoryBytes, math.MaxInt},
		{"TotalHistoryBytes", &o.TotalHistoryBytes, DefaultTotalHistoryBytes, math.MaxInt},
		{"Buffer", &o.Buffer, DefaultBuffer, MaxBuffer},
		{"MaxData", &o.MaxData, DefaultMaxData, math.MaxInt},
	} {
		if *field.value < 0 || *field.value > field.most {
			errs = append(errs, fmt.Errorf("hub: %s is %d, want 1 to %d, or 0 for %d", field.name, *field.value, field.most, field.fallback))
		}
		if *field.value == 0 {
			*field.value = field.fallback
		}
	}
	if len(o.Streams) == 0 {
		o.Streams = Named(DefaultStream)
	}
	errs = append(errs, checkStreams(o.Streams))
	if o.Log == nil {
		o.Log = newBriefLog()
	}
	return o, errors.Join(errs...)
}

// Hub fans one timeline of events out to its subscribers. Its methods are safe
// for concurrent use. See the package comment for what it promises.
type Hub struct {
	opts    Options
	keyLog  KeyLog    // nil if the log is not told of keys that have ended
	newest  NewestLog // nil if the log is not asked for what it knows of keys that come
	portion portion   // the bound of one replay

	mu          sync.RWMutex
	running     bool          // Run was called
	closed      bool          // Run has returned
	epoch       string        // of the log; "" before the log has told it
	head        uint64        // the sequence number up to which the log was read
	batches     uint64        // how many the log has told
	toldBatches uint64        // how many of these were handed to the subscribers
	progress    chan struct{} // closed at the next step of apply; nil if nothing waits for that
	heads       uint64        // how often the log has told its head
	budget      budget        // of all histories

	followers []*Follower
	tells     bool                       // each subscriber that resumes is told the status of its streams
	overrides func(stream string) Status // see Override; nil without one

	setting sync.Mutex // held by SetStreams, before any other lock
	set     atomic.Pointer[streamSet]
	streams streamMap
	batch   []*stream    // of the events that Run is broadcasting
	lacking []lack       // the losses that Run is telling
	waiting atomic.Int64 // subscriptions with a position that was not read yet

	recovered     chan struct{} // closed when Run has read what the log had
	recoveredOnce sync.Once
	began         time.Time     // when the hub was made
	idle          chan struct{} // of capacity 1: tend has to look again

	// A group's lock is taken before mu, never after it.
	groups    groupList // the first defaultGroups serve Hub.Subscribe
	nextGroup atomic.Uint32

	subscribers atomic.Int64
	counters    counters
	offset      atomic.Int64 // see SetOffset
}

// SetOffset says by how much the clock of the node that gives events their times is ahead of
// that of this process.
func (h *Hub) SetOffset(offset time.Duration) { h.offset.Store(int64(offset)) }

// Now returns the time by the clock that gives events their times. With it, the age of an event
// is right, whatever the clock of this machine says.
func (h *Hub) Now() time.Time { return time.Now().Add(time.Duration(h.offset.Load())) }

// New returns a hub. It starts nothing: see Run.
func New(opts Options) (*Hub, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	h := &Hub{
		opts:    opts,
		portion: portion{events: replayEvents, bytes: replayBytes},
		budget:  budget{limit: opts.TotalHistoryBytes},
		began:   time.Now(),
		idle:    make(chan struct{}, 1),

		recovered: make(chan struct{}),
		tells:     opts.Beginnings || opts.Shared,
	}
	if opts.Shared {
		h.newest, _ = opts.Log.(NewestLog)
	} else {
		h.keyLog, _ = opts.Log.(KeyLog)
	}
	h.set.Store(&streamSet{})
	h.replaceSet(opts.Streams)
	for range defaultGroups {
		h.addGroup(nil)
	}
	return h, nil
}

// Run reads the log and hands its events to the subscribers, in the calling
// goroutine, until ctx ends or the log fails. Meanwhile it ends keys that nobody
// listens to, in another goroutine. Then it ends every subscription with ErrClosed and
// returns nil, or the log's error. A hub runs once.
func (h *Hub) Run(ctx context.Context) error {
	h.mu.Lock()
	if h.running {
		h.mu.Unlock()
		return ErrRunning
	}
	h.running = true
	h.mu.Unlock()

	err := h.read(ctx)

	h.mu.Lock()
	h.closed = true
	h.advanceLocked()
	h.feedLocked(nil, false)
	h.mu.Unlock()
	h.close()
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// read reads the log until ctx ends or the log fails.
func (h *Hub) read(ctx context.Context) error {
	tending, stop := context.WithCancel(ctx)
	var tend sync.WaitGroup
	tend.Go(func() { h.tend(tending) })
	defer tend.Wait()
	defer stop()
	return h.opts.Log.Tail(ctx, func(batch Batch) error {
		h.apply(batch)
		return nil
	})
}

// Recovered returns a channel that is closed when Run has read everything that the log had
// when it began. Until then, histories are incomplete, and the newest document of a stream
// may be an old one. A hub with a MemoryLog reads it at once.
func (h *Hub) Recovered() <-chan struct{} { return h.recovered }

func (h *Hub) isRecovered() bool {
	select {
	case <-h.recovered:
		return true
	default:
		return false
	}
}

// Latest returns the newest document of a stream, or nil before the first one. For
// a key that does not exist now it returns nil too.
func (h *Hub) Latest(name string) (*Event, error) {
	s, _, err := h.find(streamName(name))
	if s == nil {
		return nil, err
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return s.history.newest(), nil
}

// At returns the newest document of a stream that was published up to a position. It is
// nil if no document is that old, or if history no longer has it.
func (h *Hub) At(name string, position ID) (*Event, error) {
	s, _, err := h.find(streamName(name))
	if s == nil {
		return nil, err
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	if i := s.history.search(position.seq); i > 0 && position.epoch == h.epoch {
		return s.history.events[i-1], nil
	}
	return nil, nil //nolint:nilnil // like Latest
}

// Position returns the position up to which the hub has read its log: every event
// that is published from now on comes after it. It is the zero ID until Run has
// learned the epoch of the log, which it does at once.
func (h *Hub) Position() ID {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return ID{h.epoch, h.head}
}
