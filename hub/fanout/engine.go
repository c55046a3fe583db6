package fanout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/polluxhub/pollux/hub"
)

// ErrDraining is returned by Open once Drain was called.
var ErrDraining = errors.New("fanout: draining")

// Defaults of Options.
const (
	DefaultHeartbeat    = 15 * time.Second
	DefaultWriteTimeout = 10 * time.Second
	DefaultMaxAge       = time.Hour
)

// Options configure an Engine. New copies them.
type Options struct {
	// Hub is what the clients subscribe to. It must be set.
	Hub *hub.Hub

	// Heartbeat is the silence after which a client hears a heartbeat, give or
	// take a fifth. 0 means DefaultHeartbeat.
	Heartbeat time.Duration

	// WriteTimeout is how long a client may take for one write. 0 means
	// DefaultWriteTimeout.
	WriteTimeout time.Duration

	// MaxAge is how long a stream lasts at most; each ends at a random moment
	// in the last fifth. 0 means DefaultMaxAge.
	MaxAge time.Duration

	// Logger hears of clients that come and go, at level info. Nil means
	// slog.Default.
	Logger *slog.Logger

	// Random returns numbers in [0, 1) and is called from many goroutines. Nil
	// means rand.Float64.
	Random func() float64
}

// Engine owns the streams of all clients. Its methods are safe for concurrent
// use.
type Engine struct {
	opts  Options
	stats counters

	mu       sync.Mutex
	clients  int
	draining bool
	drain    chan struct{} // closed when draining begins
	window   time.Duration // set before drain is closed
	gone     chan struct{} // closed when draining and no client is left
}

// New returns an engine. It starts nothing.
func New(opts Options) (*Engine, error) {
	if opts.Hub == nil {
		return nil, errors.New("fanout: no hub")
	}
	for _, d := range []struct {
		name     string
		value    *time.Duration
		fallback time.Duration
	}{
		{"Heartbeat", &opts.Heartbeat, DefaultHeartbeat},
		{"WriteTimeout", &opts.WriteTimeout, DefaultWriteTimeout},
		{"MaxAge", &opts.MaxAge, DefaultMaxAge},
	} {
		if *d.value < 0 {
			return nil, fmt.Errorf("fanout: %s is %v, want more than 0, or 0 for %v", d.name, *d.value, d.fallback)
		}
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Random == nil {
		opts.Random = rand.Float64
	}
	return &Engine{
		opts:  opts,
		drain: make(chan struct{}),
		gone:  make(chan struct{}),
	}, nil
}

// Open subscribes a client. Whoever gets a client must call its Serve or its
// Close. Errors: those of [hub.Hub.Subscribe], and ErrDraining.
func (e *Engine) Open(req Request) (*Client, error) {
	if !e.enter() {
		return nil, ErrDraining
	}
	// The client ends its subscription itself, so the context need not.
	subscription, err := e.opts.Hub.Subscribe(context.Background(), hub.SubscribeOptions{
		Streams:     req.Streams,
		LastEventID: req.LastEventID,
	})
	if err != nil {
		e.leave()
		return nil, err
	}
	return &Client{
		id:           uuid.New(),
		engine:       e,
		req:          req,
		named:        len(req.Streams) > 1,
		subscription: subscription,
		resumeAfter:  req.LastEventID,
	}, nil
}

// resubscribe lets a client that was slow go on after the last event it has.
func (e *Engine) resubscribe(streams []string, lastEventID string) (*hub.Subscription, error) {
	e.stats.resubscribed.Add(1)
	return e.opts.Hub.Subscribe(context.Background(), hub.SubscribeOptions{
		Streams:     streams,
		LastEventID: lastEventID,
	})
}

func (e *Engine) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.draining {
		return false
	}
	e.clients++
	return true
}

func (e *Engine) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clients--
	if e.draining && e.clients == 0 {
		close(e.gone)
	}
}

// Drain lets no new client in, ends every stream at a random moment within the
// window, and returns when all are gone, or with ctx's error. Only the first
// call has an effect; every call waits.
func (e *Engine) Drain(ctx context.Context, window time.Duration) error {
	e.mu.Lock()
	if !e.draining {
		e.draining = true
		e.window = window
		close(e.drain)
		if e.clients == 0 {
			close(e.gone)
		}
	}
	e.mu.Unlock()
	select {
	case <-e.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Draining reports whether Drain was called.
func (e *Engine) Draining() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.draining
}

// between returns a random duration in [low, high).
func (e *Engine) between(low, high time.Duration) time.Duration {
	return low + time.Duration(e.opts.Random()*float64(high-low))
}

// silence returns how long a client hears nothing before the next heartbeat.
func (e *Engine) silence() time.Duration {
	return e.between(e.opts.Heartbeat*8/10, e.opts.Heartbeat*12/10)
}
