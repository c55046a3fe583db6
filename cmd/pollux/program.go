package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polluxhub/pollux/cmd/pollux/config"
	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/handlers/metrics"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson/guard"
	"github.com/polluxhub/pollux/static"
)

const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute

	// maxHeaderBytes leaves room for a Last-Event-ID of 64 kB, which is
	// senseless but has to be answered with a reset.
	maxHeaderBytes = 128 << 10

	// graceAfterDrain is how long streams that do not end by themselves, and
	// other requests, may still take at shutdown.
	graceAfterDrain = time.Second

	// maxData is what the hub takes. Each road into it has a limit of its own:
	// that of the stream for what is polled, --max-document for what is
	// published.
	maxData = 1 << 30

	// spread is the time over which the polls of many streams are spread.
	spread = 10 * time.Second
)

// program is a running pollux: a poller, a hub, an engine and a server. newProgram
// binds the address, run does everything else and returns when all of it has
// ended.
type program struct {
	drain       time.Duration
	maxDocument int
	log         *slog.Logger
	hub         *hub.Hub
	engine      *fanout.Engine
	shares      shares
	places      *guard.Places // for the connections to upstreams
	poller      *poller.Poller
	streams     atomic.Pointer[streamSet] // in force

	listener, adminListener net.Listener // adminListener is nil if there is no admin
	server, admin           *http.Server

	file     string                         // of the configuration; "" without a file
	load     func() (*config.Config, error) // reads it
	settings *config.Config                 // of that file, as it was at the start

	reloading sync.Mutex // held by reload, and by run at the end
}

// assemble returns a program that has everything but its address. Its errors are
// mistakes of whoever configured it.
func assemble(c *serveCommand, log *slog.Logger) (*program, error) {
	p := &program{
		drain:       *c.Drain,
		maxDocument: *c.MaxDocument,
		log:         log,
		file:        c.File,
		load:        c.load,
		settings:    c.file,
	}
	return p, p.wire(c)
}

// newProgram returns a program that holds its address already and has not
// started yet. Its errors are mistakes of whoever configured it, or of the machine; if
// ctx ends first, that is the error.
func newProgram(ctx context.Context, c *serveCommand, log *slog.Logger) (*program, error) {
	p, err := assemble(c, log)
	if err != nil {
		return nil, err
	}
	if p.listener, err = listen(ctx, fanout.ListenConfig(), c.where("listen"), *c.Listen); err != nil {
		return nil, err
	}
	if admin := c.adminAddress(); admin != "" {
		if p.adminListener, err = listen(ctx, net.ListenConfig{}, c.where("admin-listen"), admin); err != nil {
			return nil, errors.Join(err, p.listener.Close())
		}
	}
	return p, nil
}

func listen(ctx context.Context, with net.ListenConfig, where, address string) (net.Listener, error) {
	listener, err := with.Listen(ctx, "tcp", address)
	if err != nil {
		if ctx.Err() != nil { // while a name was looked up
			return nil, ctx.Err()
		}
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err // the rest of the text repeats the address
		}
		return nil, fmt.Errorf("%s is %s: %w; want a free address, for example 127.0.0.1:0", where, address, err)
	}
	return listener, nil
}

func (p *program) wire(c *serveCommand) error {
	p.shares = c.divide()
	p.places = guard.NewPlaces(p.shares.upstreams)
	set, err := newStreamSet(c.File, c.Streams, canaryOf(&c.Config), *c.MaxDocument, p.places)
	if err != nil {
		return err
	}
	p.streams.Store(set)
	p.hub, err = hub.New(hub.Options{
		Streams:      set.history,
		History:      *c.History,
		HistoryBytes: *c.HistoryBytes,

		TotalHistoryBytes: c.historyTotal(),

		Buffer:  *c.Buffer,
		MaxData: maxData,
	})
	if err != nil {
		return err
	}
	p.engine, err = fanout.New(fanout.Options{
		Hub:            p.hub,
		Heartbeat:      *c.Heartbeat,
		WriteTimeout:   *c.WriteTimeout,
		MinRate:        *c.MinRate,
		MaxAge:         *c.MaxAge,
		MaxClients:     p.shares.Clients,
		MaxConnections: p.shares.Connections,
		MaxViews:       *c.MaxViews,
		FormBytes:      *c.FormBytes,
		Key:            func(stream string) document.Pointer { return p.streams.Load().keys[stream] },
		Logger:         p.log,
	})
	if err != nil {
		return err
	}
	p.poller, err = poller.New(poller.Options{Publisher: p.hub, Streams: set.polled, Spread: spread, Logger: p.log})
	if err != nil {
		return err
	}
	counts := new(handlers.Counts)
	measured := metrics.New(metrics.Options{
		Hub: p.hub, Engine: p.engine, Upstreams: p.poller.Status, LogDropped: c.logDropped, Version: version(),
		Refusals: counts.Refusals, AuthFailures: counts.AuthFailures,
	})
	public := measured
	if c.adminAddress() != "" {
		public = nil
		if err := p.wireAdmin(measured); err != nil {
			return err
		}
	}
	handler, err := handlers.New(handlers.Options{
		Hub:           p.hub,
		Engine:        p.engine,
		Assets:        static.Files,
		Upstreams:     p.poller.Status,
		Polled:        func(stream string) bool { return p.streams.Load().isPolled(stream) },
		Publish:       auth.NewBearer(c.PublishToken.Reveal()),
		MaxBody:       int64(*c.MaxDocument),
		AllowOrigins:  c.AllowOrigins,
		AllowLoopback: isLoopback(*c.Listen), // who could open the page can ask by hand
		Metrics:       public,
		PollNow:       p.pollNow,
		Refresh:       func(stream string) { p.poller.Refresh(stream) },
		PollAuth:      func(stream string) handlers.PollAuth { return p.streams.Load().access[stream] },
		Logger:        p.log,
		Counts:        counts,

		TrustedProxies:     c.TrustedProxies,
		DisableCompression: *c.Compression == "off",
	})
	if err != nil {
		return err
	}
	p.server = p.newServer(handler)
	return nil
}

func (p *program) newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
}

func (p *program) wireAdmin(measured http.Handler) error {
	handler, err := handlers.NewAdmin(handlers.AdminOptions{
		Metrics: measured,
		Reload:  func() (any, error) { return p.reload() },
		Logger:  p.log,
	})
	if err != nil {
		return err
	}
	p.admin = p.newServer(handler)
	return nil
}

// pollNow has a stream polled, for the handlers.
func (p *program) pollNow(name string) (time.Time, error) {
	at, err := p.poller.PollNow(name)
	if errors.Is(err, poller.ErrUnknownStream) {
		return at, handlers.ErrNotPolled
	}
	return at, err
}

// moved returns a count that changes by one with each stream that begins or ends,
// and how many there are.
func (p *program) moved() (count int64, clients int) {
	stats := p.engine.Stats()
	for _, n := range stats.Ended {
		count += 2 * int64(n)
	}
	return count + int64(stats.Clients), stats.Clients
}

// obey reloads the configuration at every SIGHUP, until ctx ends. What comes of it
// stands in the log. Without a file there is nothing to reload, which is no reason to
// end: a sender expects what other daemons do.
func (p *program) obey(ctx context.Context, hangups <-chan os.Signal) {
	for {
		select {
		case <-hangups:
			if p.file == "" {
				p.log.Warn("SIGHUP ignored, there is no configuration file to reload")
				continue
			}
			_, _ = p.reload()
		case <-ctx.Done():
			return
		}
	}
}

// addr returns the address that the program holds.
func (p *program) addr() string { return p.listener.Addr().String() }

// run starts everything, and ends it again when ctx ends or a part fails. Each
// value of hangups reloads the configuration, if it is a file. The poller and the hub
// work on while streams are drained.
func (p *program) run(ctx context.Context, hangups <-chan os.Signal) error {
	working, stop := context.WithCancel(context.Background())
	defer stop()

	const most = 7
	ended := make(chan error, most)
	go func() { ended <- part("hub", p.hub.Run(working)) }()
	go func() { ended <- part("writers", p.engine.Run(working)) }()
	go func() { ended <- part("poller", p.poller.Run(working)) }()
	go func() {
		rideWaves(working, p.moved)
		ended <- nil
	}()
	go func() { ended <- part("server", p.engine.Serve(p.server, p.listener)) }()
	go func() {
		p.obey(working, hangups)
		ended <- nil
	}()
	running := 6
	if p.admin != nil {
		running++
		go func() { ended <- part("admin", p.engine.ServeAdmin(p.admin, p.adminListener)) }()
		p.log.Info("admin listening", "url", "http://"+p.adminListener.Addr().String())
	}
	p.shares.tell(p.log)
	p.log.Info("listening", "url", "http://"+p.addr(), "version", version())

	var errs []error
	tell := func() { p.log.Info("shutting down", "drain", p.drain.String()) }
	select {
	case <-ctx.Done():
	case err := <-ended:
		running--
		errs = append(errs, err)
		tell = func() { p.log.Error("shutting down because a part ended", "error", err) }
	}
	down := make(chan error, 1)
	go func() { down <- p.shutdown() }()
	<-p.engine.DrainBegins()
	tell() // that it has begun
	errs = append(errs, <-down)
	stop()
	for range running {
		errs = append(errs, <-ended)
	}
	p.reloading.Lock() // until a reload has ended
	defer p.reloading.Unlock()
	p.log.Info("shut down")
	return errors.Join(errs...)
}

// shutdown lets the streams go, then the server. Requests keep being answered
// while streams drain, so that /readyz can say so.
func (p *program) shutdown() error {
	drained := p.drainStreams()
	if drained != nil {
		p.log.Warn("streams are cut that did not end in time", "streams", p.engine.Stats().Clients)
	}

	ctx, cancel := context.WithTimeout(context.Background(), graceAfterDrain)
	defer cancel()
	var errs []error
	for _, server := range []*http.Server{p.server, p.admin} {
		if server == nil || drained == nil && server.Shutdown(ctx) == nil {
			continue
		}
		// Somebody holds on to a connection: cut it. Connections that the engine
		// owns are cut when it stops.
		errs = append(errs, server.Close())
	}
	return errors.Join(errs...)
}

// drainStreams returns when all streams have ended, or with an error when the drain
// window and the grace behind it are over. These are two timers and not one: in a
// process that was stopped meanwhile (a machine that slept) both would be over when it
// goes on, and the streams still need their grace.
func (p *program) drainStreams() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	window := time.AfterFunc(p.drain, func() {
		select {
		case <-time.After(graceAfterDrain):
			cancel()
		case <-ctx.Done():
		}
	})
	defer window.Stop()
	return p.engine.Drain(ctx, p.drain)
}

// part names the part that failed. Ending because it was told to is no failure.
func part(name string, err error) error {
	if err == nil || errors.Is(err, http.ErrServerClosed) || errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}
