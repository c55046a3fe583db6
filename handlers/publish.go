package handlers

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
)

// publishTimeout is how long the log may take to store a document.
const publishTimeout = 10 * time.Second

// publish answers POST /api/streams/:name/events: one JSON document becomes one
// event. Nothing is broadcast unless all of it is well. The Content-Type is not
// looked at: what the body is shows itself, and no page of another origin can
// send the token, whatever it calls its form.
func (s *server) publish(c echo.Context) error {
	if err := s.mayPublish(c); err != nil {
		return err
	}
	name := c.Param("name")
	if !s.known(name) {
		return s.unknownStream()
	}
	if !s.takesDocuments(name) {
		return s.takesNone(name)
	}
	data, err := s.readDocument(c)
	if err != nil {
		return err
	}

	// Whoever has sent the whole document and hangs up wants it published.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), publishTimeout)
	defer cancel()
	id, err := s.Hub.Publish(ctx, hub.Message{Stream: name, Data: data})
	header := c.Response().Header()
	switch {
	case errors.Is(err, hub.ErrTooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, "The document is larger than the stream takes.")
	case errors.Is(err, hub.ErrClosed), errors.Is(err, hub.ErrLogClosed):
		header.Set("Retry-After", "5")
		return newProblem(http.StatusServiceUnavailable, "Shutting down.")
	case errors.Is(err, context.DeadlineExceeded):
		header.Set("Retry-After", "5")
		return newProblem(http.StatusServiceUnavailable, "The document was not stored in time. It may be stored later, once.")
	case err != nil:
		return err
	}
	s.Logger.Debug("published", "stream", name, "id", id.String(), "bytes", len(data), "address", s.address(c.Request()))
	return answerJSON(c, http.StatusOK, published{id.String()})
}

// takesDocuments reports whether somebody can publish to the stream of that name:
// each stream has one writer, so not where that is its source or Pollux itself.
func (s *server) takesDocuments(name string) bool {
	return !strings.HasPrefix(name, "_") && !s.Polled(name)
}

// takesNone answers whoever publishes to a stream that takes no documents, and
// names those that do.
func (s *server) takesNone(name string) *problem {
	why := "The documents of this stream are what its upstream says."
	if strings.HasPrefix(name, "_") {
		why = "Nobody publishes to this stream but Pollux itself."
	}
	open := slices.DeleteFunc(s.Hub.StreamNames(), func(name string) bool { return !s.takesDocuments(name) })
	if len(open) == 0 {
		return newProblem(http.StatusConflict, "%s There is no stream here that one can publish to.", why)
	}
	p := newProblem(http.StatusConflict, "%s One can publish to: %s.", why, strings.Join(open, ", "))
	p.Streams = open
	return p
}

// published is the answer to whoever published.
type published struct {
	ID string `json:"id"`
}

// mayPublish returns a problem for a caller without the right token.
func (s *server) mayPublish(c echo.Context) error {
	header := c.Response().Header()
	switch err := s.Publish.Check(c.Request().Header); {
	case err == nil:
		return nil
	case errors.Is(err, auth.ErrDisabled):
		return newProblem(http.StatusForbidden, "Publishing is off. The operator turns it on by setting POLLUX_PUBLISH_TOKEN.")
	case errors.Is(err, auth.ErrMissing):
		s.refuseCredential(c, publishToken, err)
		header.Set("WWW-Authenticate", `Bearer realm="pollux"`)
		return newProblem(http.StatusUnauthorized, "Publishing needs one bearer token: Authorization: Bearer TOKEN.")
	default:
		s.refuseCredential(c, publishToken, err)
		header.Set("WWW-Authenticate", `Bearer realm="pollux", error="invalid_token"`)
		return newProblem(http.StatusUnauthorized, "The bearer token is not the right one.")
	}
}

// readDocument returns the body of the request, if it is one document.
func (s *server) readDocument(c echo.Context) ([]byte, error) {
	r := c.Request()
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		c.Response().Header().Set("Accept-Encoding", "identity")
		return nil, newProblem(http.StatusUnsupportedMediaType, "The body must not be compressed.")
	}
	tooLarge := newProblem(http.StatusRequestEntityTooLarge, "A document may have %d bytes.", s.MaxBody)
	if r.ContentLength > s.MaxBody {
		return nil, tooLarge // before it is sent, to whoever asks by Expect
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response().Writer, r.Body, s.MaxBody))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, newProblem(http.StatusRequestTimeout, "The body took longer than %v.", bodyTimeout)
	case err != nil:
		return nil, newProblem(http.StatusBadRequest, "The body broke off.")
	}
	data, err := document.Compact(body)
	if err != nil {
		reason := strings.TrimPrefix(err.Error(), "document: ") // it quotes nothing of the body
		return nil, newProblem(http.StatusBadRequest, "The body must be one JSON document: %s.", reason)
	}
	return data, nil
}
