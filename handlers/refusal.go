package handlers

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/fanout/view"
	"github.com/polluxhub/pollux/hub/sse"
)

// refusal is why a client is not admitted, and when it should return.
type refusal struct {
	class     string // the error of a status event
	status    int    // for callers that do not accept event streams
	low, high time.Duration
}

func (r refusal) drains() bool { return r.class == hub.ErrorDraining }

// after returns a random time after which the client should return, so that clients do
// not return in step.
func (r refusal) after() time.Duration { return r.low + rand.N(r.high-r.low) }

// retrySoon is when a caller should try again for whose request there was no room or no
// time.
const retrySoon = 5 * time.Second

// setRetryAfter says in whole seconds when the caller should try again.
func setRetryAfter(header http.Header, after time.Duration) {
	header.Set("Retry-After", strconv.Itoa(int(after/time.Second)))
}

var (
	overloaded = refusal{hub.ErrorOverloaded, http.StatusServiceUnavailable, 30 * time.Second, 60 * time.Second}

	// tooGreedy is for a client whose address has its share.
	tooGreedy = refusal{hub.ErrorOverloaded, http.StatusTooManyRequests, overloaded.low, overloaded.high}
)

// unsettled is for every client of a server that does not know its streams yet.
var unsettled = refusal{hub.ErrorOrigin, http.StatusServiceUnavailable, fanout.MinRetry, fanout.MaxRetry}

// errUnsettled is the error for a client that comes before the streams are known.
var errUnsettled = errors.New("handlers: the streams are not known yet")

// errTooManyConnects is the error for a client whose address asks for streams too fast.
var errTooManyConnects = errors.New("handlers: too many new streams of one address")

// draining returns the refusal of a server that shuts down. Another process takes over, or
// this one restarts, within seconds.
func (s *server) draining() refusal {
	low, high := s.Engine.ReturnWithin()
	return refusal{hub.ErrorDraining, http.StatusServiceUnavailable, low, high}
}

// refusalFor returns the refusal for an error of the engine or the hub, and counts it.
func (s *server) refusalFor(r *http.Request, err error) (why refusal, ok bool) {
	var counted reason
	switch {
	case errors.Is(err, fanout.ErrTooManyClients):
		why, counted = overloaded, tooManyClients
	case errors.Is(err, view.ErrTooMany):
		why, counted = overloaded, tooManyViews
	case errors.Is(err, fanout.ErrTooManyOfAddress):
		why, counted = tooGreedy, tooManyOfSite
		s.warnOf(s.address(r), "max_clients_per_address")
	case errors.Is(err, view.ErrTooManyOfOne):
		why, counted = tooGreedy, tooManyViewsOfSite
		s.warnOf(s.address(r), "max_views_per_address")
	case errors.Is(err, errTooManyConnects):
		why, counted = tooGreedy, tooManyConnects
		s.warnOf(s.address(r), "connects_per_second")
	case isAboutKeys(err):
		why, counted = overloaded, tooManyKeys
	case errors.Is(err, fanout.ErrDraining), errors.Is(err, hub.ErrClosed):
		why, counted = s.draining(), shuttingDown
	case errors.Is(err, errUnsettled):
		why, counted = unsettled, noOrigin
	default:
		return refusal{}, false
	}
	s.Counts.refused(counted)
	return why, true
}

// refuse answers a client that the engine did not admit. An EventSource gives up at any
// status but 200. Therefore a caller that accepts event streams gets 200, a retry
// time, a status event with the reason for each stream, and the end of the stream. Any
// other caller gets 429 if the reason is its address, else 503.
func (s *server) refuse(c echo.Context, req fanout.Request, err error) error {
	r, header := c.Request(), c.Response().Header()
	why, ok := s.refusalFor(r, err)
	if !ok {
		return err
	}
	after := why.after()
	closeAfter(r, header, why)
	if !wantsStream(r.Header) {
		setRetryAfter(header, after)
		return why.problem("new streams")
	}
	setStreamHeaders(c)
	return answer(c, http.StatusOK, sse.ContentType, s.Engine.Refusal(req, why.class, after))
}

// settled refuses the clients that come before the streams are known, whatever they ask for.
func (s *server) settled(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if s.Unsettled() {
			return s.refuse(c, fanout.Request{}, errUnsettled)
		}
		return next(c)
	}
}

// problem returns the problem for a caller that does not accept event streams. what names
// what is not admitted.
func (r refusal) problem(what string) *problem {
	if r.status == http.StatusTooManyRequests {
		return newProblem(r.status, "The server admits no %s of your address now.", what)
	}
	return newProblem(r.status, "The server admits no %s now: %s.", what, r.class)
}

// closeAfter closes the connection after a refusal: the server may have no room for
// connections either, and after a shutdown the client should reach another server. A
// connection of HTTP/2 carries other requests, so an overloaded server keeps it.
func closeAfter(r *http.Request, header http.Header, why refusal) {
	if r.ProtoMajor == 1 || why.drains() {
		header.Set("Connection", "close")
	}
}
