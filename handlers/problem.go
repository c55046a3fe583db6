package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
)

// problem is an error that the caller sees: a problem detail of RFC 9457 without a
// type.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`

	// Streams are the valid names, after the caller sent an invalid one.
	Streams []string `json:"streams,omitempty"`
}

func newProblem(status int, format string, args ...any) *problem {
	return &problem{Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}

func (p *problem) Error() string { return p.Title + ": " + p.Detail }

// details are the details of the problems that the router reports.
var details = map[int]string{
	http.StatusNotFound:         "No route has this path.",
	http.StatusMethodNotAllowed: "The header Allow lists the methods of this path.",
}

// answerError answers a request whose handler returned an error. Only a *problem says
// more than a status.
func (s *server) answerError(err error, c echo.Context) {
	r := c.Request()
	if c.Response().Committed || errors.Is(err, net.ErrClosed) { // the server was closed, and with it the connection
		s.Logger.Debug("answer not written", "method", r.Method, "path", c.Path(), "error", err)
		return
	}
	var p *problem
	var fromEcho *echo.HTTPError
	switch {
	case errors.As(err, &p):
	case errors.Is(err, hub.ErrUnknownStream): // removed a moment ago
		p = s.unknownStream(c, "")
	case errors.Is(err, document.ErrFields): // for each route that takes fields
		p = newProblem(http.StatusBadRequest, "fields must be JSON Pointers (RFC 6901) with commas between them, "+
			"such as /price,/meta/name: at most %d, of %d bytes each.", document.MaxFields, document.MaxFieldLen)
	case errors.As(err, &fromEcho):
		p = newProblem(fromEcho.Code, "%s", details[fromEcho.Code])
	default:
		s.Logger.Error("request failed", "method", r.Method, "path", c.Path(), "error", err)
		p = newProblem(http.StatusInternalServerError, "")
	}
	body, err := json.Marshal(p)
	if err == nil {
		protect(c.Response().Header()) // a browser shows it in place of a page
		c.Response().Header().Set("Cache-Control", "no-store")
		err = answer(c, p.Status, "application/problem+json", body)
	}
	if err != nil {
		s.Logger.Debug("answer not written", "method", r.Method, "path", c.Path(), "error", err)
	}
}
