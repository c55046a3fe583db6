package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/hub/fanout/view"
)

// latestRequest is a parsed request for GET /api/latest.
type latestRequest struct {
	stream string
	wait   time.Duration // for a newer document; 0 means not at all
	fields document.Projection
	may    until  // until when the caller may read it
	after  string // the ID of the document that the caller has; If-None-Match can name it too
	html   string // what the entity tag of HTML has in addition to the ID; empty for JSON
}

// tag returns the entity tag of the answer, with its quotes. JSON and HTML may have one URL,
// and another template makes another HTML, so their tags differ.
func (req latestRequest) tag(event *hub.Event) string {
	return `"` + event.ID().String() + req.html + `"`
}

// latest answers GET /api/latest with the newest document of a stream. Its ETag is
// the ID of the event in quotes, so a caller can use it as Last-Event-ID. That of HTML
// has the mark of the template too.
//
// With ?wait=30s, a caller that has the newest document, by If-None-Match or
// ?after=ID, gets the next one, or 304 after that time. If the stream has no document
// yet, the caller gets the first one, or 503. Any other caller gets the newest
// document at once. HEAD never waits.
func (s *server) latest(c echo.Context) error {
	req, err := s.parseLatest(c)
	if err != nil {
		return err
	}
	if err := s.wake(c.Request(), req); err != nil {
		return s.refuseToWait(c, err)
	}
	event, err := s.Hub.Latest(req.stream)
	if err != nil {
		return err
	}
	if req.wait > 0 && c.Request().Method != http.MethodHead && !req.isNews(c.Request(), event) {
		return s.awaitLatest(c, req)
	}
	return s.answerLatest(c, req, event)
}

// wake has an idle stream polled, for which a key that is polled has to exist.
func (s *server) wake(r *http.Request, req latestRequest) error {
	polled := s.Polled(req.stream)
	if polled || req.wait > 0 {
		if err := s.admitKeys(r, req.stream); err != nil {
			return err
		}
	}
	if polled {
		if err := s.Hub.Touch(req.stream); err != nil {
			return err
		}
	}
	s.Refresh(req.stream)
	return nil
}

func (s *server) parseLatest(c echo.Context) (latestRequest, error) {
	req := latestRequest{stream: hub.DefaultStream}
	query, err := latestRoute.parse(c.Request())
	if err != nil {
		return req, err
	}
	asked, err := s.streamNames(c, query, false)
	if err != nil {
		return req, err
	}
	req.may = asked.may
	switch len(asked.names) {
	case 0:
	case 1:
		req.stream = asked.names[0]
	default:
		return req, newProblem(http.StatusBadRequest, "This route takes one stream. /api/sse takes several.")
	}
	if req.fields, err = document.NewProjection(fields(query)); err != nil {
		return req, err
	}
	if req.html, err = s.negotiateHTML(c, query, req); err != nil {
		return req, err
	}
	// An invalid ID matches no document.
	req.after = query.Get("after")
	req.wait, err = parseWait(query)
	if left, ends := req.left(); ends {
		req.wait = min(req.wait, left) // which is still the right answer, 304 or 503
	}
	return req, err
}

// left returns for how long the caller may have the stream, if that ends.
func (req latestRequest) left() (left time.Duration, ends bool) {
	if req.may == nil {
		return 0, false
	}
	expires := req.may([]string{req.stream})
	return max(time.Until(expires), 0), !expires.IsZero()
}

// isOver reports whether the caller may not have the stream any more.
func (req latestRequest) isOver() bool {
	left, ends := req.left()
	return ends && left == 0
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
		return 0, newProblem(http.StatusBadRequest, "wait must be a duration from %v to %vs, such as 30s.", minWait, maxWait.Seconds())
	}
	return wait, nil
}

// isNews reports whether the event is an answer without any wait. If-None-Match: *
// matches each document, so waiting for another one is pointless.
func (req latestRequest) isNews(r *http.Request, event *hub.Event) bool {
	if event == nil {
		return false
	}
	values := r.Header.Values("If-None-Match")
	return strings.TrimSpace(strings.Join(values, ",")) == "*" || event.ID().String() != req.after && !hasTag(values, req.tag(event))
}

// answerLatest answers with the document, with 304 if the caller has it, or with 503
// without a document.
func (s *server) answerLatest(c echo.Context, req latestRequest, event *hub.Event) error {
	event, err := s.withRoom(c.Request(), req, event)
	if err != nil {
		return s.refuseWithoutRoom(c, err)
	}
	if event == nil { // perhaps only now: a key may have ended while the request waited
		setRetryAfter(c.Response().Header(), time.Second)
		return newProblem(http.StatusServiceUnavailable, "The stream has no document yet.")
	}
	r, header := c.Request(), c.Response().Header()
	id := event.ID().String()
	tag := req.tag(event)
	packs := false
	if s.packer != nil {
		header.Add("Vary", "Accept-Encoding")
		// The tag is weak whether the answer is compressed or not. So 304 does not
		// depend on that, and a client sees one form of the tag.
		if packs = acceptsGzip(r.Header); packs {
			tag = weak(tag)
		}
	}
	if id == req.after || hasTag(r.Header.Values("If-None-Match"), opaque(tag)) {
		setTimes(header, event, s.Hub.Now())
		return answerUnchanged(c, tag)
	}
	contentType, body, err := s.bodyOf(c, req, event)
	switch {
	case errors.Is(err, context.Canceled):
		return nil // the client is gone
	case err != nil:
		return err
	}
	setTimes(header, event, s.Hub.Now())
	coding := ""
	if packs {
		if packed := s.packer.get(r.Context(), packKey{id, req.fields.String() + req.html}, body); packed != nil {
			coding, body = "gzip", packed
		}
	}
	defer s.Engine.Hold(body)()
	return answerTagged(c, contentType, tag, coding, body)
}

// bodyOf returns the document, or what the caller wants of it.
func (s *server) bodyOf(c echo.Context, req latestRequest, event *hub.Event) (contentType string, body []byte, err error) {
	ctx := c.Request().Context()
	if req.html == "" {
		body, err = s.Engine.Part(ctx, event, req.fields)
		return jsonType, body, err
	}
	body, err = s.Engine.HTML(ctx, event)
	if errors.Is(err, view.ErrNoHTML) {
		return "", nil, newProblem(http.StatusInternalServerError, "The template of the stream does not fit its newest document. The log of the server says why.")
	}
	protectHTML(c.Response().Header())
	return htmlType, body, err
}

// roomWait is how long a request for a large document waits while clients that read
// slowly hold too much in memory.
const roomWait = 5 * time.Second

// withRoom returns the event if its document can be answered now. If clients hold too
// much, it waits without the event, and returns the newest one afterwards. Parts of
// documents, 304 and HEAD need no room.
func (s *server) withRoom(r *http.Request, req latestRequest, event *hub.Event) (*hub.Event, error) {
	if r.Method == http.MethodHead || req.fields.String() != "" || !req.isNews(r, event) || s.Engine.HasRoom(len(event.Data())) {
		return event, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), roomWait)
	defer cancel()
	if err := s.Engine.AwaitRoom(ctx); err != nil {
		return nil, err
	}
	return s.Hub.Latest(req.stream)
}

// refuseWithoutRoom answers a caller for whose document there is no room.
func (s *server) refuseWithoutRoom(c echo.Context, err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		s.Counts.refused(tooMuchHeld)
		setRetryAfter(c.Response().Header(), retrySoon)
		return newProblem(http.StatusServiceUnavailable, "Clients that read slowly hold too much in memory now.")
	case errors.Is(err, context.Canceled):
		return nil // the client is gone
	default:
		return err
	}
}

// setTimes sets the time of the document and the time of the server. Their difference
// is the age of the document, whatever the clock of the client says.
func setTimes(header http.Header, event *hub.Event, now time.Time) {
	header.Set("Pollux-Now", *hub.FormatTime(now))
	if made := hub.FormatTime(event.TimeAt(now)); made != nil {
		header.Set("Pollux-Event-Time", *made)
	}
}

// awaitLatest answers when a newer document comes, the wait is over, or the engine
// drains. Until then the request counts as a client.
func (s *server) awaitLatest(c echo.Context, req latestRequest) error {
	r := c.Request()
	release, err := s.Engine.Admit(r.Context(), s.address(r))
	if err != nil {
		return s.refuseToWait(c, err)
	}
	defer release()
	if err := extend(c, req.wait); err != nil {
		return err
	}
	timeout := time.NewTimer(req.wait)
	defer timeout.Stop()
	for !s.Engine.Draining() {
		// It subscribes before it reads the newest document, so it misses none.
		subscription, err := s.Hub.Subscribe(r.Context(), hub.SubscribeOptions{Streams: []string{req.stream}})
		if err != nil {
			return s.refuseToWait(c, err)
		}
		event, over, err := s.watch(r, req, subscription, timeout.C)
		subscription.Close()
		switch {
		case r.Context().Err() != nil:
			return nil // the client is gone
		case err != nil:
			return err
		case req.isNews(r, event) && req.isOver():
			return s.refuseToken(c, readToken, auth.ErrWrong)
		case over || req.isNews(r, event):
			return s.answerLatest(c, req, event)
		}
	}
	return s.refuseToWait(c, hub.ErrClosed)
}

// watch returns the newest document when that is news, when the wait is over, when the
// subscription ends, or when the engine drains.
func (s *server) watch(r *http.Request, req latestRequest, subscription *hub.Subscription, timeout <-chan time.Time) (event *hub.Event, over bool, err error) {
	for {
		event, err = s.Hub.Latest(req.stream)
		if err != nil || req.isNews(r, event) {
			return event, false, err
		}
		select {
		case _, ok := <-subscription.Events():
			if !ok {
				event, err = s.Hub.Latest(req.stream)
				return event, false, err
			}
		case <-s.Engine.DrainBegins():
			return event, false, nil
		case <-timeout:
			return event, true, nil
		}
	}
}

// extend sets the deadlines for an answer that comes after a wait. The read deadline
// stays, because the body may not have arrived yet.
func extend(c echo.Context, wait time.Duration) error {
	control := http.NewResponseController(c.Response().Writer)
	until := time.Now().Add(wait + bodyTimeout)
	if err := control.SetReadDeadline(until); err != nil {
		return err
	}
	return control.SetWriteDeadline(until.Add(answerTimeout))
}

// refuseToWait answers a caller that is not admitted, to wait or with a new key.
func (s *server) refuseToWait(c echo.Context, err error) error {
	if errors.Is(err, context.Canceled) {
		return nil // the client is gone
	}
	why, ok := s.refusalFor(c.Request(), err)
	if !ok {
		return err
	}
	header := c.Response().Header()
	closeAfter(c.Request(), header, why)
	setRetryAfter(header, why.after())
	what := "waiting requests"
	if isAboutKeys(err) {
		what = "new keys"
	}
	return why.problem(what)
}
