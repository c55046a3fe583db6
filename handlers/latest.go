package handlers

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
)

// question is what a caller wants of GET /api/latest.
type question struct {
	stream string
	wait   time.Duration // for something new; 0 means no time
	fields document.Projection
	after  string // the ID of the document that the caller has, beside its If-None-Match
}

// latest answers GET /api/latest with the newest document of a stream. Its ETag
// is the event's ID in quotes, so a caller can go on with it as Last-Event-ID.
//
// With ?wait=30s, a caller that has that document already, as it says by
// If-None-Match or ?after=ID, is answered when there is another, or by 304 when
// the time is over. So is a caller of a stream without a document, who gets the
// first one, or 503. Anybody else is answered at once, and so is HEAD.
func (s *server) latest(c echo.Context) error {
	ask, err := s.parseLatest(c.Request())
	if err != nil {
		return err
	}
	s.Refresh(ask.stream)
	event, err := s.Hub.Latest(ask.stream)
	if err != nil {
		return err
	}
	if ask.wait > 0 && c.Request().Method != http.MethodHead && !ask.isNews(c.Request(), event) {
		return s.awaitLatest(c, ask)
	}
	return s.answerLatest(c, ask, event)
}

func (s *server) parseLatest(r *http.Request) (question, error) {
	ask := question{stream: hub.DefaultStream}
	query, err := latestRoute.parse(r)
	if err != nil {
		return ask, err
	}
	names, err := s.streamNames(query, false)
	if err != nil {
		return ask, err
	}
	switch len(names) {
	case 0:
	case 1:
		ask.stream = names[0]
	default:
		return ask, newProblem(http.StatusBadRequest, "One stream at a time.")
	}
	if ask.fields, err = document.NewProjection(fields(query)); err != nil {
		return ask, err
	}
	// What is no ID is that of no document.
	ask.after = query.Get("after")
	ask.wait, err = parseWait(query)
	return ask, err
}

// The bounds of wait.
const (
	minWait = time.Millisecond
	maxWait = time.Minute
)

func parseWait(query url.Values) (time.Duration, error) {
	text := query.Get("wait")
	if text == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(text)
	if err != nil || wait < minWait || wait > maxWait {
		return 0, newProblem(http.StatusBadRequest, "wait must be a time from 1ms to 60s, such as 30s.")
	}
	return wait, nil
}

// isNews reports whether there is nothing to wait for. If-None-Match: * is true of
// every document, so no other one would be news.
func (ask question) isNews(r *http.Request, event *hub.Event) bool {
	if event == nil {
		return false
	}
	values := r.Header.Values("If-None-Match")
	id := event.ID().String()
	return strings.TrimSpace(strings.Join(values, ",")) == "*" || id != ask.after && !hasTag(values, `"`+id+`"`)
}

// answerLatest answers with the document, if the caller does not have it, or with
// there being none.
func (s *server) answerLatest(c echo.Context, ask question, event *hub.Event) error {
	if event == nil {
		c.Response().Header().Set("Retry-After", "1")
		return newProblem(http.StatusServiceUnavailable, "The stream has no document yet.")
	}
	r, header := c.Request(), c.Response().Header()
	id := event.ID().String()
	tag := `"` + id + `"`
	packs := false
	if s.packer != nil {
		header.Add("Vary", "Accept-Encoding")
		// The tag is weak then whether it is compressed or not, so that 304 needs not
		// know, and no client sees it in two forms.
		if packs = acceptsGzip(r.Header); packs {
			tag = weak(tag)
		}
	}
	tellTimes(header, event)
	if id == ask.after || hasTag(r.Header.Values("If-None-Match"), opaque(tag)) {
		return answerUnchanged(c, tag)
	}
	body, err := s.Engine.Part(r.Context(), event, ask.fields)
	switch {
	case errors.Is(err, context.Canceled):
		return nil // nobody is there to be answered
	case err != nil:
		return err
	}
	coding := ""
	if packs {
		if packed := s.packer.get(r.Context(), packKey{id, ask.fields.String()}, body); packed != nil {
			coding, body = "gzip", packed
		}
	}
	return answerTagged(c, "application/json", tag, coding, body)
}

// tellTimes says when the document came and what time it is here, so that nobody
// has to trust another clock to know its age.
func tellTimes(header http.Header, event *hub.Event) {
	header.Set("Pollux-Now", *hub.FormatTime(time.Now()))
	if made := hub.FormatTime(event.Time()); made != nil {
		header.Set("Pollux-Event-Time", *made)
	}
}

// awaitLatest answers when there is news, or the time is over, or this process
// ends. Meanwhile it has the place of a client.
func (s *server) awaitLatest(c echo.Context, ask question) error {
	r := c.Request()
	release, err := s.Engine.Admit(r.Context(), s.address(r))
	if err != nil {
		return s.refuseToWait(c, err)
	}
	defer release()
	if err := extend(c, ask.wait); err != nil {
		return err
	}
	timeout := time.NewTimer(ask.wait)
	defer timeout.Stop()
	for !s.Engine.Draining() {
		// Subscribed first, looked then: nothing can come between unseen.
		subscription, err := s.Hub.Subscribe(r.Context(), hub.SubscribeOptions{Streams: []string{ask.stream}})
		if err != nil {
			return s.refuseToWait(c, err)
		}
		event, over, err := s.watch(r, ask, subscription, timeout.C)
		subscription.Close()
		switch {
		case r.Context().Err() != nil:
			return nil // nobody is there to be answered
		case err != nil:
			return err
		case over || ask.isNews(r, event):
			return s.answerLatest(c, ask, event)
		}
	}
	return s.refuseToWait(c, hub.ErrClosed)
}

// watch returns the newest document when it is news, or the time is over, or the
// subscription ends, or the engine drains.
func (s *server) watch(r *http.Request, ask question, subscription *hub.Subscription, timeout <-chan time.Time) (event *hub.Event, over bool, err error) {
	for {
		event, err = s.Hub.Latest(ask.stream)
		if err != nil || ask.isNews(r, event) {
			return event, false, err
		}
		select {
		case _, ok := <-subscription.Events():
			if !ok {
				event, err = s.Hub.Latest(ask.stream)
				return event, false, err
			}
		case <-s.Engine.DrainBegins():
			return event, false, nil
		case <-timeout:
			return event, true, nil
		}
	}
}

// extend sets the deadlines for an answer that comes after a wait. That for reading
// is lengthened and not lifted, because of a body that may not have come.
func extend(c echo.Context, wait time.Duration) error {
	control := http.NewResponseController(c.Response().Writer)
	until := time.Now().Add(wait + bodyTimeout)
	if err := control.SetReadDeadline(until); err != nil {
		return err
	}
	return control.SetWriteDeadline(until.Add(answerTimeout))
}

// refuseToWait answers a caller that cannot wait here.
func (s *server) refuseToWait(c echo.Context, err error) error {
	if errors.Is(err, context.Canceled) {
		return nil // nobody is there to be answered
	}
	why, ok := s.refusalFor(err)
	if !ok {
		return err
	}
	header := c.Response().Header()
	letGo(c.Request(), header, why)
	after := why.low + rand.N(why.high-why.low)
	header.Set("Retry-After", strconv.Itoa(int(after/time.Second)))
	return newProblem(http.StatusServiceUnavailable, "Nobody can wait now: %s.", why.class)
}
