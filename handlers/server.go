package handlers

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// answerTimeout is how long a request that is no stream may take to send its
// body, and to take its answer.
const answerTimeout = 30 * time.Second

// DefaultMaxBody is the default of Options.MaxBody, in bytes.
const DefaultMaxBody = 1 << 20

// Options configure the handler. Hub, Engine and Assets must be set.
type Options struct {
	Hub    *hub.Hub
	Engine *fanout.Engine

	// Assets are the files of the dashboard and the client modules. The file
	// index.html answers "/".
	Assets fs.FS

	// Upstreams returns what is known of the sources of the streams. Streams
	// that it leaves out are only published to. Nil means: all are.
	Upstreams func() []Upstream

	// Publish decides who may publish. The zero value lets in nobody.
	Publish auth.Bearer

	// MaxBody bounds the body of a published document, in bytes. 0 means
	// DefaultMaxBody.
	MaxBody int64

	// AllowOrigins are the origins whose pages may read the API, besides our
	// own; "*" stands for all. None means our own only.
	AllowOrigins []string

	// Logger gets the causes of failures. Nil means slog.Default.
	Logger *slog.Logger
}

// server holds what the routes need.
type server struct {
	Options
}

// New returns the handler for everything that Pollux serves.
func New(opts Options) (http.Handler, error) {
	if opts.Hub == nil || opts.Engine == nil || opts.Assets == nil {
		return nil, errors.New("handlers: Hub, Engine and Assets must be set")
	}
	if opts.MaxBody < 0 {
		return nil, errors.New("handlers: MaxBody is negative")
	}
	if opts.MaxBody == 0 {
		opts.MaxBody = DefaultMaxBody
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Upstreams == nil {
		opts.Upstreams = func() []Upstream { return nil }
	}
	assets, err := loadAssets(opts.Assets)
	if err != nil {
		return nil, err
	}
	s := &server{opts}

	e := echo.New()
	e.HTTPErrorHandler = s.answerError
	e.IPExtractor = echo.ExtractIPDirect() // no header decides who is who
	e.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: s.recovered}))
	e.Use(secure)
	if len(opts.AllowOrigins) > 0 {
		e.Use(middleware.CORSWithConfig(middleware.CORSConfig{
			AllowOrigins:  opts.AllowOrigins,
			AllowMethods:  []string{http.MethodGet, http.MethodHead},
			AllowHeaders:  []string{"Last-Event-ID", "Cache-Control", "If-None-Match"},
			ExposeHeaders: []string{"ETag"},
			MaxAge:        600,
		}))
	}

	// The stream sets a deadline for each write; everything else has one.
	get(e, "/api/sse", s.stream)
	get(e, "/api/latest", s.latest, deadline)
	get(e, "/api/streams", s.streams, deadline)
	e.POST("/api/streams/:name/events", s.publish, deadline)
	get(e, "/livez", s.alive, deadline)
	get(e, "/healthz", s.health, deadline)
	get(e, "/readyz", s.ready, deadline)
	for path, asset := range assets {
		get(e, path, asset.serve, deadline)
	}
	return e, nil
}

// get adds a route for GET, and for HEAD, which answers the headers alone.
func get(e *echo.Echo, path string, handler echo.HandlerFunc, middleware ...echo.MiddlewareFunc) {
	e.Match([]string{http.MethodGet, http.MethodHead}, path, handler, middleware...)
}

// secure sets the headers that every answer bears.
func secure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		header := c.Response().Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		return next(c)
	}
}

// deadline bounds how long a request and its answer may take on the wire.
func deadline(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		control := http.NewResponseController(c.Response().Writer)
		until := time.Now().Add(answerTimeout)
		if err := errors.Join(control.SetReadDeadline(until), control.SetWriteDeadline(until)); err != nil {
			return err
		}
		return next(c)
	}
}
