package handlers

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/sse"
)

// stream answers GET /api/sse. Headers and errors are its business, the body is
// the engine's.
func (s *server) stream(c echo.Context) error {
	r, w := c.Request(), c.Response()
	if r.ContentLength != 0 {
		// net/http would wait for the body before the first flush.
		w.Header().Set("Connection", "close")
		return newProblem(http.StatusBadRequest, "A stream takes no request body.")
	}
	req, err := parseStream(r)
	if err != nil {
		return err
	}
	if r.Method == http.MethodHead {
		if err := s.known(req.Streams); err != nil {
			return err
		}
		streamHeaders(r, w.Header())
		w.WriteHeader(http.StatusOK)
		return nil
	}
	client, err := s.Engine.Open(req)
	if err != nil {
		return s.refuse(c, req, err)
	}
	streamHeaders(r, w.Header())
	// The engine needs the server's own writer: Echo's hides errors of Flush.
	client.Serve(r.Context(), w.Writer)
	return nil
}

// streamHeaders sets the headers of every event stream.
func streamHeaders(r *http.Request, header http.Header) {
	header.Set("Content-Type", sse.ContentType)
	header.Set("Cache-Control", "no-cache, no-transform")
	header.Set("X-Accel-Buffering", "no") // nginx
	header.Set("Incremental", "?1")       // draft-ietf-httpbis-incremental
	if r.ProtoMajor == 1 {
		header.Set("Connection", "keep-alive")
	}
}

// parseStream reads what the client asked for. A Last-Event-ID is never an
// error: the hub answers it with a reset if need be.
func parseStream(r *http.Request) (fanout.Request, error) {
	query := r.URL.Query()
	req := fanout.Request{Streams: streamNames(query["stream"])}

	req.LastEventID = r.Header.Get("Last-Event-ID")
	for _, name := range []string{"last_event_id", "lastEventId"} {
		if req.LastEventID == "" {
			req.LastEventID = query.Get(name)
		}
	}
	if text := query.Get("limit"); text != "" {
		limit, err := strconv.Atoi(text)
		if err != nil || limit < 1 {
			return req, newProblem(http.StatusBadRequest, "limit must be a whole number from 1 upwards.")
		}
		req.Limit = limit
	}
	switch query.Get("heartbeat") {
	case "", "comment":
	case "event":
		req.HeartbeatEvent = true
	default:
		return req, newProblem(http.StatusBadRequest, "heartbeat must be event or comment.")
	}
	return req, nil
}

// streamNames returns the names in "a,b" or repeated parameters, each once.
func streamNames(values []string) []string {
	var names []string
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			if name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// known returns a problem if one of the streams does not exist.
func (s *server) known(names []string) error {
	all := s.Hub.StreamNames()
	for _, name := range names {
		if !slices.Contains(all, name) {
			return s.unknownStream()
		}
	}
	if len(names) == 0 && !slices.Contains(all, hub.DefaultStream) {
		return s.unknownStream()
	}
	return nil
}

func (s *server) unknownStream() error {
	p := newProblem(http.StatusNotFound, "There is no such stream.")
	p.Streams = s.Hub.StreamNames()
	return p
}

// refuse answers a client that was not let in. EventSource gives up for good on
// any status but 200, so a caller that is one gets 200, a later time to return,
// the reason as a status, and the end.
func (s *server) refuse(c echo.Context, req fanout.Request, err error) error {
	var class string
	var low, high time.Duration
	switch {
	case errors.Is(err, hub.ErrUnknownStream):
		return s.unknownStream()
	case errors.Is(err, hub.ErrTooManyStreams):
		return newProblem(http.StatusBadRequest, "Too many streams on one connection.")
	case errors.Is(err, hub.ErrFull):
		class, low, high = "overloaded", 30*time.Second, 60*time.Second
	case errors.Is(err, fanout.ErrDraining), errors.Is(err, hub.ErrClosed):
		class, low, high = "draining", 2*time.Second, 5*time.Second
	default:
		return err
	}
	after := low + rand.N(high-low)
	if !strings.Contains(c.Request().Header.Get("Accept"), "text/event-stream") {
		c.Response().Header().Set("Retry-After", strconv.Itoa(int(after/time.Second)))
		return newProblem(http.StatusServiceUnavailable, "No new streams now: %s.", class)
	}

	name := hub.DefaultStream
	if len(req.Streams) > 0 {
		name = req.Streams[0]
	}
	document, err := hub.Status{State: hub.Down, Since: time.Now(), Error: class}.Document(name)
	if err != nil {
		return err
	}
	body, err := sse.AppendEvent(sse.AppendRetry(nil, after), sse.Event{Name: "status", Data: document})
	if err != nil {
		return err
	}
	streamHeaders(c.Request(), c.Response().Header())
	c.Response().WriteHeader(http.StatusOK)
	_, err = c.Response().Write(body)
	return err
}
