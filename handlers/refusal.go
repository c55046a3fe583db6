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
	"github.com/polluxhub/pollux/hub/sse"
)

// refusal says why no new stream is opened now, and when the client may return.
type refusal struct {
	class     string // as in the error of a status
	low, high time.Duration
}

var (
	overloaded = refusal{"overloaded", 30 * time.Second, 60 * time.Second}

	// Another process takes over, or this one comes back, within seconds.
	draining = refusal{"draining", 2 * time.Second, 5 * time.Second}
)

// refusalFor returns the refusal that an error of the engine or the hub stands for,
// and counts it.
func (s *server) refusalFor(err error) (why refusal, ok bool) {
	var counted reason
	switch {
	case errors.Is(err, fanout.ErrTooManyClients):
		why, counted = overloaded, noPlace
	case errors.Is(err, fanout.ErrTooManyViews):
		why, counted = overloaded, noView
	case errors.Is(err, fanout.ErrDraining), errors.Is(err, hub.ErrClosed):
		why, counted = draining, shutting
	default:
		return refusal{}, false
	}
	s.Counts.refused(counted)
	return why, true
}

// refuse answers a client that the engine did not let in. EventSource gives up
// for good on any status but 200, so a caller that is one gets 200, a time to
// return, the reason as a status of each stream, and the end. Any other gets 503.
func (s *server) refuse(c echo.Context, req fanout.Request, err error) error {
	r, header := c.Request(), c.Response().Header()
	why, ok := s.refusalFor(err)
	if !ok {
		return err
	}
	after := why.low + rand.N(why.high-why.low)
	letGo(r, header, why)
	if !wantsStream(r.Header) {
		header.Set("Retry-After", strconv.Itoa(int(after/time.Second)))
		return newProblem(http.StatusServiceUnavailable, "No new streams now: %s.", why.class)
	}
	body, err := req.Refusal(why.class, after)
	if err != nil {
		return err
	}
	setStreamHeaders(r, header)
	return answer(c, http.StatusOK, sse.ContentType, body)
}

// letGo closes the connection behind a refusal: there may be no room for it
// either, and when this server ends, the next try may find another. On HTTP/2 it
// carries other requests, which need not be refused.
func letGo(r *http.Request, header http.Header, why refusal) {
	if r.ProtoMajor == 1 || why == draining {
		header.Set("Connection", "close")
	}
}
