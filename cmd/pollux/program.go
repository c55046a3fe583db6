package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/handlers/metrics"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
	"github.com/polluxhub/pollux/poller/mock"
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
)

// program is a running pollux: a poller, a hub, an engine and a server. newProgram
// binds the address, run does everything else and returns when all of it has
// ended.
type program struct {
	drain    time.Duration
	log      *slog.Logger
	listener net.Listener
	hub      *hub.Hub
	engine   *fanout.Engine
	poller   *poller.Poller
	sources  []interface{ Close() }
	server   *http.Server
}

// newProgram returns a program that holds its address already and has not
// started yet. Its errors are mistakes of whoever configured it.
func newProgram(c *serveCommand, log *slog.Logger) (*program, error) {
	p := &program{drain: time.Duration(c.Drain), log: log}
	if err := p.wire(c); err != nil {
		return nil, err
	}
	config := fanout.ListenConfig(time.Duration(c.WriteTimeout))
	listener, err := config.Listen(context.Background(), "tcp", c.Listen)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err // the rest of the text repeats the address
		}
		return nil, wrong("listen", c.Listen, "%v; want a free address, for example 127.0.0.1:0", err)
	}
	p.listener = listener
	return p, nil
}

func (p *program) wire(c *serveCommand) (err error) {
	p.hub, err = hub.New(hub.Options{
		History:        c.History,
		HistoryBytes:   c.HistoryBytes,
		Buffer:         c.Buffer,
		MaxSubscribers: c.MaxClients,
		MaxData:        c.MaxDocument,
	})
	if err != nil {
		return err
	}
	p.engine, err = fanout.New(fanout.Options{
		Hub:          p.hub,
		Heartbeat:    time.Duration(c.Heartbeat),
		WriteTimeout: time.Duration(c.WriteTimeout),
		MaxAge:       time.Duration(c.MaxAge),
		Logger:       p.log,
	})
	if err != nil {
		return err
	}
	if err := p.wirePoller(c); err != nil {
		return err
	}
	handler, err := handlers.New(handlers.Options{
		Hub:          p.hub,
		Engine:       p.engine,
		Assets:       static.Files,
		Upstreams:    p.upstreams,
		Publish:      auth.NewBearer(c.publishToken),
		MaxBody:      int64(c.MaxDocument),
		AllowOrigins: c.AllowOrigin,
		Metrics:      metrics.New(metrics.Options{Hub: p.hub, Engine: p.engine, Upstreams: p.measured, Version: version()}),
		Logger:       p.log,

		DisableCompression: c.Compression == "off",
	})
	if err != nil {
		return err
	}
	p.server = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnContext:       p.engine.ConnContext,
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	return nil
}

// wirePoller makes the poller, which has nothing to do for a stream that is only
// published to.
func (p *program) wirePoller(c *serveCommand) error {
	var streams []poller.Stream
	if !c.Push {
		source, err := p.source(c)
		if err != nil {
			return err
		}
		streams = []poller.Stream{{Name: hub.DefaultStream, Source: source, Every: time.Duration(c.Every), Timeout: time.Duration(c.Timeout)}}
	}
	var err error
	p.poller, err = poller.New(poller.Options{Publisher: p.hub, Streams: streams, Logger: p.log})
	return err
}

func (p *program) source(c *serveCommand) (poller.Source, error) {
	if c.URL == "" {
		return &mock.Source{}, nil
	}
	source, err := httpjson.New(httpjson.Options{
		URL:       c.URL,
		Header:    c.header,
		MaxBody:   int64(c.MaxDocument),
		UserAgent: "pollux/" + version(),
	})
	if err != nil {
		return nil, fmt.Errorf("--url (POLLUX_URL) and --header (POLLUX_HEADER): %w", err)
	}
	p.sources = append(p.sources, source)
	return source, nil
}

// upstreams tells the handlers what the poller knows; the two do not know each
// other.
func (p *program) upstreams() []handlers.Upstream {
	statuses := p.poller.Status()
	upstreams := make([]handlers.Upstream, 0, len(statuses))
	for _, s := range statuses {
		var failures uint64
		for _, n := range s.Failures {
			failures += n
		}
		upstreams = append(upstreams, handlers.Upstream{
			Name: s.Name,
			Status: hub.Status{
				State:       s.State,
				Since:       s.Since,
				LastSuccess: s.LastSuccess,
				Error:       s.Error,
			},
			Every:    s.Every,
			NextPoll: s.NextPoll,
			Requests: s.Polls,
			Failures: failures,
		})
	}
	return upstreams
}

// measured tells the metrics what the poller knows.
func (p *program) measured() []metrics.Upstream {
	statuses := p.poller.Status()
	upstreams := make([]metrics.Upstream, 0, len(statuses))
	for _, s := range statuses {
		upstreams = append(upstreams, metrics.Upstream{
			Stream:      s.Name,
			Succeeded:   s.Successes - s.Unchanged,
			Unchanged:   s.Unchanged,
			Failed:      s.Failures,
			Duration:    s.TotalDuration,
			LastSuccess: s.LastSuccess,
		})
	}
	return upstreams
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

// addr returns the address that the program holds.
func (p *program) addr() string { return p.listener.Addr().String() }

// run starts everything, and ends it again when ctx ends or a part fails. The
// poller and the hub work on while streams are drained.
func (p *program) run(ctx context.Context) error {
	working, stop := context.WithCancel(context.Background())
	defer stop()

	const parts = 5
	ended := make(chan error, parts)
	go func() { ended <- part("hub", p.hub.Run(working)) }()
	go func() { ended <- part("writers", p.engine.Run(working)) }()
	go func() { ended <- part("poller", p.poller.Run(working)) }()
	go func() {
		rideWaves(working, p.moved)
		ended <- nil
	}()
	go func() { ended <- part("server", p.server.Serve(p.listener)) }()
	p.log.Info("listening", "url", "http://"+p.addr(), "version", version())

	var errs []error
	running := parts
	select {
	case <-ctx.Done():
		p.log.Info("shutting down", "drain", p.drain.String())
	case err := <-ended:
		running--
		p.log.Error("shutting down because a part ended", "error", err)
		errs = append(errs, err)
	}
	errs = append(errs, p.shutdown())
	stop()
	for range running {
		errs = append(errs, <-ended)
	}
	for _, source := range p.sources {
		source.Close()
	}
	p.log.Info("shut down")
	return errors.Join(errs...)
}

// shutdown lets the streams go, then the server. Requests keep being answered
// while streams drain, so that /readyz can say so.
func (p *program) shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), p.drain+graceAfterDrain)
	defer cancel()
	drained := p.engine.Drain(ctx, p.drain)
	if drained != nil {
		p.log.Warn("streams are cut that did not end in time", "streams", p.engine.Stats().Clients)
	}

	ctx, cancel = context.WithTimeout(context.Background(), graceAfterDrain)
	defer cancel()
	if drained == nil && p.server.Shutdown(ctx) == nil {
		return nil
	}
	// Somebody holds on to a connection: cut it. Connections that the engine
	// owns are cut when it stops.
	return p.server.Close()
}

// part names the part that failed. Ending because it was told to is no failure.
func part(name string, err error) error {
	if err == nil || errors.Is(err, http.ErrServerClosed) || errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}
