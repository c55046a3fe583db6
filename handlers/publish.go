package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
// anyway, and a page of a foreign origin is refused. With an Idempotency-Key, it becomes one
// event however often the request is repeated within ten minutes.
func (s *server) publish(c echo.Context) error {
	name := streamParam(c)
	holder, err := s.authorizePublish(c, name)
	if err != nil {
		return err
	}
	key, err := idempotencyKey(c.Request().Header)
	if err != nil {
		return err
	}
	if !s.callers.publish.allows(holder, 1) {
		s.Counts.refused(tooManyPublishes)
		setRetryAfter(c.Response().Header(), time.Second)
		return newProblem(http.StatusTooManyRequests, "At most %d documents a second can be published with one token.", s.PublishesPerSecond)
	}
	if !s.known(name) {
		return s.unknownStream(c, name)
	}
	if !s.takesDocuments(name) {
		return s.refuseDocument(c, name)
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

	if key == "" {
		status, done, err := s.store(c, hub.Message{Stream: name, Data: data})
		if err != nil {
			return err
		}
		return answerJSON(c, status, done)
	}
	return s.storeOnce(c, holder, nameOf(holder, name, key), name, data)
}

// storeOnce stores a document unless it was stored by a request with the same key: then the
// answer is that of the first one.
func (s *server) storeOnce(c echo.Context, holder auth.Holder, attempted [sha256.Size]byte, name string, data []byte) error {
	body := sha256.Sum256(data)
	one, old := s.attempts.begin(holder, attempted, body)
	switch {
	case old == nil:
	case old.body != body:
		return newProblem(http.StatusUnprocessableEntity, "A request with the same Idempotency-Key had another document.")
	case !old.done:
		setRetryAfter(c.Response().Header(), time.Second)
		return newProblem(http.StatusConflict, "A request with the same Idempotency-Key is under way, or it is not known how it ended.")
	default:
		return answerJSON(c, old.status, old.answer)
	}
	status, done, err := s.store(c, hub.Message{Stream: name, Data: data, Once: hex.EncodeToString(attempted[:])})
	switch {
	case errors.Is(err, errNotInTime): // it may be stored later, so it must not be stored again
		return err
	case err != nil:
		s.attempts.forget(one)
		return err
	}
	s.attempts.end(one, status, done)
	return answerJSON(c, status, done)
}

// errNotInTime is the error for a document that the log has not stored in time.
var errNotInTime = newProblem(http.StatusServiceUnavailable, "The document was not stored in time. It can still be stored later, once.")

// store publishes a document, even if the caller hangs up: the document is complete.
func (s *server) store(c echo.Context, m hub.Message) (status int, done published, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), publishTimeout)
	defer cancel()
	id, err := s.Publisher.Publish(ctx, m)
	header := c.Response().Header()
	switch {
	case errors.Is(err, ErrPolled): // since a moment ago
		return 0, done, s.refuseDocument(c, m.Stream)
	case errors.Is(err, hub.ErrTooManyKeys):
		s.Counts.refused(tooManyKeys)
		setRetryAfter(header, overloaded.low)
		return 0, done, newProblem(http.StatusServiceUnavailable, "The stream has as many keys as it can have, and clients listen to each of them.")
	case errors.Is(err, hub.ErrTooLarge):
		return 0, done, newProblem(http.StatusRequestEntityTooLarge, "The document is larger than the limit of the stream.")
	case errors.Is(err, hub.ErrClosed), errors.Is(err, hub.ErrLogClosed):
		setRetryAfter(header, retrySoon)
		return 0, done, newProblem(http.StatusServiceUnavailable, "The server is shutting down.")
	case errors.Is(err, hub.ErrLogFull):
		setRetryAfter(header, retrySoon)
		return 0, done, newProblem(http.StatusInsufficientStorage, "The server has no room to store documents.")
	case errors.Is(err, hub.ErrLogUnavailable):
		setRetryAfter(header, retrySoon)
		return 0, done, newProblem(http.StatusServiceUnavailable, "The server cannot store documents now.")
	case errors.Is(err, context.DeadlineExceeded):
		setRetryAfter(header, retrySoon)
		return 0, done, errNotInTime
	case err != nil:
		return 0, done, err
	}
	s.Logger.Debug("published", "stream", m.Stream, "id", id.String(), "bytes", len(m.Data), "address", s.address(c.Request()))
	status = http.StatusOK
	if id.IsZero() {
		status = http.StatusAccepted
	}
	return status, published{nullable(id.String())}, nil
}

// takesDocuments reports whether callers can publish to a stream. Each stream has one
// publisher: its poller, Pollux itself, or the callers.
func (s *server) takesDocuments(name string) bool {
	return !hub.IsReserved(name) && !s.Polled(name)
}

// refuseDocument returns the problem for a stream that takes no documents. It names
// the streams that do.
func (s *server) refuseDocument(c echo.Context, name string) *problem {
	why := "This stream is polled, so nobody can publish to it."
	if hub.IsReserved(name) {
		why = "Only Pollux itself publishes to this stream."
	}
	open := slices.DeleteFunc(s.visibleNames(c), func(name string) bool { return !s.takesDocuments(name) })
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

// authorizePublish returns who may publish to a stream: the bearer of its token, or of one
// whose grant allows it. Its error is a problem, which does not depend on whether the
// stream exists, unless the caller may know that.
func (s *server) authorizePublish(c echo.Context, name string) (auth.Holder, error) {
	own := s.PublishAuth(name)
	if own == (auth.Bearer{}) {
		if s.Tokens == nil && !s.anyPublishAuth() {
			return auth.Holder{}, newProblem(http.StatusForbidden, "Publishing is off. The operator can turn it on with POLLUX_PUBLISH_TOKEN.")
		}
		own = s.polls.decoy.Bearer // so that the refusal takes as long as for another stream
	}
	err := own.Check(c.Request().Header)
	if err == nil {
		token, err := auth.Token(c.Request().Header)
		c.Set(publisherKey, true)
		return auth.HolderOf(token), err
	}
	if s.Tokens == nil {
		return auth.Holder{}, s.refuseToken(c, publishToken, err)
	}
	grant, err := s.grantOf(c, publishToken)
	switch {
	case err != nil:
		return auth.Holder{}, err
	case !grant.Publish.Match(name):
		return auth.Holder{}, s.refuseScope(c, "The token does not allow to publish to that stream.")
	}
	return grant.Holder, nil
}

// anyPublishAuth reports whether there is a token for publishing.
func (s *server) anyPublishAuth() bool {
	return s.PublishAuth("") != (auth.Bearer{}) || slices.ContainsFunc(s.names(), func(name string) bool { return s.PublishAuth(name) != auth.Bearer{} })
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
		s.Counts.refused(tooManyBodies)
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
		return nil, tooSlow()
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
