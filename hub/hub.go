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
	DefaultBuffer            = 16
	DefaultMaxData           = 1 << 20
)

// MaxBuffer is the largest Options.Buffer.
const MaxBuffer = 1 << 16

// Options configure a Hub. The zero value is a hub with one stream, named
// "default", in memory. New copies them.
type Options struct {
	// Log is the timeline. Nil means a new MemoryLog.
	Log Log

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
	// DefaultBuffer.
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
		o.Log = NewMemoryLog()
	}
	return o, errors.Join(errs...)
}

// Hub fans one timeline of events out to its subscribers. Its methods are safe
// for concurrent use. See the package comment for what it promises.
type Hub struct {
	opts    Options
	portion portion // the bound of one replay

	mu       sync.RWMutex
	running  bool          // Run was called
	closed   bool          // Run has returned
	epoch    string        // of the log; "" before the log has told it
	head     uint64        // the sequence number up to which the log was read
	progress chan struct{} // closed at the next apply; nil if nothing waits for that
	budget   budget        // of all histories

	setting sync.Mutex // held by SetStreams, before any other lock
	set     atomic.Pointer[streamSet]
	streams streamMap
	batch   []*stream     // of the events that Run is broadcasting
	began   time.Time     // when the hub was made
	idle    chan struct{} // of capacity 1: tend has to look again

	// A group's lock is taken before mu, never after it.
	groups    groupList // the first defaultGroups serve Hub.Subscribe
	nextGroup atomic.Uint32

	subscribers atomic.Int64
	counters    counters
}

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

// Publish stores m and returns the ID that the log gave it. It returns after the
// event has become part of this hub's history, so that the publisher can read it;
// so before Run it waits for Run. If ctx or the hub ends after m was stored, it
// returns the ID at once. A key of a stream with KeyOptions.Pushed need not exist
// before. Errors: those of [Log.Append], ErrUnknownStream, ErrUnknownKey,
// ErrTooManyKeys, ErrTooLarge, ErrClosed.
func (h *Hub) Publish(ctx context.Context, m Message) (ID, error) {
	m.Stream = streamName(m.Stream)
	if err := h.admit(m); err != nil {
		return ID{}, err
	}
	id, err := h.opts.Log.Append(ctx, m)
	if err != nil {
		return ID{}, err
	}
	h.await(ctx, id)
	return id, nil
}

// PublishAll is Publish for each message in order, but waits only once. If the log is a
// [BatchLog], it stores them together, so that they reach the subscribers together. It
// returns the ID of each message, which is zero for one that was not stored, and the
// errors that say why. After an error of the log no further message is stored.
func (h *Hub) PublishAll(ctx context.Context, list []Message) ([]ID, error) {
	var errs []error
	admitted := make([]Message, 0, len(list))
	places := make([]int, 0, len(list))
	for i, m := range list {
		m.Stream = streamName(m.Stream)
		if err := h.admit(m); err != nil {
			errs = append(errs, err)
			continue
		}
		admitted, places = append(admitted, m), append(places, i)
	}
	stored, err := h.appendAll(ctx, admitted)
	if err != nil {
		errs = append(errs, err)
	}
	if len(stored) > 0 {
		h.await(ctx, stored[len(stored)-1])
	}
	ids := make([]ID, len(list))
	for i, id := range stored {
		ids[places[i]] = id
	}
	return ids, errors.Join(errs...)
}

// appendAll stores messages until one fails.
func (h *Hub) appendAll(ctx context.Context, list []Message) (stored []ID, err error) {
	if log, ok := h.opts.Log.(BatchLog); ok {
		return log.AppendAll(ctx, list)
	}
	for _, m := range list {
		id, err := h.opts.Log.Append(ctx, m)
		if err != nil {
			return stored, err
		}
		stored = append(stored, id)
	}
	return stored, nil
}

// admit returns an error for a message that the hub does not hand to the log. It makes a
// key exist that exists by being published to.
func (h *Hub) admit(m Message) error {
	s, f, err := h.find(m.Stream)
	if err != nil {
		return err
	}
	if s == nil && !f.keys().Pushed {
		return unknownStream(m.Stream)
	}
	if len(m.Data) > h.opts.MaxData {
		return fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, len(m.Data), h.opts.MaxData)
	}
	h.mu.RLock()
	closed := h.closed
	h.mu.RUnlock()
	if closed {
		return ErrClosed
	}
	if s == nil {
		return h.makeKey(m.Stream)
	}
	return nil
}

// await returns when the event with the ID was applied, or cannot be any more: ctx,
// the hub or the epoch has ended.
func (h *Hub) await(ctx context.Context, id ID) {
	h.mu.RLock()
	epoch := h.epoch
	h.mu.RUnlock()
	for {
		h.mu.Lock()
		applied := h.epoch == id.epoch && h.head >= id.seq
		if applied || h.closed || h.epoch != epoch && h.epoch != id.epoch {
			h.mu.Unlock()
			return
		}
		if h.progress == nil {
			h.progress = make(chan struct{})
		}
		progress := h.progress
		h.mu.Unlock()
		select {
		case <-progress:
		case <-ctx.Done():
			return
		}
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

// apply makes a batch of the log part of history and hands it to all
// subscribers. Only Run calls it.
func (h *Hub) apply(batch Batch) {
	if h.record(batch) {
		h.endBroken(batch.After)
	}
	h.broadcast(batch.Events)
}

// record adds a batch to the histories, and notes the streams of its events. It reports
// whether the batch does not follow the previous one.
func (h *Hub) record(batch Batch) (broken bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer h.advanceLocked()
	if after := batch.After; h.epoch != after.epoch || h.head < after.seq {
		broken = true
		if h.epoch != "" {
			h.counters.gaps.Add(1)
		}
		h.loseLocked(after)
		h.epoch, h.head = after.epoch, after.seq
	}
	h.batch = h.batch[:0]
	for _, e := range batch.Events {
		s := h.streams.load(e.stream)
		if s == nil && e.kind == KindData {
			s = h.publishedKeyLocked(e)
		}
		h.batch = append(h.batch, s)
		h.head = e.id.seq
		switch {
		case s == nil: // a stream that only other nodes have
		case e.kind == KindStatus:
			s.status = e
		default:
			before := s.history.extent()
			s.history.add(e)
			h.budget.changed(s, before)
			s.events++
			if s.family != nil {
				h.recordKeyLocked(s, e)
			}
			h.counters.published.Add(1)
		}
	}
	return broken
}

// loseLocked notes in every history that the events up to a position are missing, and
// forgets what is of another epoch.
func (h *Hub) loseLocked(after ID) {
	restarts := h.epoch != after.epoch
	for s := range h.streams.all() {
		if restarts {
			s.history.clear()
			s.status = nil
		}
		s.history.markLostUpTo(after.seq)
	}
	if restarts {
		h.budget.bytes = 0
	}
	for _, f := range h.set.Load().keyed {
		if restarts {
			h.restartLocked(f)
		}
		f.lost = max(f.lost, after.seq)
	}
}

// advanceLocked wakes every await.
func (h *Hub) advanceLocked() {
	if h.progress != nil {
		close(h.progress)
		h.progress = nil
	}
}
