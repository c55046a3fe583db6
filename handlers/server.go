package handlers

import (
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
)

// Defaults of Options, in bytes.
const (
	DefaultMaxBody         = 1 << 20
	DefaultCompressedBytes = 8 << 20
)

// Options configure the handler. Hub, Engine and Assets must be set. New copies
// them.
type Options struct {
	// Hub has the documents, and takes those that are published.
	Hub *hub.Hub

	// Engine serves the streams of Hub.
	Engine *fanout.Engine

	// Assets are the files of the dashboard and the client modules, read once
	// by New. The file index.html answers "/".
	Assets fs.FS

	// Upstreams returns what is known of the sources of the streams, and is
	// called from many goroutines. Streams that it leaves out are only
	// published to. Nil means: all are.
	Upstreams func() []hub.Upstream

	// Polled reports whether the documents of a stream come from its source, so
	// that nobody publishes to it. It is called from many goroutines. Nil means:
	// none do.
	Polled func(name string) bool

	// Publish decides who may publish. The zero value lets in nobody.
	Publish auth.Bearer

	// PollNow has the source of a stream asked now, and returns when that will
	// be. It is called from many goroutines, and must neither wait nor ask twice
	// for calls that come close together. ErrNotPolled says that the stream has
	// no source. Nil means that there is no such route.
	PollNow func(name string) (time.Time, error)

	// Refresh is told that somebody looks at the newest document of a stream, and
	// may have it asked, if it is idle. It must not wait. Nil means: nothing is
	// idle.
	Refresh func(name string)

	// PollAuth returns who may have the stream of that name polled now, and is
	// called from many goroutines, also with names that are of no stream. Nil
	// means: nobody.
	PollAuth func(name string) PollAuth

	// MaxBody bounds the body of a published document, in bytes. 0 means
	// DefaultMaxBody.
	MaxBody int64

	// AllowOrigins are the origins, such as https://example.com, whose pages may
	// read the API, besides our own; "*" stands for all. None means our own
	// only. See CheckOrigin.
	AllowOrigins []string

	// AllowLoopback lets pages of this machine read too, whatever their port:
	// http://localhost:5173, http://127.0.0.1:8000. It is for a server that nobody
	// else can reach, whose users would open the same documents in another tab.
	AllowLoopback bool

	// TrustedProxies are the networks of proxies whose X-Forwarded-For is believed.
	// None means that a client is the other end of its connection.
	TrustedProxies []netip.Prefix

	// DisableCompression sends everything as it is also to clients that accept
	// gzip: streams, the newest documents, assets.
	DisableCompression bool

	// CompressedBytes bounds what is kept of the newest documents, and of their
	// parts, in compressed form for others who ask for them. 0 means
	// DefaultCompressedBytes.
	CompressedBytes int

	// Metrics answers GET /metrics. Nil means that there is no such route.
	Metrics http.Handler

	// Counts takes what was refused, to be shown elsewhere. Nil means nowhere.
	Counts *Counts

	// Logger gets the causes of failures, refused tokens and signatures as warnings,
	// a few each minute, and what was published at level debug. Nil means
	// slog.Default.
	Logger *slog.Logger
}

// withDefaults returns a copy without zeros, or an error that names everything
// that makes no sense.
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
	if o.Upstreams == nil {
		o.Upstreams = func() []hub.Upstream { return nil }
	}
	if o.Polled == nil {
		o.Polled = func(string) bool { return false }
	}
	if o.Refresh == nil {
		o.Refresh = func(string) {}
	}
	if o.PollAuth == nil {
		o.PollAuth = func(string) PollAuth { return PollAuth{} }
	}
	return o, errors.Join(errs...)
}

// server holds what the routes need.
type server struct {
	Options
	origins origins
	polls   *pollGate
	warn    *warnings // of refused tokens and signatures
	packer  *packer   // nil: nothing is compressed
}

// New returns the handler for everything that Pollux serves. See the package
// comment for the server that it needs.
func New(opts Options) (http.Handler, error) {
	opts, err := opts.withDefaults()
	origins, wrong := newOrigins(opts.AllowOrigins, opts.AllowLoopback)
	if err := errors.Join(err, wrong); err != nil {
		return nil, err
	}
	assets, err := loadAssets(opts.Assets, !opts.DisableCompression)
	if err != nil {
		return nil, err
	}
	s := &server{Options: opts, origins: origins, polls: newPollGate(), warn: newWarnings()}
	if !opts.DisableCompression {
		s.packer = newPacker(opts.CompressedBytes)
	}

	e := echo.New()
	e.HTTPErrorHandler = s.answerError
	e.IPExtractor = func(r *http.Request) string { return s.address(r).String() } // and no other header
	e.Use(s.recovered, unsniffed, framed, bounded)
	if !s.origins.none() {
		e.Use(s.crossOrigin)
	}

	get(e, "/api/sse", s.stream)
	get(e, "/api/latest", s.latest)
	get(e, "/api/streams", s.streams)
	e.POST("/api/streams/:name/events", s.publish)
	if s.PollNow != nil {
		e.POST("/api/streams/:name/poll", s.pollNow)
	}
	get(e, "/livez", s.alive)
	get(e, "/healthz", s.health)
	get(e, "/readyz", s.ready)
	if s.Metrics != nil {
		get(e, "/metrics", echo.WrapHandler(s.Metrics))
	}
	for path, asset := range assets {
		get(e, path, asset.serve)
	}
	return decoded{e}, nil
}

// get adds a route for GET, and for HEAD, which answers the headers alone.
func get(e *echo.Echo, path string, handler echo.HandlerFunc) {
	e.Match([]string{http.MethodGet, http.MethodHead}, path, handler)
}
