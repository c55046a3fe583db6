package natslog

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/polluxhub/pollux/hub"
)

// Log implements [hub.BatchLog] on JetStream. See the package comment for what it promises.
type Log struct {
	opts     Options
	logger   *slog.Logger
	shared   bool          // other processes write and read the stream too
	instance string        // names this process in what it writes there
	patience time.Duration // bounds a question

	writing chan struct{} // of capacity 1: holds a value while somebody appends

	// Guarded by writing.
	conn   *nats.Conn    // nil before Start has succeeded
	hungUp chan struct{} // closed after the last call of a handler of conn
	js     jetstream.JetStream
	heads  map[string]head // of each subject, as far as known

	mu      sync.Mutex
	now     *timeline     // nil before Open
	opened  chan struct{} // closed by Open
	closed  bool
	newest  map[string]latest // what was emitted last of each subject
	untold  map[string]latest // what was stored last of each subject and not emitted yet
	trims   map[string]uint64 // what is to be removed of each subject: everything before the sequence
	ended   map[string]uint64 // keys that have ended, and their last documents
	dropped map[string]uint64 // subjects of which everything up to a sequence was removed, for the teller
	created time.Time         // when the stream of the last life was made
	floors  map[string]floor  // of each stream that has one
	used    map[string]mark   // of streams and keys, by name, of a log that is shared
	untidy  bool              // streams that are not configured are to be looked for
	narrow  bool              // JetStream knows publications for less than hub.OnceLife
	suspect bool              // the store is to be compared with what it says it has
	failure error             // why nothing is stored; nil if it is
	changed chan struct{}     // closed and replaced when failure changes
	pulse   pulse             // of a log that is shared
	held    map[string]held   // what waits until it can be stored, of a log that is shared, by subject
	alarm   chan struct{}     // of capacity 1: maintain has to look

	stop    context.CancelFunc // ends maintain
	running sync.WaitGroup

	counters counters
}

var (
	_ hub.BatchLog  = (*Log)(nil)
	_ hub.KeyLog    = (*Log)(nil)
	_ hub.NewestLog = (*Log)(nil)
)

// timeline is one epoch as Tail tells it: of JetStream, or in memory. One that is neither is
// that of a log that is shared, before its stream was reached.
type timeline struct {
	life   *life     // of JetStream
	memory *volatile // in memory
	ended  chan struct{}
}

// latest is what was emitted last of a subject.
type latest struct {
	event  *hub.Event
	status *hub.Status // of a status
}

// New returns a log. It starts nothing: see [Log.Open].
func New(opts Options) (*Log, error) {
	opts.Name = cmp.Or(opts.Name, DefaultName)
	opts.Replicas = cmp.Or(opts.Replicas, DefaultReplicas)
	opts.Patience = cmp.Or(opts.Patience, DefaultPatience)
	opts.Unused = cmp.Or(opts.Unused, DefaultUnused)
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	wrong := CheckName(opts.Name)
	switch {
	case opts.Server == nil:
		return nil, errors.New("natslog: no Server")
	case wrong != nil:
		return nil, fmt.Errorf("natslog: Name is %q, %w", opts.Name, wrong)
	case opts.Replicas < 1 || opts.Replicas > maxReplicas:
		return nil, fmt.Errorf("natslog: Replicas is %d, want 1 to %d, or 0 for %d", opts.Replicas, maxReplicas, DefaultReplicas)
	case opts.Unused < 0:
		return nil, fmt.Errorf("natslog: Unused is %v, want more than 0, or 0 for %v", opts.Unused, DefaultUnused)
	case opts.Patience < 0:
		return nil, fmt.Errorf("natslog: Patience is %v, want more than 0, or 0 for %v", opts.Patience, DefaultPatience)
	}
	shared, patience := !opts.Server.Owned(), opts.Patience
	if shared {
		patience = min(patience, askTimeout) // a question to a leader that is gone is never answered
	}
	return &Log{
		opts:     opts,
		logger:   opts.Logger,
		shared:   shared,
		patience: patience,
		instance: rand.Text(),
		writing:  make(chan struct{}, 1),
		heads:    make(map[string]head),
		opened:   make(chan struct{}),
		newest:   make(map[string]latest),
		untold:   make(map[string]latest),
		trims:    make(map[string]uint64),
		changed:  make(chan struct{}),
		held:     make(map[string]held),
		ended:    make(map[string]uint64),
		dropped:  make(map[string]uint64),
		floors:   make(map[string]floor),
		used:     make(map[string]mark),
		alarm:    make(chan struct{}, 1),

		counters: counters{refused: noRefusals()},
	}, nil
}

// Open starts the server and connects to it. If that fails, the timeline begins in memory, or
// that of a log that is shared begins when the server is reached, and Open returns nil unless
// the error is ErrStart. A log opens once.
func (l *Log) Open(ctx context.Context) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	one, err := l.connect(ctx)
	if errors.Is(err, ErrStart) {
		return err
	}
	switch {
	case err == nil:
		l.enterLife(one)
	case l.shared:
		l.logger.Error("the log is not there yet", "error", err)
		l.enter(&timeline{ended: make(chan struct{})}, asFailure(err))
	default:
		l.enterMemory(err)
	}
	if err == nil && l.shared {
		if err := l.beat(ctx, one); err != nil {
			l.lose(err)
		}
	}
	close(l.opened)
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	l.running.Go(func() { l.maintain(working) })
	if l.shared {
		l.running.Go(func() { l.feel(working) })
	}
	return nil
}

// Close ends what Open has started. Nothing can be appended any more.
func (l *Log) Close(ctx context.Context) error {
	l.mu.Lock()
	wasClosed := l.closed
	l.closed = true
	l.mu.Unlock()
	if wasClosed {
		return nil
	}
	if l.stop != nil {
		l.stop()
		l.running.Wait()
	}
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	if l.conn != nil {
		l.conn.Close()
		<-l.hungUp
	}
	return l.opts.Server.Close(ctx)
}

// lock waits for the right to append.
func (l *Log) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case l.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *Log) unlock() { <-l.writing }

// enterLife begins a timeline in JetStream. The caller holds writing.
func (l *Log) enterLife(one *life) {
	l.forgetHeads()
	l.mu.Lock()
	if l.narrow = one.narrow; one.narrow {
		l.wake()
	}
	if !one.created.Equal(l.created) { // its sequences are other ones
		clear(l.floors)
		clear(l.used)
	}
	l.created = one.created
	clear(l.dropped)
	clear(l.trims) // sequences of the life before, which this one may give out again
	clear(l.ended)
	failure := l.failure
	l.mu.Unlock()
	if !l.shared {
		failure = nil
	}
	l.enter(&timeline{life: one, ended: make(chan struct{})}, failure) // of a log that is shared, feel ends it
}

// enter replaces the timeline.
func (l *Log) enter(next *timeline, failure error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now != nil {
		close(l.now.ended)
	}
	l.now = next
	l.setFailureLocked(failure)
}

// current returns the timeline, once there is one.
func (l *Log) current(ctx context.Context) (*timeline, error) {
	select {
	case <-l.opened:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now, nil
}

// wake makes maintain look.
func (l *Log) wake() {
	select {
	case l.alarm <- struct{}{}:
	default: // it will look anyway
	}
}

// Failure returns why nothing is stored now, or nil. Of a log that is shared, it returns
// hub.ErrLogUnavailable too while nothing is heard from the stream.
func (l *Log) Failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failure
}
