package handlers

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/internal/endpoint"
)

// AdminOptions configure the handler for operators. New copies them.
type AdminOptions struct {
	// Metrics answers GET /metrics. Nil means that the route does not exist.
	Metrics http.Handler

	// Reload reads the configuration again and returns what changed, which becomes
	// the JSON of the answer. The caller sees its error, which must hold no secret.
	// It must be safe for concurrent use. Required.
	Reload func() (any, error)

	// Logger gets the causes of failures. Nil means slog.Default.
	Logger *slog.Logger
}

// NewAdmin returns the handler for operators: GET /metrics and POST /-/reload. It
// checks no token, so it belongs on a loopback address. It refuses requests from
// pages: a request to another origin carries Origin, and a request to a name that an
// attacker resolved to this machine carries that name in Host.
func NewAdmin(opts AdminOptions) (http.Handler, error) {
	if opts.Reload == nil {
		return nil, errors.New("handlers: Reload must be set")
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	s := &server{Options: Options{Logger: opts.Logger}}
	e := echo.New()
	e.HTTPErrorHandler = s.answerError
	e.IPExtractor = func(r *http.Request) string { return s.address(r).String() }
	e.Use(s.recovered, unsniffed, framed, bounded, fromNoPage)
	if opts.Metrics != nil {
		get(e, "/metrics", echo.WrapHandler(opts.Metrics))
	}
	e.POST("/-/reload", func(c echo.Context) error {
		done, err := opts.Reload()
		if err != nil {
			return newProblem(http.StatusUnprocessableEntity, "%s", err.Error())
		}
		return answerJSON(c, http.StatusOK, done)
	})
	return decoded{e}, nil
}

// fromNoPage refuses requests that a page in a browser sends.
func fromNoPage(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().Header.Get("Origin") != "" || !isLocal(c.Request().Host) {
			return newProblem(http.StatusForbidden, "This address refuses requests from web pages.")
		}
		return next(c)
	}
}

// isLocal reports whether a Host, with or without a port, is a loopback one.
func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return endpoint.IsLoopback(name)
	}
	return endpoint.IsLoopback(strings.Trim(host, "[]"))
}
