package poller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/polluxhub/pollux/hub"
)

var (
	// ErrRunning is returned by a second Run.
	ErrRunning = errors.New("poller: already running or ended")

	// ErrNotRunning is returned by PollNow before Run and after it, and by Set
	// after it.
	ErrNotRunning = errors.New("poller: not running")

	// ErrUnknownStream is returned, wrapped with the name, for a stream that the
	// poller does not have.
	ErrUnknownStream = errors.New("poller: unknown stream")
)

// Publisher is what the poller needs of a hub.
type Publisher interface {
	// Publish stores m. It must return when ctx ends. After an error m may or may
	// not have been stored.
	Publish(ctx context.Context, m hub.Message) (hub.ID, error)

	// Demand returns how many clients listen to a stream. The poller asks once for
	// each Stream that it is given, and uses what it gets from one goroutine.
	Demand(stream string) (hub.Demand, error)

	// PublishAll is Publish for several messages, in order. It returns the ID of each,
	// zero for one that may not have been stored, and the errors that say why.
	PublishAll(ctx context.Context, list []hub.Message) ([]hub.ID, error)

	// Keys returns which keys of a stream there are, and how many clients listen to
	// each. It replaces what an earlier call returned. The poller calls it when it
	// begins to poll the keys of a Stream.
	Keys(stream string) (hub.KeyDemand, error)
}

var _ Publisher = (*hub.Hub)(nil)

// Options configure a Poller. New copies them.
type Options struct {
	// Publisher receives the documents and the changes of state. Required.
	Publisher Publisher

	// Streams are the streams to poll at first. There may be none.
	Streams []Stream

	// Spread is the longest time over which the ticks of all streams are spread, by
	// a hash of their names. They are spread over at most 100 ms for each stream
	// after the first, and at most an interval. 0 means that each stream is asked as
	// soon as it begins.
	Spread time.Duration

	// Newest returns the newest document that clients have of a stream which begins, for
	// example from a log that outlives the process, or nil. The same document is not
	// published again. Nil means that they have none. With a Lease it is required.
	Newest func(stream string) *hub.Event

	// Told returns the status of such a stream, or of a key, that clients know, and the zero
	// Status if they know none. Nil means that they know none. With a Lease it is required.
	Told func(stream string) hub.Status

	// Lease decides which of several nodes polls a stream. Nil means that there are no
	// others: this node polls all of them, always.
	Lease Lease

	// Moved is told when this node begins to poll a stream or some of its keys, and when it has
	// ceased to, from the goroutine of the stream, which waits for it. Holds says what it polls
	// now. Nil means nobody.
	Moved func(stream string)

	// Elsewhere is told what changes in the keys that exist here and that another node polls,
	// from the goroutine of their stream, which waits for it. A key that this node begins to
	// poll does not exist any more for Elsewhere. Nil means nobody.
	Elsewhere func(changes []hub.KeyChange)

	// Position returns the position up to which this node knows the timeline: what the node
	// publishes is refused by the log if it does not know the newest message of the stream.
	// With a Lease it is required.
	Position func() hub.ID

	// Trace is told of each poll and its steps. Nil means nobody.
	Trace Trace

	// Logger gets the first failure of each kind, recoveries, and at level debug
	// each failure. Nil means slog.Default.
	Logger *slog.Logger

	// Rand returns a random number in [0, 1). It must be safe for concurrent
	// use. Nil means math/rand/v2.
	Rand func() float64
}

// stage is where a poller is in its life.
type stage int

const (
	made stage = iota
	running
	ended
)

// Poller polls a set of streams. Its methods are safe for concurrent use. See
// the package comment for what it promises.
type Poller struct {
	opts    Options       // without Streams
	setting chan struct{} // holds a value while Set runs

	mu     sync.Mutex // nothing waits while it is held
	stage  stage
	spawn  func(l *loop)  // starts a loop; set by Run
	all    sync.WaitGroup // of the loops
	loops  []*loop        // in the order of the newest set; replaced, never modified
	byName map[string]*loop

	limiters map[string]*limiter // by Stream.Upstream, of streams with keys
}

// New returns a poller. It starts nothing: see Run. The error names all mistakes in
// the options.
func New(opts Options) (*Poller, error) {
	var errs []error
	if opts.Publisher == nil {
		errs = append(errs, errors.New("poller: no Publisher"))
	}
	if opts.Spread < 0 {
		errs = append(errs, fmt.Errorf("poller: Spread is %v, want 0 or more", opts.Spread))
	}
	if opts.Lease != nil && (opts.Newest == nil || opts.Told == nil || opts.Position == nil) {
		errs = append(errs, errors.New("poller: Lease without Newest, Told or Position"))
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Trace == nil {
		opts.Trace = untraced
	}
	if opts.Rand == nil {
		opts.Rand = rand.Float64
	}
	streams := opts.Streams
	opts.Streams = nil
	p := &Poller{opts: opts, setting: make(chan struct{}, 1)}
	loops, err := p.newLoops(streams)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	p.put(loops)
	return p, nil
}

// newLoops returns a loop for each stream, or an error that names all mistakes.
func (p *Poller) newLoops(streams []Stream) ([]*loop, error) {
	var errs []error
	opts := p.opts
	opts.Spread = min(opts.Spread, time.Duration(len(streams)-1)*spreadEach)
	loops := make([]*loop, 0, len(streams))
	named := make(map[string]bool, len(streams))
	for _, stream := range streams {
		stream, err := stream.withDefaults()
		if err != nil {
			errs = append(errs, err)
		}
		if named[stream.Name] {
			errs = append(errs, fmt.Errorf("poller: stream %q is listed twice", stream.Name))
		}
		named[stream.Name] = true
		var demand hub.Demand
		var limiter *limiter
		switch {
		case opts.Publisher == nil || err != nil:
		case stream.Keys != nil:
			limiter = p.limiterOf(stream.Upstream)
		default:
			if demand, err = opts.Publisher.Demand(stream.Name); err != nil {
				errs = append(errs, fmt.Errorf("poller: stream %q: %w", stream.Name, err))
			}
		}
		loops = append(loops, newLoop(stream, demand, limiter, opts))
	}
	return loops, errors.Join(errs...)
}

// Run polls until ctx ends. It returns nil when every goroutine that it and Set
// started has ended and the sources are closed. A poller runs once: a second Run
// returns ErrRunning.
func (p *Poller) Run(ctx context.Context) error {
	p.mu.Lock()
	if p.stage != made {
		p.mu.Unlock()
		return ErrRunning
	}
	p.stage = running
	p.spawn = func(l *loop) {
		ctx, cancel := context.WithCancel(ctx)
		l.cancel = cancel
		p.all.Go(func() {
			defer close(l.done)
			defer cancel()
			l.run(ctx)
		})
	}
	for _, l := range p.loops {
		p.spawn(l)
	}
	p.mu.Unlock()

	<-ctx.Done() // also without streams
	p.mu.Lock()
	p.stage = ended
	p.mu.Unlock()
	p.all.Wait()
	for _, l := range p.loops {
		p.closeSource(l.stream.source())
	}
	return nil
}

// PollNow plans a fetch of a stream outside of its schedule, which goes on as before,
// and returns when. The fetch is due Debounce after the call, but not before MinGap
// has passed since the last fetch began, and not before the upstream's wait is over.
// It does not wait for a backoff. Calls before it is due are served by the same
// fetch. A fetch in flight may end later than the returned time, or bring another
// wait, so that time is an estimate. An idle stream is asked once. Of a stream with
// keys, the name is that of a key that exists.
//
// The error is ErrNotRunning, ErrElsewhere, or wraps ErrUnknownStream. An empty name means
// hub.DefaultStream.
func (p *Poller) PollNow(name string) (at time.Time, err error) {
	if name == "" {
		name = hub.DefaultStream
	}
	stage, l := p.find(name)
	switch {
	case stage != running:
		return time.Time{}, ErrNotRunning
	case l == nil:
	case !l.holdsLease(name):
		return time.Time{}, ErrElsewhere
	case l.keys == nil:
		return l.pollNow(), nil
	default:
		if at, found := l.keys.pollNow(name); found {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%w %q", ErrUnknownStream, name)
}

// find returns the loop that polls a stream or the key of a stream; nil if there is
// none.
func (p *Poller) find(name string) (stage, *loop) {
	stream, key := hub.SplitName(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.byName[stream]
	if l != nil && l.keys == nil && key != "" {
		l = nil
	}
	return p.stage, l
}

// limiterOf returns the limiter of an upstream for streams with keys.
func (p *Poller) limiterOf(upstream string) *limiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	shared := p.limiters[upstream]
	if shared == nil {
		shared = &limiter{}
		if upstream != "" {
			if p.limiters == nil {
				p.limiters = make(map[string]*limiter)
			}
			p.limiters[upstream] = shared
		}
	}
	return shared
}

// Holds reports whether this node polls a stream or a key now; of a stream with keys, whether it
// polls any of them. Without Options.Lease it polls all of its streams.
func (p *Poller) Holds(name string) bool {
	_, l := p.find(name)
	return l != nil && l.holdsLease(name)
}

// Refresh plans one fetch of a stream that is idle, or of a key that nobody has listened
// to, if its last fetch began at least an interval ago. It does nothing otherwise, so a caller may call it each time that
// it reads the newest document of a stream.
func (p *Poller) Refresh(name string) {
	stage, l := p.find(name)
	if stage != running || l == nil || !l.holdsLease(name) {
		return
	}
	if l.keys != nil {
		l.keys.refresh(name)
		return
	}
	if status := l.status(); status.Idle && time.Since(status.LastPoll) >= status.Every {
		l.pollNow()
	}
}

// Status returns what is known of each stream, in the order of the newest set. It may
// be called before, during and after Run. Each entry is exact; two entries need not be
// of the same instant.
func (p *Poller) Status() []hub.Upstream {
	p.mu.Lock()
	loops := p.loops
	p.mu.Unlock()
	all := make([]hub.Upstream, len(loops))
	for i, l := range loops {
		all[i] = l.status()
	}
	return all
}

// StatusOf returns what is known of one stream, or of one key of a stream with keys;
// false if there is no such stream, or no such key now. The counters of a key are
// those of its stream, and zero here.
func (p *Poller) StatusOf(name string) (hub.Upstream, bool) {
	_, l := p.find(name)
	switch _, key := hub.SplitName(name); {
	case l == nil:
		return hub.Upstream{}, false
	case key != "":
		return l.keys.statusOf(name)
	}
	return l.status(), true
}
