package fanout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/hub/fanout/view"
	"github.com/polluxhub/pollux/hub/markup"
)

// Errors of an Engine.
var (
	// ErrDraining is returned by Open once Drain was called.
	ErrDraining = errors.New("fanout: draining")

	// ErrRunning is returned by a second Run.
	ErrRunning = errors.New("fanout: an engine runs once")
)

// Defaults of Options.
const (
	DefaultHeartbeat      = 15 * time.Second
	DefaultWriteTimeout   = 10 * time.Second
	DefaultMinRate        = 1000
	DefaultMaxAge         = time.Hour
	DefaultMaxClients     = 100_000
	DefaultMaxConnections = 1024
	DefaultMaxViews       = 64
	DefaultFormBytes      = 32 << 20
	DefaultHeldBytes      = 128 << 20
)

// Options configure an Engine. New copies them.
type Options struct {
	// Hub is what the clients subscribe to. It must be set.
	Hub *hub.Hub

	// Heartbeat is the silence after which a client gets a heartbeat, plus or minus a
	// fifth. 0 means DefaultHeartbeat.
	Heartbeat time.Duration

	// WriteTimeout is the time in which a client has to take what is written to it, or
	// as much as MinRate demands. 0 means DefaultWriteTimeout.
	WriteTimeout time.Duration

	// MinRate is what a client has to take, in bytes per second, if it does not take
	// everything within the write timeout. Each byte that it takes adds the time for one
	// byte at this rate, up to the write timeout. A client that takes less is closed. 0
	// means DefaultMinRate.
	MinRate int

	// MaxAge is the largest age of a stream. Each stream ends at a random moment in the
	// last fifth. 0 means DefaultMaxAge.
	MaxAge time.Duration

	// MaxClients bounds how many clients are served at once. 0 means
	// DefaultMaxClients. See LimitsFor.
	MaxClients int

	// MaxClientsPerAddress bounds how many of them come from one address, see Site. Clients
	// whose address is not known are not bounded. 0 means no limit: all clients behind
	// one proxy, and those of one office, have one address.
	MaxClientsPerAddress int

	// MaxConnections bounds, for each call of Serve, the connections without a
	// client. 0 means DefaultMaxConnections. See LimitsFor.
	MaxConnections int

	// MaxViews bounds how many different views with fields clients may have at
	// once. 0 means DefaultMaxViews.
	MaxViews int

	// MaxViewsPerAddress bounds how many of them the clients of one address may have, see
	// Site. Clients whose address is not known count as one. 0 means a quarter of
	// MaxViews.
	MaxViewsPerAddress int

	// FormBytes bounds the cache of encoded forms that clients share: compressed events,
	// differences between documents, and parts of documents. A form that no client has
	// wanted for a minute leaves it with the next event. A form that is not in the cache is
	// made again. 0 means DefaultFormBytes.
	FormBytes int

	// HeldBytes bounds what clients that read slowly hold in memory together: what
	// they are being sent, and the rest of their replays. At that bound a client
	// waits for its next portion. 0 means DefaultHeldBytes.
	HeldBytes int

	// Key returns the JSON Pointer to the member that identifies the elements of the
	// arrays of a stream, see delta.Options. The zero Pointer means that no member does. It is
	// called from many goroutines. Nil means the zero Pointer for each stream.
	Key func(stream string) document.Pointer

	// Template returns what renders the documents of a stream, or of a key, as HTML, and nil
	// for a stream without HTML. It is called from many goroutines. Nil means nil for each
	// stream.
	Template func(stream string) *markup.Template

	// Logger gets a record for each client when it leaves, at level info. When it joins
	// the level is debug: with a hundred thousand clients that record would be a large
	// part of the cost of joining. Nil means slog.Default.
	Logger *slog.Logger

	// Random returns numbers in [0, 1). It is called from many goroutines. Nil means
	// rand.Float64.
	Random func() float64
}

// Engine owns the streams of all clients. Its methods are safe for concurrent
// use.
type Engine struct {
	opts  Options
	begin time.Time
	stats counters
	views *view.Views

	holdings  holdings
	admission admission
	lull      lull
	quota     int64 // bytes that a client has to take in each write timeout

	mu      sync.Mutex
	ran     bool
	writers []*writer     // while Run runs, where connections can be handed over
	next    int           // the writer that gets the next client
	begun   chan struct{} // closed when there are writers
	drain   chan struct{} // closed when draining begins
	window  time.Duration // set before drain is closed
	drained time.Time     // when draining began; likewise
	review  chan struct{} // closed when the next review begins
}

// New returns an engine. It starts nothing.
func New(opts Options) (*Engine, error) {
	if opts.Hub == nil {
		return nil, errors.New("fanout: no hub")
	}
	if err := errors.Join(
		setDefault("Heartbeat", &opts.Heartbeat, DefaultHeartbeat),
		setDefault("WriteTimeout", &opts.WriteTimeout, DefaultWriteTimeout),
		setDefault("MaxAge", &opts.MaxAge, DefaultMaxAge),
		setDefault("MinRate", &opts.MinRate, DefaultMinRate),
		setDefault("MaxClients", &opts.MaxClients, DefaultMaxClients),
		setDefault("MaxConnections", &opts.MaxConnections, DefaultMaxConnections),
		setDefault("MaxViews", &opts.MaxViews, DefaultMaxViews),
		setDefault("FormBytes", &opts.FormBytes, DefaultFormBytes),
		setDefault("HeldBytes", &opts.HeldBytes, DefaultHeldBytes),
	); err != nil {
		return nil, err
	}
	if opts.MaxClientsPerAddress < 0 || opts.MaxViewsPerAddress < 0 {
		return nil, fmt.Errorf("fanout: MaxClientsPerAddress is %d and MaxViewsPerAddress is %d, want at least 0", opts.MaxClientsPerAddress, opts.MaxViewsPerAddress)
	}
	if opts.Key == nil {
		opts.Key = func(string) document.Pointer { return document.Pointer{} }
	}
	if opts.Template == nil {
		opts.Template = func(string) *markup.Template { return nil }
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Random == nil {
		opts.Random = rand.Float64
	}
	e := &Engine{
		opts:  opts,
		begin: time.Now(),
		quota: max(int64(min(float64(opts.MinRate)*opts.WriteTimeout.Seconds(), 1<<30)), 1),
		views: view.New(view.Options{
			MaxViews: opts.MaxViews, MaxViewsOfOne: opts.MaxViewsPerAddress, CacheBytes: opts.FormBytes, Key: opts.Key, Template: opts.Template, Logger: opts.Logger,
		}),

		holdings: holdings{limit: opts.HeldBytes},
		lull:     lull{processors: runtime.GOMAXPROCS(0)},
		begun:    make(chan struct{}),
		drain:    make(chan struct{}),
		review:   make(chan struct{}),
	}
	e.admission = admission{
		maxClients: opts.MaxClients,
		maxOfSite:  opts.MaxClientsPerAddress,
		sites:      make(map[netip.Addr]int),
		logger:     opts.Logger,
		lull:       &e.lull,
		emptied:    e.views.Clear,
		gone:       make(chan struct{}),
	}
	return e, nil
}

// setDefault replaces an option of 0.
func setDefault[T int | time.Duration](name string, option *T, fallback T) error {
	if *option < 0 {
		return fmt.Errorf("fanout: %s is %v, want more than 0, or 0 for %v", name, *option, fallback)
	}
	if *option == 0 {
		*option = fallback
	}
	return nil
}

// Run starts the writers for connections that are handed over, and the workers for large
// documents. It returns when ctx has ended and all of them have, which cuts the streams
// that are left: call Drain first. Without Run, and on systems without epoll, every
// stream is written in the goroutine of its handler. An engine runs once.
func (e *Engine) Run(ctx context.Context) error {
	e.mu.Lock()
	if e.ran {
		e.mu.Unlock()
		return ErrRunning
	}
	e.ran = true
	e.mu.Unlock()
	stop := e.views.Start(max(runtime.GOMAXPROCS(0)/2, 1))
	defer stop()
	return e.runWriters(ctx)
}

// Begun returns a channel that is closed when Run has started the writers. The connection of a
// client that comes before stays with its handler for as long as its stream lasts.
func (e *Engine) Begun() <-chan struct{} { return e.begun }

// Open subscribes the client that sent r. The caller must call the client's Serve or
// Close. Errors: those of [hub.Hub.Subscribe], ErrDraining, ErrTooManyClients,
// ErrTooManyOfAddress, view.ErrInvalid, view.ErrTooMany and view.ErrTooManyOfOne.
func (e *Engine) Open(r *http.Request, req Request) (*Client, error) {
	address := req.Address
	if !address.IsValid() {
		address = peer(r)
	}
	if err := e.admission.enter(address); err != nil {
		return nil, err
	}
	encoder, err := e.views.Encoder(view.Client{Stream: req.names()[0], View: req.View, Named: len(req.Streams) > 1, Gzip: req.Gzip, Address: Site(req.Address)})
	if err != nil {
		e.admission.leave(address)
		return nil, err
	}
	c := &Client{
		id:             uuid.New(),
		address:        address,
		engine:         e,
		streams:        req.visible(),
		limit:          uint32(min(uint64(max(req.Limit, 0)), math.MaxUint32)),
		until:          req.Until,
		heartbeatEvent: req.HeartbeatEvent,
		encoder:        encoder,
		resumed:        !req.LastEventID.IsZero(),
		handover:       e.chooseWriter(r),
	}
	subscription, err := e.subscribe(c, req)
	if err != nil {
		encoder.Close()
		e.admission.leave(address)
		return nil, err
	}
	c.follow(subscription)
	// The replay begins after this ID, or with a reset.
	if id := req.LastEventID.ID(); !id.IsZero() {
		c.written, c.announced = id, true
		c.has(id, req.Fresh)
	}
	return c, nil
}

// subscribe subscribes c as the request says.
func (e *Engine) subscribe(c *Client, req Request) (*hub.Subscription, error) {
	opts := hub.SubscribeOptions{
		Streams:     req.names(),
		Hidden:      req.Hidden,
		LastEventID: req.LastEventID,
		Fresh:       req.Fresh,
		Replay:      req.Replay,
		Since:       req.Since,
		SkipUnknown: req.SkipUnknown || !req.LastEventID.IsZero(),
		Later:       !e.holdings.hasRoom(unknown),
		Owner:       c,
	}
	// The client ends its subscription itself, so the context need not.
	if group := c.group(); group != nil {
		return group.Subscribe(context.Background(), opts)
	}
	return e.opts.Hub.Subscribe(context.Background(), opts)
}

// Part returns the parts of a document that p picks, see [view.Views.Part].
func (e *Engine) Part(ctx context.Context, event *hub.Event, p document.Projection) ([]byte, error) {
	return e.views.Part(ctx, event, p)
}

// HTML returns a document as HTML, see [view.Views.HTML].
func (e *Engine) HTML(ctx context.Context, event *hub.Event) ([]byte, error) {
	return e.views.HTML(ctx, event)
}

// Template returns what renders the documents of a stream as HTML, nil if nothing does.
func (e *Engine) Template(stream string) *markup.Template { return e.opts.Template(stream) }

// Drain lets no new client in and ends every stream at a random moment within the window.
// What was published before goes to the clients first, unless a worker is still encoding it.
// The last thing that a client gets is a random time after which to return, see ReturnWithin.
// Drain returns when every client has left, or the error of ctx. Only the first call has an
// effect. Every call waits.
func (e *Engine) Drain(ctx context.Context, window time.Duration) error {
	_ = e.opts.Hub.AwaitBroadcast(ctx) // if ctx has ended, the streams end without it
	if e.admission.drain() {
		e.window, e.drained = window, time.Now()
		close(e.drain)
	}
	select {
	case <-e.admission.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Draining reports whether Drain was called.
func (e *Engine) Draining() bool { return e.admission.drains() }

// DrainBegins returns a channel that is closed when Drain is called.
func (e *Engine) DrainBegins() <-chan struct{} { return e.drain }

const (
	// returnShare divides the drain window for the least time after which clients return.
	returnShare = 3

	// maxReturn is the longest window that counts for that: nobody waits for minutes.
	maxReturn = time.Minute
)

// ReturnWithin returns the bounds of the random time after which a client should return
// that a drain ends or refuses. They are as far apart as the drain window is long, so
// that the clients come to the next server at most 1.4 times as fast as if they were
// spread evenly over the window, whether that server takes them at once or is started
// when all of them already try. In the second case each client tries once in its own
// time t, and the rate is the mean of 1/t: with a least time of a third of the window
// that is ln 4 over the window. No more than a minute of the window counts. Without a drain the bounds are MinRetry and MaxRetry.
func (e *Engine) ReturnWithin() (low, high time.Duration) {
	window := time.Duration(0)
	select {
	case <-e.drain:
		window = min(e.window, maxReturn)
	default:
	}
	low = max(MinRetry, window/returnShare)
	return low, low + max(window, MaxRetry-MinRetry)
}

// between returns a random duration in [low, high).
func (e *Engine) between(low, high time.Duration) time.Duration {
	return low + time.Duration(e.opts.Random()*float64(high-low))
}

// silence returns a random silence after which a client gets a heartbeat.
func (e *Engine) silence() time.Duration {
	return e.between(e.opts.Heartbeat*8/10, e.opts.Heartbeat*12/10)
}

// age returns a random age at which a stream ends.
func (e *Engine) age() time.Duration { return e.between(e.opts.MaxAge*8/10, e.opts.MaxAge) }
