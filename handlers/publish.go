package handlers

import (
	"context"
	"crypto/sha256"
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

// ErrPolled is what Options.Publisher returns, wrapped, for a stream that is polled.
var ErrPolled = errors.New("the stream is polled")

// publishTimeout is how long the log may take to store a document.
const publishTimeout = 10 * time.Second

// publish answers POST /api/streams/:name/events: one JSON document becomes one event,
// after all checks have passed. The Content-Type does not matter: the body is parsed
// anyway, and no page of another origin can send the token.
func (s *server) publish(c echo.Context) error {
	if err := s.authorizePublish(c); err != nil {
		return err
	}
	if !s.callers.publish.allows(tokenOf(c.Request().Header), 1) {
		s.Counts.refused(tooManyPublishes)
		setRetryAfter(c.Response().Header(), time.Second)
		return newProblem(http.StatusTooManyRequests, "At most %d documents a second can be published with one token.", s.PublishesPerSecond)
	}
	name := streamParam(c)
	if !s.known(name) {
		return s.unknownStream(name)
	}
	if !s.takesDocuments(name) {
		return s.refuseDocument(name)
	}
	release, err := s.shareForBody(c)
	if errors.Is(err, context.Canceled) {
		return nil // the client is gone
	}
	if err != nil {
		return err
	}
	defer release()
	data, err := s.readDocument(c)
	if err != nil {
		return err
	}

	// The document is complete, so it is published even if the caller hangs up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), publishTimeout)
	defer cancel()
	id, err := s.Publisher.Publish(ctx, hub.Message{Stream: name, Data: data})
	header := c.Response().Header()
	switch {
	case errors.Is(err, ErrPolled): // since a moment ago
		return s.refuseDocument(name)
	case errors.Is(err, hub.ErrTooManyKeys):
		s.Counts.refused(tooManyKeys)
		setRetryAfter(header, overloaded.low)
		return newProblem(http.StatusServiceUnavailable, "The stream has as many keys as it can have, and clients listen to each of them.")
	case errors.Is(err, hub.ErrTooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, "The document is larger than the limit of the stream.")
	case errors.Is(err, hub.ErrClosed), errors.Is(err, hub.ErrLogClosed):
		setRetryAfter(header, retrySoon)
		return newProblem(http.StatusServiceUnavailable, "The server is shutting down.")
	case errors.Is(err, context.DeadlineExceeded):
		setRetryAfter(header, retrySoon)
		return newProblem(http.StatusServiceUnavailable, "The document was not stored in time. It can still be stored later, once.")
	case err != nil:
		return err
	}
	s.Logger.Debug("published", "stream", name, "id", id.String(), "bytes", len(data), "address", s.address(c.Request()))
	status := http.StatusOK
	if id.IsZero() {
		status = http.StatusAccepted
	}
	return answerJSON(c, status, published{nullable(id.String())})
}

// tokenOf returns a digest of the bearer token of a request that was let in, however the
// rest of the header is spelled.
func tokenOf(header http.Header) [sha256.Size]byte {
	_, token, _ := strings.Cut(header.Get("Authorization"), " ")
	return sha256.Sum256([]byte(strings.TrimSpace(token)))
}

// takesDocuments reports whether callers can publish to a stream. Each stream has one
// publisher: its poller, Pollux itself, or the callers.
func (s *server) takesDocuments(name string) bool {
	return !hub.IsReserved(name) && !s.Polled(name)
}

// refuseDocument returns the problem for a stream that takes no documents. It names
// the streams that do.
func (s *server) refuseDocument(name string) *problem {
	why := "This stream is polled, so nobody can publish to it."
	if hub.IsReserved(name) {
		why = "Only Pollux itself publishes to this stream."
	}
	open := slices.DeleteFunc(s.names(), func(name string) bool { return !s.takesDocuments(name) })
	if len(open) == 0 {
		return newProblem(http.StatusConflict, "%s No stream takes published documents.", why)
	}
	p := newProblem(http.StatusConflict, "%s These streams take documents: %s.", why, strings.Join(open, ", "))
	p.Streams = open
	return p
}

// published is the answer to a published document.
type published struct {
	ID *string `json:"id"` // null: the document waits, and has none yet
}

// authorizePublish returns a problem for a caller without the right token.
func (s *server) authorizePublish(c echo.Context) error {
	header := c.Response().Header()
	switch err := s.Publish.Check(c.Request().Header); {
	case err == nil:
		return nil
	case errors.Is(err, auth.ErrDisabled):
		return newProblem(http.StatusForbidden, "Publishing is off. The operator can turn it on with POLLUX_PUBLISH_TOKEN.")
	case errors.Is(err, auth.ErrMissing):
		s.refuseCredential(c, publishToken, err)
		header.Set("WWW-Authenticate", `Bearer realm="pollux"`)
		return newProblem(http.StatusUnauthorized, "Publishing needs one bearer token, as Authorization: Bearer TOKEN.")
	default:
		s.refuseCredential(c, publishToken, err)
		header.Set("WWW-Authenticate", `Bearer realm="pollux", error="invalid_token"`)
		return newProblem(http.StatusUnauthorized, "The bearer token is wrong.")
	}
}

// bodyWait is how long a request waits while others take all that bodies may take.
const bodyWait = 5 * time.Second

// shareForBody takes what the body of the request may need of what all bodies may take.
func (s *server) shareForBody(c echo.Context) (release func(), err error) {
	size := c.Request().ContentLength
	switch {
	case size < 0:
		size = s.MaxBody // it is unknown
	case size > s.MaxBody:
		size = 0 // it is not read
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), bodyWait)
	defer cancel()
	switch err := s.bodies.take(ctx, size); {
	case errors.Is(err, context.DeadlineExceeded):
		setRetryAfter(c.Response().Header(), retrySoon)
		return nil, newProblem(http.StatusServiceUnavailable, "Too many large documents are being published at the same time.")
	case err != nil:
		return nil, err
	}
	return func() { s.bodies.give(size) }, nil
}

// readDocument returns the body of the request, compact. The body must be one JSON
// document.
func (s *server) readDocument(c echo.Context) ([]byte, error) {
	r := c.Request()
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		c.Response().Header().Set("Accept-Encoding", "identity")
		return nil, newProblem(http.StatusUnsupportedMediaType, "The body must not be compressed.")
	}
	tooLarge := newProblem(http.StatusRequestEntityTooLarge, "A document must have at most %d bytes.", s.MaxBody)
	if r.ContentLength > s.MaxBody {
		return nil, tooLarge // a client that sent Expect then need not send the body
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response().Writer, r.Body, s.MaxBody))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, newProblem(http.StatusRequestTimeout, "The body arrived too slowly: at less than %d bytes per second, or not within %v.", bodyRate, bodyTimeout)
	case err != nil:
		return nil, newProblem(http.StatusBadRequest, "The body ended early.")
	}
	data, err := document.Compact(body)
	if err != nil {
		reason := strings.TrimPrefix(err.Error(), "document: ") // it does not quote the body
		return nil, newProblem(http.StatusBadRequest, "The body must be one JSON document: %s.", reason)
	}
	return data, nil
}
