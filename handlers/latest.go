package handlers

import (
	"bytes"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/hub"
)

// latest answers GET /api/latest with the newest document of a stream. Its ETag
// is the event's ID in quotes, so a caller can go on with it as Last-Event-ID.
func (s *server) latest(c echo.Context) error {
	names := streamNames(c.QueryParams()["stream"])
	switch len(names) {
	case 0:
		names = []string{hub.DefaultStream}
	case 1:
	default:
		return newProblem(http.StatusBadRequest, "One stream at a time.")
	}
	event, err := s.Hub.Latest(names[0])
	switch {
	case errors.Is(err, hub.ErrUnknownStream):
		return s.unknownStream()
	case err != nil:
		return err
	case event == nil:
		c.Response().Header().Set("Retry-After", "1")
		return newProblem(http.StatusServiceUnavailable, "The stream has no document yet.")
	}
	header := c.Response().Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-cache")
	header.Set("ETag", `"`+event.ID().String()+`"`)
	// ServeContent does what RFC 9110 says of If-None-Match, HEAD and Range. It
	// gets no time: within one second there may be several documents.
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(event.Data()))
	return nil
}
