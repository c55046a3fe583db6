package conflate

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/polluxhub/pollux/hub"
)

const (
	// maxWaiting bounds the documents that wait, in bytes.
	maxWaiting = 64 << 20

	// overhead is what a document that waits takes beside its text.
	overhead = 576

	// retryGap is the least time after which a failed document is tried again.
	retryGap = 100 * time.Millisecond
)

// Publisher is what a Conflator publishes to: a hub.
type Publisher interface {
	Publish(ctx context.Context, m hub.Message) (hub.ID, error)
}

// Options configure a Conflator.
type Options struct {
	// Publisher gets the documents. Required.
	Publisher Publisher

	// Gap returns the gap of a configured stream, which for a key is the stream of the
	// key. 0 means none. It is called for each document, and must not wait. Required.
	Gap func(stream string) time.Duration

	// Logger gets the failures of documents that waited. Nil means slog.Default.
	Logger *slog.Logger
}

// Conflator publishes at most one document of a stream within a gap. Its methods are
// safe for concurrent use. See the package comment for what it promises.
type Conflator struct {
	opts Options
	wake chan struct{} // tells Run that something is due sooner; has room for one

	mu       sync.Mutex
	slots    map[string]*slot // by the name of the stream, or of the key
	queue    queue
	bytes    int // of all documents that wait
	flushed  bool
	replaced map[string]uint64 // by configured stream
	report   report
}

// New returns a Conflator. It starts nothing: see [Conflator.Run].
func New(opts Options) *Conflator {
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	return &Conflator{
		opts:     opts,
		wake:     make(chan struct{}, 1),
		slots:    make(map[string]*slot),
		replaced: make(map[string]uint64),
	}
}

// Publish publishes m and returns its ID, or the error of the Publisher. If m comes
// within the gap of its stream, it waits: then the ID is zero, and so is the error, unless
// m is invalid. Publish returns an error of ctx if it ends before m can be published.
// The data must not be modified afterwards.
func (c *Conflator) Publish(ctx context.Context, m hub.Message) (hub.ID, error) {
	if m.Status != nil {
		return c.opts.Publisher.Publish(ctx, m)
	}
	m.Stream = cmp.Or(m.Stream, hub.DefaultStream)
	stream, _ := hub.SplitName(m.Stream)
	gap := max(0, c.opts.Gap(stream))
	if gap > 0 {
		if err := m.Check(); err != nil {
			return hub.ID{}, err // it must not be found out later, when nobody can be told
		}
	}
	for {
		s, answer, idle := c.enter(m, gap)
		switch answer {
		case passes:
			return c.opts.Publisher.Publish(ctx, m)
		case begins:
			return c.publish(ctx, s, m, false)
		case waits:
			return hub.ID{}, nil
		case blocked:
			select {
			case <-idle:
			case <-ctx.Done():
				return hub.ID{}, ctx.Err()
			}
		}
	}
}

// answer says what becomes of a message.
type answer uint8

const (
	passes  answer = iota // it is published, and the stream has no slot
	begins                // it is published in the slot, which is busy now
	waits                 // it waits in the slot
	blocked               // it has to be published at once, when the slot is idle
)

// enter decides what becomes of a document. The channel of a blocked one is closed when
// it is worth another try.
func (c *Conflator) enter(m hub.Message, gap time.Duration) (*slot, answer, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flushed {
		gap = 0
	}
	s := c.slots[m.Stream]
	switch {
	case s != nil:
		c.setGapLocked(s, gap)
	case gap == 0:
		return nil, passes, nil
	default:
		s = &slot{stream: m.Stream, gap: gap, place: -1}
		c.slots[m.Stream] = s
	}
	free := !s.busy && s.waiting == nil && !time.Now().Before(s.free())
	full := c.bytes-size(s.waiting)+size(&m) > maxWaiting
	switch {
	case !free && !full && gap > 0:
		if s.waiting != nil {
			c.countLocked(s)
		}
		held := m // not m itself, which would then be allocated for every document
		c.holdLocked(s, &held)
		return s, waits, nil
	case s.busy:
		return s, blocked, s.idleLocked()
	}
	c.beginLocked(s)
	return s, begins, nil
}

// setGapLocked sets the gap of a slot.
func (c *Conflator) setGapLocked(s *slot, gap time.Duration) {
	if s.gap == gap {
		return
	}
	s.gap = gap
	if s.place >= 0 {
		heap.Fix(&c.queue, s.place)
		c.wakeLocked(s)
	}
}

// idleLocked returns a channel that is closed when the slot is busy no more.
func (s *slot) idleLocked() <-chan struct{} {
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	return s.idle
}

// holdLocked makes m the document that waits, or nothing if m is nil.
func (c *Conflator) holdLocked(s *slot, m *hub.Message) {
	c.bytes += size(m) - size(s.waiting)
	s.waiting = m
}

// beginLocked makes an idle slot busy, and takes what waits in it.
func (c *Conflator) beginLocked(s *slot) {
	if s.place >= 0 {
		heap.Remove(&c.queue, s.place)
	}
	s.busy, s.taken = true, s.waiting
	c.holdLocked(s, nil)
}

// errPanic is the error of a document whose Publisher panicked: it may have been stored.
var errPanic = errors.New("conflate: the publisher panicked")

// publish publishes a document in a busy slot, and makes the slot idle, also if the
// Publisher panics: a server may survive that. waited says whether the document is the one
// that was taken from the slot.
func (c *Conflator) publish(ctx context.Context, s *slot, m hub.Message, waited bool) (id hub.ID, err error) {
	err = errPanic
	defer func() { c.finish(s, waited, err) }()
	return c.opts.Publisher.Publish(ctx, m)
}

// finish makes a busy slot idle. waited says whether the document that was published, or
// not, is the one that waited before.
func (c *Conflator) finish(s *slot, waited bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	taken := s.taken
	s.busy, s.taken = false, nil
	switch {
	case taken == nil, waited && err == nil:
	case err == nil, waited && refused(err), s.waiting != nil:
		c.countLocked(s)
	default:
		c.holdLocked(s, taken) // it is still the newest that was taken
	}
	if err == nil || !refused(err) {
		s.last, s.failed = now, err != nil
	}
	if s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
	if s.waiting == nil && !now.Before(s.free()) {
		c.forgetLocked(s)
		return
	}
	heap.Push(&c.queue, s)
	c.wakeLocked(s)
}

// wakeLocked wakes Run if the slot is the first of the queue.
func (c *Conflator) wakeLocked(s *slot) {
	if s.place != 0 {
		return
	}
	select {
	case c.wake <- struct{}{}:
	default: // it will be woken anyway
	}
}

// forgetLocked removes a slot that is not in the queue.
func (c *Conflator) forgetLocked(s *slot) {
	delete(c.slots, s.stream)
	if len(c.slots) == 0 { // a map and a heap keep the room that they once needed
		c.slots, c.queue = make(map[string]*slot), nil
	}
}

// countLocked counts a document that is never published.
func (c *Conflator) countLocked(s *slot) {
	stream, _ := hub.SplitName(s.stream)
	c.replaced[stream]++
}

// Replaced returns for each configured stream with a gap how many documents were taken
// and never published, because a newer one replaced them or, rarely, because they were
// dropped. It forgets streams whose gap has ended.
func (c *Conflator) Replaced() map[string]uint64 {
	c.mu.Lock()
	counts := maps.Clone(c.replaced)
	c.mu.Unlock()
	maps.DeleteFunc(counts, func(stream string, _ uint64) bool {
		if c.opts.Gap(stream) > 0 {
			return false
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.replaced, stream)
		return true
	})
	return counts
}

// refused reports whether a document with this error was not stored and never will be.
func refused(err error) bool {
	for _, reason := range []error{
		hub.ErrUnknownStream, hub.ErrTooLarge, hub.ErrInvalidMessage, hub.ErrInvalidStream, hub.ErrSuperseded, hub.ErrClosed, hub.ErrLogClosed,
	} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// size returns how much a document counts that waits, or 0 for none.
func size(m *hub.Message) int {
	if m == nil {
		return 0
	}
	return overhead + len(m.Data)
}
