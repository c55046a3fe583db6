package pollux

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/handlers/metrics"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/conflate"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/markup"
	"github.com/polluxhub/pollux/internal/listen"
	"github.com/polluxhub/pollux/poller"
)

const (
	// maxData is the limit of the hub. Each way into it has a lower limit of its
	// own: that of the source for what is polled, MaxBody for what is published.
	maxData = 1 << 30

	// spread is the time over which the polls of many streams are spread.
	spread = 10 * time.Second
)

// ErrRunning is returned by a second Run.
var ErrRunning = errors.New("pollux: already running or ended")

// Pollux is a poller, a hub, an engine and a server that work together. Its methods
// are safe for concurrent use. See the package comment for what it promises.
type Pollux struct {
	opts   Options
	limits Limits
	log    *slog.Logger

	hub     *hub.Hub
	latest  *conflate.Conflator // publishes what is not polled
	engine  *fanout.Engine
	poller  *poller.Poller
	handler http.Handler
	tokens  *auth.Verifier // nil without Options.Tokens
	node    string
	leaf    *leaf // nil without Options.Follow
	here    *here // nil without Options.Nodes

	server, admin  *http.Server   // nil without an address
	certificate    *listen.Keeper // nil without TLS
	listeners      []net.Listener // none before Listen
	adminListeners []net.Listener // likewise

	refusals  *handlers.Counts // also of connections that no handler sees
	unproxied rate.Sometimes   // warns of a proxy without the PROXY protocol

	unregister func() // nil without a Registerer
	readiness  readiness

	unheard atomic.Pointer[time.Time] // since when nothing is heard from a log that is shared; nil if it is

	ran     atomic.Bool
	setting sync.Mutex                // held by SetStreams, and by Run at the end
	streams atomic.Pointer[streamSet] // in force
}

// New returns a Pollux. It starts nothing and binds no address: see [Pollux.Run]. The
// errors are mistakes in the options.
func New(opts Options) (*Pollux, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	set, err := newStreamSet(opts.Streams, opts)
	if err != nil {
		return nil, err
	}
	p := &Pollux{
		opts: opts, limits: opts.Limits, log: opts.Logger, listeners: opts.Listeners,
		unproxied: rate.Sometimes{Interval: unproxiedEvery}, node: rand.Text(),
	}
	if opts.Follow != nil {
		if p.leaf, err = newLeaf(p); err != nil {
			return nil, err
		}
	}
	if opts.Nodes != nil {
		p.here = newHere(p)
	}
	if p.certificate, err = listen.NewKeeper(opts.TLS, p.log); err != nil {
		return nil, err
	}
	if p.limits == (Limits{}) {
		p.limits = NewLimits(set.connections(), opts.AdminListen != "", opts.Engine.MaxClients, opts.Engine.MaxConnections)
	}
	p.streams.Store(set)
	if err := p.assemble(); err != nil {
		return nil, err
	}
	return p, nil
}

// assemble makes the parts and connects them. The order is that of the arrows, from
// the hub upwards.
func (p *Pollux) assemble() (err error) {
	set := p.streams.Load()

	hubOptions := p.opts.Hub
	hubOptions.Streams, hubOptions.MaxData = set.history, maxData
	if p.opts.Log != nil {
		hubOptions.Log, hubOptions.Shared = p.opts.Log, p.opts.Log.Shared()
	}
	if p.leaf != nil {
		hubOptions.Log, hubOptions.Shared, hubOptions.Beginnings = p.leaf.log, true, true
	}
	if p.hub, err = hub.New(hubOptions); err != nil {
		return err
	}
	if p.leaf != nil {
		if err := p.hub.SetStreams(nil); err != nil { // the origin tells them
			return err
		}
	}

	p.latest = conflate.New(conflate.Options{
		Publisher: (*unpolled)(p),
		Gap:       func(stream string) time.Duration { return p.streams.Load().gaps[stream] },
		Logger:    p.log,
	})

	engineOptions := p.opts.Engine
	engineOptions.Hub = p.hub
	engineOptions.MaxClients, engineOptions.MaxConnections = p.limits.Clients, p.limits.Connections
	engineOptions.Key = func(name string) document.Pointer { return p.streams.Load().keys[streamOf(name)] }
	engineOptions.Template = func(name string) *markup.Template { return p.streams.Load().templates[streamOf(name)] }
	engineOptions.Logger = p.log
	if p.engine, err = fanout.New(engineOptions); err != nil {
		return err
	}

	polling := poller.Options{
		Publisher: p.hub, Streams: set.polled, Newest: p.newest, Told: p.hub.Status, Spread: spread, Trace: p.opts.Trace, Logger: p.log,
	}
	if p.here != nil {
		polling.Lease, polling.Position = p.opts.Nodes, p.hub.Position
		polling.Moved, polling.Elsewhere = p.here.move, p.here.demand.hear
	}
	if p.poller, err = poller.New(polling); err != nil {
		return err
	}
	return p.assembleHTTP()
}

func (p *Pollux) assembleHTTP() (err error) {
	counts := new(handlers.Counts)
	p.refusals = counts
	stats := metrics.Options{
		Hub: p.hub, Engine: p.engine, Upstreams: p.poller.Status, LogDropped: p.opts.LogDropped, Version: p.opts.Version,
		Conflated: p.latest.Replaced, CertificateEnds: p.certificate.Ends, Refusals: counts.Refusals, AuthFailures: counts.AuthFailures,
	}
	if p.leaf != nil {
		stats.Follow = p.leaf.log.Stats
	}
	if p.opts.Log != nil {
		stats.Log = p.opts.Log.Stats
	}
	if tokens := p.opts.Tokens; tokens != nil && tokens.JWT != nil && tokens.JWT.Keys != nil {
		stats.IssuerFetches = func() (ok, failed uint64) { return p.tokens.Fetches() } // nobody asks before there are some
	}
	if p.opts.Nodes != nil {
		stats.Leases = p.opts.Nodes.Stats
	}
	measured := p.opts.HTTP.Metrics
	if p.opts.Registerer == nil {
		measured = metrics.New(stats)
	}
	public := measured
	if p.opts.AdminListen != "" {
		public = nil
		options := p.opts.Admin
		options.Metrics, options.Upstreams, options.Counts, options.Logger = measured, p.poller.Status, counts, p.log
		options.Engine, options.Readiness = p.engine, p.isReady
		admin, err := handlers.NewAdmin(options)
		if err != nil {
			return err
		}
		p.admin = p.newServer(admin)
		if !listen.IsLocal(p.opts.AdminListen) {
			p.admin.TLSConfig = p.certificate.Config()
		}
	}

	options := p.opts.HTTP
	options.Hub, options.Publisher, options.Engine = p.hub, p.publisher(), p.engine
	options.Upstreams, options.UpstreamOf = p.upstreams, p.upstreamOf
	options.Readiness = p.isReady
	options.Following, options.Followed = p.following, p.followed
	if p.leaf != nil {
		options.Upstreams, options.UpstreamOf = p.leaf.upstreams, p.leaf.upstreamOf
		options.Forward, options.Unsettled = p.leaf.forward(), p.leaf.isUnsettled
	}
	options.Polled = p.isPolled
	options.PollNow = p.pollNow
	options.Refresh = p.poller.Refresh
	if p.here != nil {
		options.Nodes, options.Refresh = p.opts.Nodes.View, p.here.refresh
	}
	options.Guarded = p.isGuarded
	options.HostNames = p.certificate.Names
	options.PublishAuth = func(name string) auth.Bearer {
		if own, has := p.streams.Load().publish[streamOf(name)]; has {
			return own
		}
		return p.opts.HTTP.Publish
	}
	if p.opts.Tokens != nil {
		if p.tokens, err = auth.New(*p.opts.Tokens); err != nil {
			return err
		}
		options.Tokens = p.tokens
	}
	options.PollAuth = func(name string) handlers.PollAuth { return p.streams.Load().access[streamOf(name)] }
	options.Metrics, options.Counts, options.Logger = public, counts, p.log
	if p.handler, err = handlers.New(options); err != nil {
		return err
	}
	if p.opts.serves() {
		p.server = p.newServer(p.handler)
		p.server.TLSConfig = p.certificate.Config()
		p.server.Protocols.SetUnencryptedHTTP2(p.opts.H2C)
	}
	if p.opts.Registerer != nil {
		p.unregister, err = metrics.Register(p.opts.Registerer, stats)
	}
	return err
}

// pollNow has a stream polled, for the handlers. A key that does not exist now is not
// polled, because nobody would get the document.
func (p *Pollux) pollNow(name string) (time.Time, error) {
	at, err := p.poller.PollNow(name)
	switch {
	case errors.Is(err, poller.ErrElsewhere):
		return p.opts.Nodes.PollNow(context.Background(), name)
	case errors.Is(err, poller.ErrUnknownStream) && p.isPolled(name):
		return time.Time{}, nil
	case errors.Is(err, poller.ErrUnknownStream):
		return at, handlers.ErrNotPolled
	}
	return at, err
}

// isPolled reports whether a stream is polled, or the stream of a key.
func (p *Pollux) isPolled(name string) bool { return p.streams.Load().sources[streamOf(name)] }

// streamOf returns the name of the stream that a stream or a key is configured by.
func streamOf(name string) string {
	stream, _ := hub.SplitName(name)
	return stream
}

// Hub returns the hub, for subscribers within the process and for statistics.
func (p *Pollux) Hub() *hub.Hub { return p.hub }

// module is the path of this module.
const module = "github.com/polluxhub/pollux"

// Version returns the version of this module in the running program, "(devel)" if the
// build does not know it.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, one := range append(info.Deps, &info.Main) {
			if one.Path == module && one.Version != "" {
				return one.Version
			}
		}
	}
	return "(devel)"
}
