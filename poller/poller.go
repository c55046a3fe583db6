package poller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// Bounds and defaults of Stream.
const (
	DefaultEvery = 5 * time.Second
	MinEvery     = time.Millisecond
	MaxEvery     = 7 * 24 * time.Hour

	// MaxDefaultTimeout is the longest Timeout that a stream gets unasked.
	MaxDefaultTimeout = 10 * time.Second
)

// ErrRunning is returned by a second Run.
var ErrRunning = errors.New("poller: runs already, or did")

// Publisher is what the poller needs of a hub.
type Publisher interface {
	// Publish stores m. It must return when ctx ends. After an error m may have
	// been stored or not.
	Publish(ctx context.Context, m hub.Message) (hub.ID, error)
}

var _ Publisher = (*hub.Hub)(nil)

// Stream is one upstream and how often to ask it.
type Stream struct {
	// Name is the stream that documents are published to, see
	// [hub.CheckStream]. Empty means hub.DefaultStream.
	Name string

	// Source asks the upstream.
	Source Source

	// Every is the interval, from MinEvery to MaxEvery. 0 means DefaultEvery.
	Every time.Duration

	// Timeout bounds one fetch, and again the publishing of what it brought. It
	// must be below Every. 0 means four fifths of Every, but at most
	// MaxDefaultTimeout.
	Timeout time.Duration
}

// withDefaults returns the stream without zeros, or an error that names
// everything that makes no sense.
func (s Stream) withDefaults() (Stream, error) {
	var errs []error
	if s.Name == "" {
		s.Name = hub.DefaultStream
	}
	if err := hub.CheckStream(s.Name); err != nil {
		errs = append(errs, err)
	}
	if s.Source == nil {
		errs = append(errs, errors.New("no Source"))
	}
	if s.Every == 0 {
		s.Every = DefaultEvery
	}
	if s.Every < MinEvery || s.Every > MaxEvery {
		errs = append(errs, fmt.Errorf("Every is %v, want %v to %v", s.Every, MinEvery, MaxEvery))
	}
	switch {
	case s.Timeout == 0:
		s.Timeout = min(MaxDefaultTimeout, s.Every*4/5)
	case s.Timeout < 0 || s.Timeout >= s.Every:
		errs = append(errs, fmt.Errorf("Timeout is %v, want more than 0 and less than Every, which is %v", s.Timeout, s.Every))
	}
	for i, err := range errs {
		errs[i] = fmt.Errorf("poller: stream %q: %w", s.Name, err)
	}
	return s, errors.Join(errs...)
}

// Options configure a Poller. New copies them.
type Options struct {
	// Publisher takes the documents and changes of freshness. Required.
	Publisher Publisher

	// Streams are what to poll. None is allowed.
	Streams []Stream

	// Logger is told of the first failure of a kind and of recoveries, and at
	// debug level of every failure. Nil means slog.Default.
	Logger *slog.Logger

	// Rand returns a random number in [0, 1). It must be safe for concurrent
	// use. Nil means math/rand/v2.
	Rand func() float64
}

// Poller polls a fixed set of streams. Its methods are safe for concurrent use.
// See the package comment for what it promises.
type Poller struct {
	loops   []*loop // in the order of Options.Streams
	running atomic.Bool
}

// New returns a poller. It starts nothing: see Run. The error names all
// mistakes of the options.
func New(opts Options) (*Poller, error) {
	var errs []error
	if opts.Publisher == nil {
		errs = append(errs, errors.New("poller: no Publisher"))
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Rand == nil {
		opts.Rand = rand.Float64
	}
	p := &Poller{}
	for _, stream := range opts.Streams {
		stream, err := stream.withDefaults()
		if err != nil {
			errs = append(errs, err)
		}
		if slices.ContainsFunc(p.loops, func(l *loop) bool { return l.stream.Name == stream.Name }) {
			errs = append(errs, fmt.Errorf("poller: stream %q is named twice", stream.Name))
		}
		p.loops = append(p.loops, newLoop(stream, opts))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return p, nil
}

// Run polls until ctx ends, and returns nil when all that it started has ended.
// A poller runs once: a second Run returns ErrRunning.
func (p *Poller) Run(ctx context.Context) error {
	if p.running.Swap(true) {
		return ErrRunning
	}
	var all sync.WaitGroup
	for _, l := range p.loops {
		all.Go(func() { l.run(ctx) })
	}
	<-ctx.Done() // with no streams as well
	all.Wait()
	return nil
}

// Status returns the status of every stream, in the order of Options.Streams.
// It may be called before, during and after Run. Each entry is exact; two of
// them need not be of the same instant.
func (p *Poller) Status() []Status {
	all := make([]Status, len(p.loops))
	for i, l := range p.loops {
		all[i] = l.status()
	}
	return all
}
