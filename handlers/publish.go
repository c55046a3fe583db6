package handlers

import (
	"errors"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
)

// publish answers POST /api/streams/:name/events: one JSON document becomes one
// event. Nothing is broadcast unless all of it is well.
func (s *server) publish(c echo.Context) error {
	r, header := c.Request(), c.Response().Header()
	switch err := s.Publish.Check(r.Header.Get("Authorization")); {
	case errors.Is(err, auth.ErrDisabled):
		return newProblem(http.StatusForbidden, "Publishing is off. The operator turns it on by setting POLLUX_PUBLISH_TOKEN.")
	case errors.Is(err, auth.ErrMissing):
		header.Set("WWW-Authenticate", `Bearer realm="pollux"`)
		return newProblem(http.StatusUnauthorized, "Publishing needs a bearer token.")
	case err != nil:
		header.Set("WWW-Authenticate", `Bearer realm="pollux", error="invalid_token"`)
		return newProblem(http.StatusUnauthorized, "The bearer token is not the right one.")
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		header.Set("Accept-Encoding", "identity")
		return newProblem(http.StatusUnsupportedMediaType, "The body must not be compressed.")
	}
	name := c.Param("name")
	if err := s.known([]string{name}); err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response().Writer, r.Body, s.MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, "A document may have %d bytes.", s.MaxBody)
	case err != nil:
		return newProblem(http.StatusBadRequest, "The body broke off.")
	}
	data, err := document.Compact(body)
	if err != nil {
		return newProblem(http.StatusBadRequest, "The body must be one JSON document: %v.", err)
	}

	id, err := s.Hub.Publish(r.Context(), hub.Message{Stream: name, Data: data})
	switch {
	case errors.Is(err, hub.ErrTooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, "The document is larger than the stream takes.")
	case errors.Is(err, hub.ErrClosed):
		header.Set("Retry-After", "5")
		return newProblem(http.StatusServiceUnavailable, "Shutting down.")
	case err != nil:
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"id": id.String()})
}
