package natslog

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/polluxhub/pollux/hub"
)

// Defaults of Options.
const (
	DefaultName     = "pollux"
	DefaultReplicas = 1
	DefaultPatience = 5 * time.Second
	DefaultUnused   = 7 * 24 * time.Hour
)

// maxReplicas is what JetStream allows.
const maxReplicas = 5

// Options configure a Log. New copies them.
type Options struct {
	// Server is where JetStream is. It is required.
	Server Server

	// Name is the name of the JetStream stream, and the first token of its subjects: 1 to 64
	// letters, digits, '_' and '-'. Empty means DefaultName.
	Name string

	// Replicas is how many servers of a cluster keep the stream when it is made. 0 means
	// DefaultReplicas.
	Replicas int

	// Keep says how many documents of a stream, or of a key, are kept, and how many bytes.
	// The newest one is always kept. Nil means that nothing is removed. 0 means that nobody
	// has configured the stream.
	Keep func(stream string) (events, bytes int)

	// Unused is how long a stream is kept that is not configured. Of a log that is shared, it is
	// how long a stream is kept that no node has configured, or a key to which nobody has
	// published and nobody has listened. 0 means DefaultUnused.
	Unused time.Duration

	// Uses reports whether somebody listens to a key at this node, of a log that is shared. Nil
	// means that nothing is removed from such a log but by Keep.
	Uses func(key string) bool

	// First reports whether this node is the one that removes what nobody uses, of a log that is
	// shared. It does no harm if two are. Nil means true.
	First func() bool

	// Patience bounds how long the log waits for JetStream before it counts as failed: for each
	// question, and for each step of a start. 0 means DefaultPatience.
	Patience time.Duration

	// Node names this process for operators, in a log that others share.
	Node string

	// Logger gets the log. Nil means slog.Default.
	Logger *slog.Logger
}

// Server is a server with JetStream, inside the program or beside it.
type Server interface {
	// Start makes the server work, or work again after a failure. It is called until it
	// has succeeded, and again when JetStream has failed. Renew means that acknowledged
	// messages may be missing, or were never on disk, so that a new epoch has to begin.
	Start(ctx context.Context) (renew bool, err error)

	// Health returns a context that ends when the server says that it stores nothing any
	// more, with the reason as its cause. The next Start begins another one.
	Health() context.Context

	// Owned reports whether nobody else has access to the store, so that whatever is missing
	// there was lost by the store itself, and the timeline may go on in memory. Otherwise the
	// log is shared: see the package comment.
	Owned() bool

	// Connect returns a connection, which goes on when the server is started again: with the
	// options of Lasting, and these.
	Connect(opts ...nats.Option) (*nats.Conn, error)

	// Opened is told the newest sequence when the stream is there, after a new epoch has
	// begun if Start has asked for one.
	Opened(seq uint64) error

	// Stored is told the sequence of each message that was acknowledged, in order.
	Stored(seq uint64)

	// Damaged makes a server of the log's own set aside a store that has lost messages. The
	// next Start begins with an empty one. A server of others returns errors.ErrUnsupported.
	Damaged(damage error) error

	// Close ends the server, if it is the log's own.
	Close(ctx context.Context) error
}

// CheckName returns nil if text can be Options.Name.
func CheckName(text string) error {
	const most = 64
	if len(text) == 0 || len(text) > most || strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII || !isPlain(byte(r)) }) {
		return fmt.Errorf("want 1 to %d letters, digits, '_' and '-'", most)
	}
	return nil
}

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
	_ hub.BatchLog = (*Log)(nil)
	_ hub.KeyLog   = (*Log)(nil)
)

// timeline is one epoch as Tail tells it: of JetStream, or in memory. One that is neither is
// that of a log that is shared, before its stream was reached.
type timeline struct {
	life   *life     // of JetStream
	memory *volatile // in memory
	ended  chan struct{}
}

// head is the end of a subject in JetStream.
type head struct {
	last     uint64 // the last message, whoever sent it
	previous uint64 // the last message of Pollux
	floor    uint64 // of the stream, if the subject has no messages
	own      bool   // this process has written it
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

// ErrStart is returned by Open, wrapped with the reason, for a server that cannot be
// started and will not be by waiting, for example because another process has its store.
var ErrStart = errors.New("natslog: no start")

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

// connect makes the server work and returns the present life of the stream. The caller
// holds writing.
func (l *Log) connect(ctx context.Context) (*life, error) {
	renew, err := l.opts.Server.Start(ctx)
	if err != nil {
		return nil, err
	}
	if l.conn == nil {
		hungUp := make(chan struct{})
		conn, err := l.opts.Server.Connect(
			nats.Name(strings.TrimSpace("pollux "+l.opts.Node)),
			nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { l.logger.Warn("NATS", "error", err) }),
			nats.ClosedHandler(func(*nats.Conn) { close(hungUp) }),
		)
		if err != nil {
			return nil, err
		}
		js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(l.patience))
		if err != nil {
			conn.Close()
			return nil, err
		}
		l.conn, l.hungUp, l.js = conn, hungUp, js
	}
	one, err := l.approach(ctx, renew, l.opts.Server.Owned())
	if err == nil && l.opts.Server.Owned() {
		err = l.checkEnd(ctx, one)
	}
	if errors.Is(err, errDamaged) {
		if err := l.opts.Server.Damaged(err); err != nil {
			return nil, err
		}
		if _, err := l.opts.Server.Start(ctx); err != nil {
			return nil, err
		}
		one, err = l.approach(ctx, false, false)
	}
	if err != nil && l.shared {
		return nil, asMistake(l.conn, err)
	}
	if err != nil {
		return nil, err
	}
	info, err := l.info(ctx, one)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.suspect = l.opts.Server.Owned()
	l.mu.Unlock()
	return one, l.opts.Server.Opened(info.State.LastSeq)
}

// approach returns the present life of the stream, as open does, once there is a connection. Each of
// the two has the patience of the log: a store that is repaired meanwhile takes none of it away.
func (l *Log) approach(ctx context.Context, renew, whole bool) (*life, error) {
	connecting, enough := context.WithTimeout(ctx, l.opts.Patience)
	defer enough()
	if err := awaitConnection(connecting, l.conn); err != nil {
		return nil, err
	}
	opening, enough := context.WithTimeout(ctx, l.opts.Patience)
	defer enough()
	return l.open(opening, renew, whole)
}

// enterLife begins a timeline in JetStream. The caller holds writing.
func (l *Log) enterLife(one *life) {
	clear(l.heads)
	l.mu.Lock()
	if !one.created.Equal(l.created) { // its sequences are other ones
		clear(l.floors)
		clear(l.used)
	}
	l.created = one.created
	clear(l.dropped)
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
