package lease

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"time"
)

// DefaultTTL is how long a lease is kept for a node that does not renew it. The choice of a
// leader among servers of NATS takes four to nine seconds.
const DefaultTTL = 10 * time.Second

// Parts of the TTL.
const (
	renewPart   = 3  // a lease is renewed after a TTL divided by this
	settlePart  = 2  // a node wishes for leases of others when it has been there so long
	gracePart   = 20 // a node waits so much longer than the one that comes before it
	retryPart   = 30 // what has failed is tried again after one to two of these
	stallPart   = 10 // a watch has to tell within this of what this node has stored
	heldTwo     = 2  // a lease is held for two
	heldOfThree = 3  // of three parts after the last renewal
)

// ErrClosed is returned by Acquire when Run has ended.
var ErrClosed = errors.New("lease: no leases any more")

// errLost is the cause of the end of Held.Context.
var errLost = errors.New("lease: lost")

// Options configure Leases. New copies them.
type Options struct {
	// Store keeps the records. It is required.
	Store Store

	// Node is the name of this node for people. It need not be the only one of this name.
	Node string

	// TTL is how long a lease is kept for a node that does not renew it. All nodes must have
	// the same. 0 means DefaultTTL.
	TTL time.Duration

	// Logger gets the log. Nil means slog.Default.
	Logger *slog.Logger

	// Rand returns a random number in [0, 1). It must be safe for concurrent use. Nil means
	// math/rand/v2.
	Rand func() float64
}

// Leases are the leases of all streams, as one node sees them. Its methods are safe for
// concurrent use. See the package comment for what they promise.
type Leases struct {
	opts    Options
	logger  *slog.Logger
	session string // of this process, like no other

	synced chan struct{} // closed when the store was read once
	proof  chan struct{} // of capacity 1: the watch has to tell of stored
	ended  chan struct{} // closed when Run has ended
	ready  sync.Once

	mu      sync.Mutex
	began   time.Time // when the store was read once
	streams map[string]*view
	wishes  map[string]string // the sessions that wish for streams
	wanted  map[string]uint64 // the revisions of the wishes
	held    map[string]*Held
	members members
	moved   chan struct{} // closed and replaced when a node has come or gone
	stored  uint64        // the revision that this node has stored last
	told    uint64        // the newest revision that the present watch has told of
	stats   Stats
}

// Stats is what a node has counted since New, and what it holds now.
type Stats struct {
	Held     int    // leases that this node holds
	Nodes    int    // nodes that are there
	Taken    uint64 // leases that this node got
	Released uint64 // leases that it gave up
	Lost     uint64 // leases that it lost, because it could not renew them or another node took them
	Failures uint64 // attempts to change the store that failed
}

// New returns the leases of a node. It starts nothing: see [Leases.Run].
func New(opts Options) (*Leases, error) {
	opts.TTL = cmp.Or(opts.TTL, DefaultTTL)
	switch {
	case opts.Store == nil:
		return nil, errors.New("lease: no Store")
	case opts.TTL < 0:
		return nil, fmt.Errorf("lease: TTL is %v, want more than 0, or 0 for %v", opts.TTL, DefaultTTL)
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Rand == nil {
		opts.Rand = mathrand.Float64
	}
	session := rand.Text()
	return &Leases{
		opts: opts, logger: opts.Logger, session: session,
		synced: make(chan struct{}), proof: make(chan struct{}, 1), ended: make(chan struct{}), moved: make(chan struct{}),
		streams: map[string]*view{}, wishes: map[string]string{}, wanted: map[string]uint64{}, held: map[string]*Held{},
		members: members{self: session, ttl: opts.TTL, seen: map[string]*sighting{}},
	}, nil
}

// Run watches the store, and tells others that this node is there, until ctx ends. It returns
// nil. A Leases runs once.
func (l *Leases) Run(ctx context.Context) error {
	defer close(l.ended)
	var watching sync.WaitGroup
	watching.Go(func() { l.watch(ctx) })
	defer watching.Wait()
	l.appear(ctx)
	return nil
}

// viewLocked returns what is known of a stream.
func (l *Leases) viewLocked(stream string) *view {
	v := l.streams[stream]
	if v == nil {
		v = &view{changed: make(chan struct{})}
		l.streams[stream] = v
	}
	return v
}

// heedLocked has the lease of a stream given up if another node wishes for it that is the
// right one.
func (l *Leases) heedLocked(stream string, now time.Time) {
	h, session := l.held[stream], l.wishes[stream]
	if h == nil || session == "" || l.wanted[stream] <= l.viewLocked(stream).freed || session == l.session || h.isWanted || !l.members.isThere(session, now) {
		return
	}
	if l.members.rank(session, stream, "", now) == 0 {
		h.isWanted = true
		close(h.wanted)
	}
}

// appear keeps the record of this node until ctx ends.
func (l *Leases) appear(ctx context.Context) {
	key, revision := keyOf(memberKind, l.session), uint64(0)
	here := text(member{Session: l.session, Node: l.opts.Node})
	for ctx.Err() == nil {
		var err error
		if revision, err = l.put(ctx, key, here, revision); err != nil && ctx.Err() == nil {
			l.pause(ctx)
			continue
		}
		l.sleep(ctx, l.opts.TTL/renewPart)
	}
	leaving, enough := context.WithTimeout(context.WithoutCancel(ctx), l.opts.TTL/renewPart)
	defer enough()
	if _, err := l.put(leaving, key, text(member{}), revision); err != nil {
		l.logger.Debug("others are not told that this node leaves", "error", err)
	}
}

// put stores a value of which this node alone is the writer.
func (l *Leases) put(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	ctx, enough := context.WithTimeout(ctx, l.opts.TTL/renewPart)
	defer enough()
	next, err := l.store(ctx, key, value, revision)
	if err == nil {
		return next, nil
	}
	l.count(func(s *Stats) { s.Failures++ })
	if entry, read := l.opts.Store.Get(ctx, key); read == nil {
		revision = entry.Revision
	}
	return revision, err
}

// count changes the counters.
func (l *Leases) count(change func(*Stats)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.stats)
}

// Stats returns the counters.
func (l *Leases) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	stats, now := l.stats, time.Now()
	stats.Held = len(l.held)
	for _, session := range l.members.sessions() {
		if l.members.isThere(session, now) {
			stats.Nodes++
		}
	}
	return stats
}

// Observe returns the name of the node that holds the lease of a stream, as far as this node
// has seen, and what was saved last, and how long ago. The name is empty if nobody holds it.
func (l *Leases) Observe(stream string) (node string, saved []byte, age time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.streams[stream]
	if v == nil {
		return "", nil, 0
	}
	now := time.Now()
	return v.nodeAt(l.opts.TTL, now), v.Saved, v.age(now)
}

// Holder is the node that holds the lease of a stream.
type Holder struct {
	Stream string
	Node   string
}

// Holders returns who holds a lease, as far as this node has seen, by name of the stream.
func (l *Leases) Holders() []Holder {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	list := make([]Holder, 0, len(l.streams))
	for stream, v := range l.streams {
		if node := v.nodeAt(l.opts.TTL, now); node != "" {
			list = append(list, Holder{stream, node})
		}
	}
	slices.SortFunc(list, func(a, b Holder) int { return cmp.Compare(a.Stream, b.Stream) })
	return list
}

// IsFirst reports whether this node comes before all others that are there, for some work that
// only one of them should do. Two nodes may both be first for a while.
func (l *Leases) IsFirst(work string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.members.rank(l.session, work, "", time.Now()) == 0
}

// random returns a random time up to the given one.
func (l *Leases) random(most time.Duration) time.Duration {
	return time.Duration(l.opts.Rand() * float64(most))
}

// retry returns how long to wait before something is tried again that has failed.
func (l *Leases) retry() time.Duration {
	unit := l.opts.TTL / retryPart
	return unit + l.random(unit)
}

// pause waits before something is tried again.
func (l *Leases) pause(ctx context.Context) { l.sleep(ctx, l.retry()) }

func (l *Leases) sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
