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
	ErrRunning = errors.New("poller: runs already, or did")

	// ErrNotRunning is returned by PollNow before Run and after it, and by Set
	// after it.
	ErrNotRunning = errors.New("poller: does not run")

	// ErrUnknownStream is returned, wrapped with the name, for a stream that is
	// not polled.
	ErrUnknownStream = errors.New("poller: unknown stream")
)

// Publisher is what the poller needs of a hub.
type Publisher interface {
	// Publish stores m. It must return when ctx ends. After an error m may have
	// been stored or not.
	Publish(ctx context.Context, m hub.Message) (hub.ID, error)

	// Demand returns how many clients listen to a stream. The poller asks once for
	// each Stream that it is given, and uses what it gets from one goroutine.
	Demand(stream string) (hub.Demand, error)
}

var _ Publisher = (*hub.Hub)(nil)

// Options configure a Poller. New copies them.
type Options struct {
	// Publisher takes the documents and changes of freshness. Required.
	Publisher Publisher

	// Streams are what to poll at first. None is allowed.
	Streams []Stream

	// Spread is the time over which the ticks of all streams are spread, by a
	// hash of their names: at most this, 100 ms for each stream beyond the first,
	// and an interval. 0 means that each stream is asked at once when it begins.
	Spread time.Duration

	// Logger is told of the first failure of a kind and of recoveries, and at
	// debug level of every failure. Nil means slog.Default.
	Logger *slog.Logger

	// Rand returns a random number in [0, 1). It must be safe for concurrent
	// use. Nil means math/rand/v2.
	Rand func() float64
}

// stage is how far a poller is.
type stage int

const (
	made stage = iota
	running
	ended
)

// Poller polls a set of streams. Its methods are safe for concurrent use. See
// the package comment for what it promises.
type Poller struct {
	opts    Options       // but for Streams
	setting chan struct{} // has a value while somebody sets

	mu     sync.Mutex // nothing waits while it is held
	stage  stage
	spawn  func(l *loop)  // starts a loop; since Run
	all    sync.WaitGroup // of the loops
	loops  []*loop        // in the order of the newest set; replaced, never changed
	byName map[string]*loop
}

// New returns a poller. It starts nothing: see Run. The error names all
// mistakes of the options.
func New(opts Options) (*Poller, error) {
	var errs []error
	if opts.Publisher == nil {
		errs = append(errs, errors.New("poller: no Publisher"))
	}
	if opts.Spread < 0 {
		errs = append(errs, fmt.Errorf("poller: Spread is %v, want 0 or more", opts.Spread))
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
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
			errs = append(errs, fmt.Errorf("poller: stream %q is named twice", stream.Name))
		}
		named[stream.Name] = true
		var demand hub.Demand
		if opts.Publisher != nil && err == nil {
			if demand, err = opts.Publisher.Demand(stream.Name); err != nil {
				errs = append(errs, fmt.Errorf("poller: stream %q: %w", stream.Name, err))
			}
		}
		loops = append(loops, newLoop(stream, demand, opts))
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

	<-ctx.Done() // with no streams as well
	p.mu.Lock()
	p.stage = ended
	p.mu.Unlock()
	p.all.Wait()
	for _, l := range p.loops {
		p.closeSource(l.stream.Source)
	}
	return nil
}

// PollNow has a stream asked outside of its schedule, which goes on as before,
// and returns when. That is Debounce after the call, and not before MinGap has
// passed since the last fetch began and the upstream's wait is over; a backoff
// is cut short. Calls until then change nothing: they get the same fetch. A
// fetch that is in flight may end later than that, or bring another wait, so the
// time is the best that is known. An idle stream is asked once.
//
// The error is ErrNotRunning, or wraps ErrUnknownStream. An empty name means
// hub.DefaultStream.
func (p *Poller) PollNow(name string) (at time.Time, err error) {
	if name == "" {
		name = hub.DefaultStream
	}
	p.mu.Lock()
	stage, l := p.stage, p.byName[name]
	p.mu.Unlock()
	switch {
	case stage != running:
		return time.Time{}, ErrNotRunning
	case l == nil:
		return time.Time{}, fmt.Errorf("%w %q", ErrUnknownStream, name)
	}
	return l.pollNow(), nil
}

// Refresh has a stream asked once that is idle because nobody listens, if it was
// not asked within its interval. It does nothing else, so whoever looks at the
// newest document of a stream may call it each time.
func (p *Poller) Refresh(name string) {
	p.mu.Lock()
	stage, l := p.stage, p.byName[name]
	p.mu.Unlock()
	if stage != running || l == nil {
		return
	}
	if status := l.status(); status.Idle && time.Since(status.LastPoll) >= status.Every {
		l.pollNow()
	}
}

// Status returns the status of every stream, in the order of the newest set. It
// may be called before, during and after Run. Each entry is exact; two of them
// need not be of the same instant.
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
