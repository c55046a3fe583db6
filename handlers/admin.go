package handlers

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/labstack/echo/v4"
)

// AdminOptions configure the handler for operators. New copies them.
type AdminOptions struct {
	// Metrics answers GET /metrics. Nil means that there is no such route.
	Metrics http.Handler

	// Reload reads the configuration anew and returns what to answer, which
	// becomes JSON. Its error is shown to the caller: it must hold no secret.
	// It must be safe for concurrent use. Required.
	Reload func() (any, error)

	// Logger gets the causes of failures. Nil means slog.Default.
	Logger *slog.Logger
}

// NewAdmin returns the handler for what operators do: GET /metrics and POST
// /-/reload. It asks for no token, so it belongs on a loopback address; a browser
// that was lured there is refused: requests that a page sends to another origin
// name theirs, and those to a name of its own that leads here name that.
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

// fromNoPage refuses what a page in a browser asks for.
func fromNoPage(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().Header.Get("Origin") != "" || !isLocal(c.Request().Host) {
			return newProblem(http.StatusForbidden, "This address is for operators, not for pages.")
		}
		return next(c)
	}
}

// IsLoopback reports whether a host, as it stands before a port, is this machine
// and nobody else can reach it: localhost or a loopback address.
func IsLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.Unmap().IsLoopback()
}

// isLocal reports whether a Host, with or without a port, names this machine.
func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return IsLoopback(name)
	}
	return IsLoopback(strings.Trim(host, "[]"))
}
