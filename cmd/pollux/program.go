package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/cmd/pollux/config"
	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/internal/tracing"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
	"github.com/polluxhub/pollux/poller/httpjson/guard"
)

// program is a Pollux, and how to reload its configuration.
type program struct {
	*pollux.Pollux
	log         *slog.Logger
	flags       *config.Flags
	start       *config.Config // what streams inherit that a reload does not change
	maxDocument int
	transports  *httpjson.Transports // for the requests to upstreams
	tracer      *tracing.Tracer      // nil: there are no traces
	streams     []pollux.Stream      // at the start

	hasTokens bool // at the start

	reloading sync.Mutex // held by reload, and by run at the end
}

// assemble returns a program that has everything but its addresses, which are those of
// the listeners if there are any. Its errors are mistakes in the configuration.
func assemble(c *serveCommand, log *slog.Logger, listeners ...net.Listener) (*program, error) {
	limits := c.limits(log)
	places := guard.NewPlaces(limits.Upstreams) // for the connections to upstreams
	p := &program{
		log:         log,
		start:       &c.Config,
		maxDocument: *c.MaxDocument,
		transports:  httpjson.NewTransports(places),
		tracer:      c.tracer,
		flags:       &c.Flags,
	}
	var err error
	if p.streams, err = p.newStreams(&c.Config); err != nil {
		return nil, err
	}
	tokens, err := c.Tokens.Options(func() (func(context.Context) ([]byte, error), error) {
		o := c.KeySetOptions()
		o.UserAgent, o.Transports = httpjson.UserAgent(version(), ""), p.transports
		return pollux.KeysFrom(o)
	})
	if err != nil {
		return nil, err
	}
	p.hasTokens = tokens != nil
	timeline, err := c.newTimeline(log, func(stream string) (events, bytes int) { return p.Keeps(stream) }, func(key string) bool {
		stats, err := p.Hub().StreamStats(key)
		return err == nil && stats.Subscribers > 0
	})
	if err != nil {
		return nil, err
	}
	follow, err := c.following()
	if err != nil {
		return nil, err
	}
	options := pollux.Options{
		Streams:  p.streams,
		Follow:   follow,
		Public:   *c.Public,
		Access:   pollux.Access(given(c.Access)),
		Tokens:   tokens,
		Drain:    cmp.Or(*c.Drain, -1), // 0 is at once
		LameDuck: *c.LameDuck,
		Limits:   limits,
		Trace:    c.tracer.Trace(poller.StepFetch),

		Listen:     c.Listen,
		Listeners:  listeners,
		SocketMode: c.Mode(),
		TLS: pollux.TLS{CertFile: given(c.TLSCertFile), KeyFile: given(c.TLSKeyFile), ACME: pollux.ACME{
			Domains: c.ACMEDomains, Email: given(c.ACMEEmail), Cache: given(c.ACMECache), Directory: *c.ACMEDirectory,
		}, HTTP2: pollux.HTTP2(*c.HTTP2)},
		H2C:           *c.H2C == "on",
		ProxyProtocol: *c.ProxyProtocol == "on",
		AdminListen:   c.AdminAddress(),
		Admin: handlers.AdminOptions{
			Token:    auth.NewBearer(c.AdminToken.Reveal()),
			Reload:   func() (any, error) { return p.reload() },
			LogLevel: c.level,
			Profiles: profiles(),
		},

		ReadyWithDocuments: *c.Ready == "documents",
		Hub: hub.Options{
			History:           *c.History,
			HistoryBytes:      *c.HistoryBytes,
			TotalHistoryBytes: given(c.HistoryTotalBytes),
			Buffer:            *c.Buffer,
		},
		Engine: fanout.Options{
			Heartbeat:    *c.Heartbeat,
			WriteTimeout: *c.WriteTimeout,
			MinRate:      *c.MinRate,
			MaxAge:       *c.MaxAge,
			MaxViews:     *c.MaxViews,

			MaxClientsPerAddress: given(c.MaxClientsPerAddress),
			MaxViewsPerAddress:   given(c.MaxViewsPerAddress),

			FormBytes: *c.FormBytes,
			HeldBytes: given(c.HeldBytes),
		},
		HTTP: handlers.Options{
			NewKeysPerSecond:   *c.NewKeysPerSecond,
			ConnectsPerSecond:  given(c.ConnectsPerSecond),
			PublishesPerSecond: given(c.PublishesPerSecond),
			Publish:            auth.NewBearer(c.PublishToken.Reveal()),
			MaxBody:            int64(*c.MaxDocument),
			AllowOrigins:       c.AllowOrigins,
			AllowCredentials:   *c.AllowCredentials,
			Hosts:              c.Hosts,
			TrustedProxies:     c.TrustedProxies,
			DisableCompression: *c.Compression == "off",
		},
		TuneRuntime: true,
		Logger:      log,
		LogDropped:  c.logDropped,
		Version:     version(),
	}
	timeline.connect(&options)
	p.Pollux, err = pollux.New(options)
	if open, ok := errors.AsType[*pollux.OpenError](err); ok {
		return nil, c.explain(open)
	}
	return p, err
}

// explain says what would do for streams that everybody could read.
func (c *serveCommand) explain(open *pollux.OpenError) error {
	if open.Admin != "" {
		return c.AdminIsOpen()
	}
	guarded := "tokens: {file: tokens.txt}  # only bearers of tokens may, which pollux token makes"
	if c.Tokens != nil {
		guarded = "access: token               # only bearers of tokens may; in the stream, if it says otherwise"
	}
	return fmt.Errorf("%s. Want one of these lines in the file:\n"+
		"    public: true                # everybody may (--public, POLLUX_PUBLIC=true)\n    %s", openness(&c.Flags, open), guarded)
}

// openness says which streams everybody could read, and where.
func openness(flags *config.Flags, open *pollux.OpenError) string {
	return fmt.Sprintf("%s is %s, which other machines can reach, and nothing says that everybody may read %s", flags.Where("listen"), open.Address, few(open.Streams))
}

// few names some streams, and says how many more there are.
func few(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// limits divides the descriptors, and tells the log what does not fit of what flags,
// variables or the file want.
func (c *serveCommand) limits(log *slog.Logger) pollux.Limits {
	maxClients, maxConnections := given(c.MaxClients), given(c.MaxConnections)
	limits := pollux.NewLimits(c.UpstreamConnections(), c.AdminAddress() != "", maxClients, maxConnections)
	if maxClients > limits.Clients {
		log.Warn("too few descriptors for --max-clients", "asked", maxClients, "limit", limits.Clients, "descriptors", limits.Descriptors)
	}
	if maxConnections > limits.Connections {
		log.Warn("too few descriptors for --max-connections", "asked", maxConnections, "limit", limits.Connections, "descriptors", limits.Descriptors)
	}
	return limits
}

// given returns a value that may not be given, and zero then.
func given[T any](value *T) (zero T) {
	if value == nil {
		return zero
	}
	return *value
}

// newProgram returns a program that holds its address already and has not started
// yet. Its errors are mistakes in the configuration, or faults of the machine; if ctx ends
// first, that is the error.
func newProgram(ctx context.Context, c *serveCommand, log *slog.Logger) (*program, error) {
	p, err := assemble(c, log)
	if err != nil {
		return nil, err
	}
	err = p.Listen(ctx)
	if taken, ok := errors.AsType[*pollux.ListenError](err); ok {
		flag := map[string]string{"Listen": "listen", "AdminListen": "admin-listen"}[taken.Option]
		return nil, fmt.Errorf("%s is %s: %w", c.Where(flag), taken.Address, taken.Err)
	}
	return p, err
}

// run runs the program until ctx ends or a part fails. Each value of hangups reloads
// the configuration, if it is a file.
func (p *program) run(ctx context.Context, hangups <-chan os.Signal) error {
	working, stop := context.WithCancel(context.Background())
	var obeying sync.WaitGroup
	obeying.Go(func() { p.obey(working, hangups) })
	obeying.Go(func() { p.attend(working, ctx) })
	err := p.Run(ctx)
	stop()
	obeying.Wait()
	p.reloading.Lock() // until a reload has ended
	defer p.reloading.Unlock()
	return err
}
