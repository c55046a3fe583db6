package handlers

import (
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
)

// ErrNotPolled is what Options.PollNow returns for a stream without a source.
var ErrNotPolled = errors.New("handlers: the stream is only published to")

// PollAuth says who may have a stream polled now: whoever satisfies either. The
// zero value lets in nobody.
type PollAuth struct {
	Bearer    auth.Bearer
	Signature auth.Signature
}

// maxWebhook is the largest body that GitHub sends, in bytes. Bodies are signed
// and say nothing else that matters here, so they are read and not kept.
const maxWebhook = 25 << 20

// How often one stream may be polled by request.
const (
	pollsPerSecond = 1
	pollBurst      = 5
)

// pollGate holds what the route needs from one request to the next.
type pollGate struct {
	// decoy stands for what a stream does not have, so that one without a
	// secret, and a name without a stream, take as long to refuse as others.
	decoy PollAuth

	mu     sync.Mutex
	limits map[string]*rate.Limiter // of streams that were polled by request
}

func newPollGate() *pollGate {
	return &pollGate{
		decoy:  PollAuth{auth.NewBearer(rand.Text()), auth.NewSignature(rand.Text())},
		limits: make(map[string]*rate.Limiter),
	}
}

// wait returns how long a request for the stream comes too early, 0 if it does
// not. The name is that of a stream, so there are not more limits than there ever
// were streams.
func (g *pollGate) wait(name string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	limit := g.limits[name]
	if limit == nil {
		limit = rate.NewLimiter(pollsPerSecond, pollBurst)
		g.limits[name] = limit
	}
	now := time.Now()
	reservation := limit.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}

// polled is the answer to whoever had a stream polled.
type polled struct {
	Stream   string  `json:"stream"`
	NextPoll *string `json:"nextPoll"`
}

// pollNow answers POST /api/streams/:name/poll. What a stream is asked for, and
// whether there is one of that name, is told only to those who may poll it.
func (s *server) pollNow(c echo.Context) error {
	name, header := c.Param("name"), c.Response().Header()
	if err := s.mayPoll(c, name); err != nil {
		return err
	}
	if !s.known(name) {
		return s.unknownStream()
	}
	if wait := s.polls.wait(name); wait > 0 {
		header.Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
		return newProblem(http.StatusTooManyRequests, "The stream may be polled once a second, and %d times in a row.", pollBurst)
	}
	next, err := s.PollNow(name)
	switch {
	case errors.Is(err, ErrNotPolled):
		return newProblem(http.StatusConflict, "The stream is only published to.")
	case err != nil:
		return err
	}
	return answerJSON(c, http.StatusAccepted, polled{name, hub.FormatTime(next)})
}

// mayPoll returns a problem for a caller without the right token or signature. It
// is the same for a wrong one, for a stream that has none, and for no stream.
func (s *server) mayPoll(c echo.Context, name string) error {
	r := c.Request()
	allowed := s.PollAuth(name)
	if allowed == (PollAuth{}) && !s.anyPollAuth() {
		return newProblem(http.StatusForbidden, "Polling by request is off. The operator turns it on by setting poll_token or poll_secret of a stream.")
	}
	if allowed.Bearer == (auth.Bearer{}) {
		allowed.Bearer = s.polls.decoy.Bearer
	}
	if allowed.Signature == (auth.Signature{}) {
		allowed.Signature = s.polls.decoy.Signature
	}
	byToken := allowed.Bearer.Check(r.Header)
	if byToken == nil {
		return nil
	}
	tooLarge := newProblem(http.StatusRequestEntityTooLarge, "The body may have %d bytes.", maxWebhook)
	if r.ContentLength > maxWebhook {
		return tooLarge // before it is sent, to whoever asks by Expect
	}
	bySignature := allowed.Signature.CheckFrom(r.Header, http.MaxBytesReader(c.Response().Writer, r.Body, maxWebhook))
	var over *http.MaxBytesError
	header := c.Response().Header()
	switch {
	case bySignature == nil:
		return nil
	case errors.As(bySignature, &over):
		return tooLarge
	case errors.Is(bySignature, os.ErrDeadlineExceeded):
		return newProblem(http.StatusRequestTimeout, "The body took longer than %v.", bodyTimeout)
	case errors.Is(byToken, auth.ErrWrong):
		s.refuseCredential(c, pollToken, byToken)
		header.Set("WWW-Authenticate", `Bearer realm="pollux", error="invalid_token"`)
		return newProblem(http.StatusUnauthorized, "The bearer token is not the right one for that stream, if there is one.")
	case errors.Is(bySignature, auth.ErrWrong):
		s.refuseCredential(c, pollSignature, bySignature)
		header.Set("WWW-Authenticate", `Bearer realm="pollux"`)
		return newProblem(http.StatusUnauthorized, "The signature is not the right one for that stream, if there is one.")
	case errors.Is(bySignature, auth.ErrMissing):
		s.refuseCredential(c, pollToken, byToken)
		header.Set("WWW-Authenticate", `Bearer realm="pollux"`)
		return newProblem(http.StatusUnauthorized, "Polling needs one bearer token, Authorization: Bearer TOKEN, or one signature, %s: sha256=HEX.", auth.SignatureHeader)
	default:
		return newProblem(http.StatusBadRequest, "The body broke off.")
	}
}

// anyPollAuth reports whether any stream can be polled by request.
func (s *server) anyPollAuth() bool {
	return slices.ContainsFunc(s.Hub.StreamNames(), func(name string) bool { return s.PollAuth(name) != PollAuth{} })
}
