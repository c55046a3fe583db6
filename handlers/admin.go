package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/internal/endpoint"
)

// AdminOptions configure the handler for operators. New copies them.
type AdminOptions struct {
	// Token is asked for by every route but those of health. The zero value asks
	// nobody: then the handler belongs where only this machine can reach it.
	Token auth.Bearer

	// Reload reads the configuration again and returns what changed, which becomes
	// the JSON of the answer. The caller sees its error, which must hold no secret.
	// It must be safe for concurrent use. Required.
	Reload func() (any, error)

	// Cluster returns how the nodes of the cluster are, which becomes the JSON of GET
	// /-/cluster, before ctx ends. The caller sees its error. It must be safe for concurrent
	// use. Nil means that the route does not exist.
	Cluster func(ctx context.Context) (any, error)

	// LogLevel is what GET and POST /-/log-level show and set. Nil means that the routes
	// do not exist.
	LogLevel *slog.LevelVar

	// Profiles answers GET /debug/pprof/ and what is below it. Nil means that the routes
	// do not exist.
	Profiles http.Handler

	// Metrics answers GET /metrics. Nil means that the route does not exist.
	Metrics http.Handler

	// Engine and Readiness say whether new clients should come, for GET /readyz, as in
	// Options. Engine is required. Nil for Readiness means always Ready.
	Engine    *fanout.Engine
	Readiness func() Readiness

	// Upstreams returns the state of each polled stream, for GET /-/upstreams. It must
	// be safe for concurrent use. Nil means that no stream is polled.
	Upstreams func() []hub.Upstream

	// Counts counts refused callers, for the metrics. It can be nil.
	Counts *Counts

	// Logger gets the causes of failures. Nil means slog.Default.
	Logger *slog.Logger
}

// NewAdmin returns the handler for operators. It refuses requests from pages: a request
// to another origin carries Origin. Without a token it also refuses every Host that is
// not a loopback one, because a request to a name that an attacker resolved to this
// machine carries that name.
func NewAdmin(opts AdminOptions) (http.Handler, error) {
	if opts.Reload == nil || opts.Engine == nil {
		return nil, errors.New("handlers: Reload and Engine must be set")
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Counts == nil {
		opts.Counts = new(Counts)
	}
	if opts.Upstreams == nil {
		opts.Upstreams = func() []hub.Upstream { return nil }
	}
	if opts.Readiness == nil {
		opts.Readiness = func() Readiness { return Ready }
	}
	s := &server{Options: Options{Readiness: opts.Readiness, Engine: opts.Engine, Upstreams: opts.Upstreams, Counts: opts.Counts, Logger: opts.Logger}, warn: newWarnings()}
	a := &admin{AdminOptions: opts, server: s}
	e := echo.New()
	e.HTTPErrorHandler = s.answerError
	e.IPExtractor = func(r *http.Request) string { return s.address(r).String() }
	e.Use(s.recovered, unsniffed, framed, bounded, a.fromNoPage, a.authorized)
	get(e, "/livez", s.alive)
	get(e, "/healthz", s.health)
	get(e, "/readyz", s.ready)

	if opts.Metrics != nil {
		get(e, "/metrics", echo.WrapHandler(opts.Metrics))
	}
	if opts.Profiles != nil {
		get(e, "/debug/pprof/*", a.profile)
	}
	if opts.LogLevel != nil {
		get(e, "/-/log-level", a.logLevel)
		e.POST("/-/log-level", a.setLogLevel)
	}
	if opts.Cluster != nil {
		get(e, "/-/cluster", a.cluster)
	}
	get(e, "/-/upstreams", a.upstreams)
	e.POST("/-/reload", a.reload)
	return decoded{e}, nil
}

// admin is the state that the routes for operators share.
type admin struct {
	AdminOptions
	server *server
}

// openRoutes need no token: probes of orchestrators have none, and the public has the
// same routes.
var openRoutes = map[string]bool{"/livez": true, "/healthz": true, "/readyz": true}

// authorized asks for the token.
func (a *admin) authorized(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := a.Token.Check(c.Request().Header)
		if err == nil || errors.Is(err, auth.ErrDisabled) || openRoutes[c.Path()] {
			return next(c)
		}
		a.server.refuseCredential(c, adminToken, err)
		c.Response().Header().Set("WWW-Authenticate", challengeFor(err))
		if errors.Is(err, auth.ErrWrong) {
			return newProblem(http.StatusUnauthorized, "That is not the bearer token of this address.")
		}
		return newProblem(http.StatusUnauthorized, "This address needs its bearer token, as Authorization: Bearer TOKEN.")
	}
}

// fromNoPage refuses requests that a page in a browser sends.
func (a *admin) fromNoPage(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().Header.Get("Origin") != "" || !a.Token.IsSet() && !isLocal(c.Request().Host) {
			a.Counts.refused(pageOfAdmin)
			return newProblem(http.StatusForbidden, "This address refuses requests from web pages.")
		}
		return next(c)
	}
}

// reload answers POST /-/reload.
func (a *admin) reload(c echo.Context) error {
	done, err := a.Reload()
	if err != nil {
		return newProblem(http.StatusUnprocessableEntity, "%s", err.Error())
	}
	return answerJSON(c, http.StatusOK, done)
}

// clusterTimeout bounds how long the state of the cluster is waited for.
const clusterTimeout = 3 * time.Second

// cluster answers GET /-/cluster.
func (a *admin) cluster(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), clusterTimeout)
	defer cancel()
	view, err := a.Cluster(ctx)
	if err != nil {
		setRetryAfter(c.Response().Header(), retrySoon)
		return newProblem(http.StatusServiceUnavailable, "%s", err.Error())
	}
	return answerJSON(c, http.StatusOK, view)
}

// profile answers what is below GET /debug/pprof/. Some profiles take as long as they
// are asked to, so no deadline ends them before.
func (a *admin) profile(c echo.Context) error {
	control := http.NewResponseController(c.Response().Writer)
	if err := errors.Join(unbounded(c), control.SetWriteDeadline(time.Time{})); err != nil {
		return err
	}
	a.Profiles.ServeHTTP(c.Response(), c.Request())
	return nil
}

// logLevels are the names of the levels.
var logLevels = []string{"debug", "info", "warn", "error"}

// level is the answer of the routes for the log level.
type level struct {
	Level string `json:"level"`
}

// logLevel answers GET /-/log-level.
func (a *admin) logLevel(c echo.Context) error {
	return answerJSON(c, http.StatusOK, level{strings.ToLower(a.LogLevel.Level().String())})
}

// maxLevel is the largest size of the body that sets the level, in bytes.
const maxLevel = 1 << 10

// setLogLevel answers POST /-/log-level, whose body is like the answer of GET. The level
// holds until the process ends.
func (a *admin) setLogLevel(c echo.Context) error {
	var asked level
	body := json.NewDecoder(http.MaxBytesReader(c.Response().Writer, c.Request().Body, maxLevel))
	if err := body.Decode(&asked); err != nil || !slices.Contains(logLevels, asked.Level) {
		return newProblem(http.StatusBadRequest, `The body must be {"level": "%s"}.`, strings.Join(logLevels, `"}, or {"level": "`))
	}
	if err := a.LogLevel.UnmarshalText([]byte(asked.Level)); err != nil {
		return err
	}
	a.Logger.Warn("log level changed", "level", asked.Level, "address", a.server.address(c.Request()))
	return a.logLevel(c)
}

// upstreamList is the answer of GET /-/upstreams.
type upstreamList struct {
	Upstreams []upstreamInfo `json:"upstreams"`
}

// upstreamInfo is one polled stream in that answer. A member that does not apply is null.
type upstreamInfo struct {
	Name     string            `json:"name"`
	State    hub.State         `json:"state"`
	Error    *string           `json:"error"`  // the class that clients see
	Reason   *string           `json:"reason"` // the same in words
	LastPoll *string           `json:"lastPoll"`
	NextPoll *string           `json:"nextPoll"`
	Requests uint64            `json:"requests"`
	Failures map[string]uint64 `json:"failures"` // by class
}

// upstreams answers GET /-/upstreams: why upstreams fail, in words that may quote what
// they sent, and so are for operators alone.
func (a *admin) upstreams(c echo.Context) error {
	all := a.Upstreams()
	list := make([]upstreamInfo, 0, len(all))
	for _, u := range all {
		list = append(list, upstreamInfo{
			Name: u.Name, State: u.State, Error: nullable(u.Error), Reason: nullable(u.Reason),
			LastPoll: hub.FormatTime(u.LastPoll), NextPoll: hub.FormatTime(u.NextPoll), Requests: u.Polls, Failures: u.Failures,
		})
	}
	return answerJSON(c, http.StatusOK, upstreamList{list})
}

// isLocal reports whether a Host, with or without a port, is a loopback one.
func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return endpoint.IsLoopback(name)
	}
	return endpoint.IsLoopback(strings.Trim(host, "[]"))
}
