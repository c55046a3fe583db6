package handlers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/followlog/line"
)

// Defaults of Options, in bytes.
const (
	DefaultMaxBody         = hub.DefaultMaxData
	DefaultCompressedBytes = 8 << 20
)

// Options configure the handler. Hub, Engine and Assets are required. New copies
// the options.
type Options struct {
	// Hub holds the documents, and receives published ones.
	Hub *hub.Hub

	// Publisher publishes what callers publish, to Hub or before it. It returns a zero ID
	// for a document that it takes and publishes later, unless a newer one replaces it.
	// Nil means Hub.
	Publisher Publisher

	// Engine serves the streams of Hub.
	Engine *fanout.Engine

	// Assets are the files of the dashboard and the client modules, read once
	// by New. The file index.html answers "/".
	Assets fs.FS

	// Upstreams returns the state of each polled stream. Streams that it leaves
	// out are only published to. It must be safe for concurrent use. Nil means
	// that no stream is polled.
	Upstreams func() []hub.Upstream

	// Polled reports whether a stream is polled. Nobody can publish to a polled
	// stream. It must be safe for concurrent use. Nil means that no stream is
	// polled.
	Polled func(name string) bool

	// UpstreamOf returns the state of one polled stream, or of one of its keys. It must
	// be safe for concurrent use. Nil means that no stream with keys is polled.
	UpstreamOf func(name string) (hub.Upstream, bool)

	// NewKeysPerSecond is how many keys the clients of one address can make exist in a
	// second. 0 means DefaultNewKeysPerSecond.
	NewKeysPerSecond int

	// ConnectsPerSecond is how many streams the clients of one address can ask for in a
	// second, with a right token or without, after ten seconds' worth of them, and PublishesPerSecond how many documents
	// can be published with one token. 0 means no limit.
	ConnectsPerSecond, PublishesPerSecond int

	// Publish is the token that allows a caller to publish to each stream. The zero value
	// refuses all callers.
	Publish auth.Bearer

	// PublishAuth returns the token that allows a caller to publish to a stream. It must be
	// safe for concurrent use, and is also called with names of unknown streams. Nil means
	// Publish for each stream.
	PublishAuth func(name string) auth.Bearer

	// Tokens tells what the bearers of tokens can do. Nil means that there are no tokens,
	// so everybody can read everything.
	Tokens *auth.Verifier

	// Guarded reports whether only the bearer of a token that allows it can read a
	// stream. It must be safe for concurrent use, and is also called with names of keys
	// and of unknown streams. Nil means each stream, if there are Tokens.
	Guarded func(name string) bool

	// Following says who this server is for others that follow it, and whom it follows. It
	// must be safe for concurrent use. Nil means a random name, and that it follows nobody.
	Following func() Following

	// Followed returns what those that follow this server have to know of each stream. It
	// must be safe for concurrent use. Nil means what Hub knows.
	Followed func() []line.Stream

	// Unsettled reports that the streams are not known yet, because this server follows
	// another one that it has not reached. It must be safe for concurrent use. Nil means
	// that they are known.
	Unsettled func() bool

	// Forward answers requests that publish a document or ask for a poll, in place of this
	// handler. Nil means that this handler does.
	Forward http.Handler

	// PollNow schedules a poll of a stream and returns its time, which is zero if a poll
	// is under way, or if nobody listens to the key that the stream is. It must be safe
	// for concurrent use, must not wait, and must make one poll of calls that come
	// close together. It returns ErrNotPolled for a stream that is not polled. Nil
	// means that the route does not exist.
	PollNow func(name string) (time.Time, error)

	// Refresh is called for each request for the newest document of a stream, so
	// that an idle stream can be polled. It must not wait. Nil does nothing.
	Refresh func(name string)

	// Nodes returns what this node knows of the nodes with the same events. It must be safe for
	// concurrent use, and must not wait. If it is nil, there are no other nodes.
	Nodes func() Nodes

	// PollAuth returns the credentials that allow a caller to poll a stream now. It
	// must be safe for concurrent use, and is also called with names of unknown
	// streams. Nil refuses all callers.
	PollAuth func(name string) PollAuth

	// MaxBody bounds the body of a published document, in bytes. 0 means
	// DefaultMaxBody.
	MaxBody int64

	// AllowOrigins are the origins, such as https://example.com, whose pages can
	// read the API. Pages of this server always can. "*" allows all origins. See
	// CheckOrigin.
	AllowOrigins []string

	// Hosts are the names that the server answers for, without ports; a request for
	// another one is refused, because of DNS rebinding. Addresses of this machine are always
	// right. None means that Host is not checked, unless CheckHosts is set.
	Hosts []string

	// CheckHosts checks Host even without Hosts. It is for a server that only this machine
	// can reach, and for one whose certificate has names.
	CheckHosts bool

	// HostNames returns further names that the server answers for, such as those of its
	// certificate, where an asterisk stands for one label. It must be safe for concurrent
	// use. Nil means none.
	HostNames func() []string

	// AllowCredentials lets pages of AllowOrigins send the cookie with the token. It does
	// not go with "*".
	AllowCredentials bool

	// AllowLoopback allows the loopback origins with any port, such as
	// http://localhost:5173. It is for a server that only this machine can reach.
	AllowLoopback bool

	// TrustedProxies are the networks of proxies whose X-Forwarded-For or
	// Forwarded (RFC 7239) is trusted.
	// For any other peer, the address of the client is that of the connection.
	TrustedProxies []netip.Prefix

	// DisableCompression turns gzip off for streams, the newest documents and
	// assets.
	DisableCompression bool

	// CompressedBytes bounds the cache of compressed documents and parts of
	// documents, in bytes. 0 means DefaultCompressedBytes.
	CompressedBytes int

	// Readiness says whether new clients should come. An Engine that drains is not ready
	// whatever it says. It must be safe for concurrent use. Nil means always Ready.
	Readiness func() Readiness

	// Metrics answers GET /metrics. Nil means that the route does not exist.
	Metrics http.Handler

	// Counts counts refused callers, for the metrics. It can be nil.
	Counts *Counts

	// Logger gets the causes of failures; refused tokens and signatures as warnings,
	// a few for each minute; and each publication at level debug. Nil means
	// slog.Default.
	Logger *slog.Logger
}

// Publisher publishes a document.
type Publisher interface {
	Publish(ctx context.Context, m hub.Message) (hub.ID, error)
}

// withDefaults returns a copy with defaults in place of zeros. Its error names each
// invalid option.
func (o Options) withDefaults() (Options, error) {
	var errs []error
	if o.Hub == nil || o.Engine == nil || o.Assets == nil {
		errs = append(errs, errors.New("handlers: Hub, Engine and Assets must be set"))
	}
	if o.MaxBody < 0 {
		errs = append(errs, fmt.Errorf("handlers: MaxBody is %d, want at least 1, or 0 for %d", o.MaxBody, DefaultMaxBody))
	}
	if o.CompressedBytes < 0 {
		errs = append(errs, fmt.Errorf("handlers: CompressedBytes is %d, want at least 1, or 0 for %d", o.CompressedBytes, DefaultCompressedBytes))
	}
	if o.NewKeysPerSecond < 0 {
		errs = append(errs, fmt.Errorf("handlers: NewKeysPerSecond is %d, want at least 1, or 0 for %d", o.NewKeysPerSecond, DefaultNewKeysPerSecond))
	}
	if o.ConnectsPerSecond < 0 || o.PublishesPerSecond < 0 {
		errs = append(errs, fmt.Errorf("handlers: ConnectsPerSecond is %d and PublishesPerSecond is %d, want at least 0", o.ConnectsPerSecond, o.PublishesPerSecond))
	}
	if o.NewKeysPerSecond == 0 {
		o.NewKeysPerSecond = DefaultNewKeysPerSecond
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.CompressedBytes == 0 {
		o.CompressedBytes = DefaultCompressedBytes
	}
	o.TrustedProxies = slices.Clone(o.TrustedProxies)
	if o.Counts == nil {
		o.Counts = new(Counts)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Publisher == nil {
		o.Publisher = o.Hub
	}
	if o.Upstreams == nil {
		o.Upstreams = func() []hub.Upstream { return nil }
	}
	if o.UpstreamOf == nil {
		o.UpstreamOf = func(name string) (hub.Upstream, bool) {
			all := o.Upstreams()
			i := slices.IndexFunc(all, func(u hub.Upstream) bool { return u.Name == name })
			if i < 0 {
				return hub.Upstream{}, false
			}
			return all[i], true
		}
	}
	if o.Readiness == nil {
		o.Readiness = func() Readiness { return Ready }
	}
	if o.Following == nil {
		node := rand.Text()
		o.Following = func() Following { return Following{Node: node, Path: []string{node}} }
	}
	if o.Unsettled == nil {
		o.Unsettled = func() bool { return false }
	}
	if o.Followed == nil {
		o.Followed = func() []line.Stream { return streamsOf(o.Hub) }
	}
	if o.Polled == nil {
		o.Polled = func(string) bool { return false }
	}
	if o.Refresh == nil {
		o.Refresh = func(string) {}
	}
	if o.HostNames == nil {
		o.HostNames = func() []string { return nil }
	}
	if o.AllowCredentials && slices.Contains(o.AllowOrigins, anyOrigin) {
		errs = append(errs, errors.New("handlers: AllowCredentials needs each origin in AllowOrigins by itself, not *"))
	}
	if o.Guarded == nil {
		o.Guarded = func(string) bool { return true }
	}
	if o.PublishAuth == nil {
		o.PublishAuth = func(string) auth.Bearer { return o.Publish }
	}
	if o.PollAuth == nil {
		o.PollAuth = func(string) PollAuth { return PollAuth{} }
	}
	return o, errors.Join(errs...)
}

// server is the state that the routes share.
type server struct {
	Options
	origins origins
	hosts   hosts
	polls   *pollGate
	callers callers
	tickets auth.Tickets

	sessions sessions

	anonymous until // what callers without a token may read

	attempts attempts
	warn     *warnings // about refused tokens and signatures
	packer   *packer   // nil: compression is off
	bodies   *bodies
}

// New returns the public handler. The package comment says which server it needs.
func New(opts Options) (http.Handler, error) {
	opts, err := opts.withDefaults()
	origins, wrong := newOrigins(opts.AllowOrigins, opts.AllowLoopback)
	hosts, wrongHosts := newHosts(opts.Hosts)
	if err := errors.Join(err, wrong, wrongHosts); err != nil {
		return nil, err
	}
	assets, err := loadAssets(opts.Assets, !opts.DisableCompression)
	if err != nil {
		return nil, err
	}
	s := &server{
		Options: opts,
		origins: origins,
		hosts:   hosts,
		polls:   newPollGate(),
		callers: newCallers(opts),
		warn:    newWarnings(),
		bodies:  newBodies(opts.MaxBody),
	}
	s.anonymous = func(streams []string) time.Time { return s.readUntil(auth.Grant{}, streams) }
	if !opts.DisableCompression {
		s.packer = newPacker(opts.CompressedBytes)
	}

	e := echo.New()
	e.HTTPErrorHandler = s.answerError
	e.IPExtractor = func(r *http.Request) string { return s.address(r).String() } // and no header but X-Forwarded-For
	e.Use(s.recovered, unsniffed, framed, bounded)
	if s.CheckHosts || len(s.Hosts) > 0 {
		e.Use(s.knownHost)
	}
	e.Use(s.crossOrigin)

	get(e, "/api/sse", s.settled(s.stream))
	get(e, "/api/latest", s.settled(s.latest))
	get(e, "/api/streams", s.settled(s.streams))
	publish, pollNow := s.publish, s.pollNow
	if s.Forward != nil {
		publish = s.forward
		pollNow = publish
	}
	e.POST("/api/streams/:name/events", publish)
	e.POST("/api/streams/:name/:key/events", publish)
	if s.PollNow != nil || s.Forward != nil {
		e.POST("/api/streams/:name/poll", pollNow)
		e.POST("/api/streams/:name/:key/poll", pollNow)
	}
	e.POST("/api/follow", s.follow)
	e.POST("/api/follow/:session", s.changeFollow)
	if s.Tokens != nil {
		e.POST("/api/login", s.login)
		e.POST("/api/logout", s.logout)
		e.POST("/api/ticket", s.ticket)
	}
	get(e, "/livez", s.alive)
	get(e, "/healthz", s.health)
	get(e, "/readyz", s.ready)
	if s.Metrics != nil {
		get(e, "/metrics", s.guardedMetrics(echo.WrapHandler(s.Metrics)))
	}
	for path, asset := range assets {
		get(e, path, asset.serve)
	}
	return decoded{e}, nil
}

// get adds a route for GET and HEAD.
func get(e *echo.Echo, path string, handler echo.HandlerFunc) {
	e.Match([]string{http.MethodGet, http.MethodHead}, path, handler)
}
