package handlers

import (
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
)

// ErrNotPolled is what Options.PollNow returns for a stream without a source.
var ErrNotPolled = errors.New("handlers: the stream is only published to")

// ErrNobodyPolls is what Options.PollNow returns for a stream that another node polls, if none
// of them answers.
var ErrNobodyPolls = errors.New("handlers: no node polls the stream now")

// PollAuth are the credentials for polling a stream now. A caller needs one of them.
// The zero value refuses all callers.
type PollAuth struct {
	Bearer    auth.Bearer
	Signature auth.Signature
}

// maxWebhook is the largest body that GitHub sends, in bytes. Only the signature of a
// body matters here, so bodies are read but not kept.
const maxWebhook = 25 << 20

// The rate at which requests can poll one stream.
const (
	pollsPerSecond = 1
	pollBurst      = 5
)

// pollGate limits the rate of polls by request.
type pollGate struct {
	// decoy replaces missing credentials, so that the refusal takes as long for a
	// stream without credentials, or for an unknown one, as for any other.
	decoy PollAuth

	mu     sync.Mutex
	limits map[string]*rate.Limiter // by the name of the stream
}

func newPollGate() *pollGate {
	return &pollGate{
		decoy:  PollAuth{auth.NewBearer(rand.Text()), auth.NewSignature(rand.Text())},
		limits: make(map[string]*rate.Limiter),
	}
}

// wait returns the time until a request for the stream is allowed, or 0 if it is
// allowed now. Each name must be that of a stream, which bounds the number of
// limiters. The keys of a stream share its limiter.
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

// retryNobodyPolls is when a caller should ask again: by then a lease has run out.
const retryNobodyPolls = 10 * time.Second

// polled is the answer to a request for a poll.
type polled struct {
	Stream   string  `json:"stream"`
	NextPoll *string `json:"nextPoll"`
}

// pollNow answers POST /api/streams/:name/poll. Only a caller that is allowed to poll a
// stream learns whether the stream exists.
func (s *server) pollNow(c echo.Context) error {
	name, header := streamParam(c), c.Response().Header()
	if err := s.authorizePoll(c, name); err != nil {
		return err
	}
	if !s.known(name) {
		return s.unknownStream(c, name)
	}
	stream, _ := hub.SplitName(name)
	if wait := s.polls.wait(stream); wait > 0 {
		setRetryAfter(header, wait+time.Second-1) // rounded up
		return newProblem(http.StatusTooManyRequests, "Requests can poll a stream once a second, after a burst of %d.", pollBurst)
	}
	next, err := s.PollNow(name)
	switch {
	case errors.Is(err, ErrNotPolled):
		return newProblem(http.StatusConflict, "The stream is not polled: documents are published to it.")
	case errors.Is(err, ErrNobodyPolls):
		setRetryAfter(header, retryNobodyPolls)
		return newProblem(http.StatusServiceUnavailable, "No node polls the stream at the moment. One will soon.")
	case err != nil:
		return err
	}
	return answerJSON(c, http.StatusAccepted, polled{name, hub.FormatTime(next)})
}

// authorizePoll returns a problem for a caller without the right token or signature.
// The problem is the same for a wrong credential, for a stream without credentials,
// and for an unknown stream.
func (s *server) authorizePoll(c echo.Context, name string) error {
	r := c.Request()
	allowed := s.PollAuth(name)
	if allowed == (PollAuth{}) && s.Tokens == nil && !s.anyPollAuth() {
		return newProblem(http.StatusForbidden, "Polling by request is off. The operator can turn it on with poll_token or poll_secret of a stream.")
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
	if _, err := s.tokenOf(r); err == nil && s.Tokens != nil {
		// A grant to publish is one to have a stream polled: either way there is a document.
		grant, err := s.grantOf(c, pollToken)
		if err == nil && !grant.Publish.Match(name) {
			err = s.refuseScope(c, "The token does not allow to have that stream polled.")
		}
		return err
	}
	tooLarge := newProblem(http.StatusRequestEntityTooLarge, "The body must have at most %d bytes.", maxWebhook)
	if r.ContentLength > maxWebhook {
		return tooLarge // a client that sent Expect then need not send the body
	}
	bySignature := allowed.Signature.Check(r.Header, http.MaxBytesReader(c.Response().Writer, r.Body, maxWebhook))
	var over *http.MaxBytesError
	header := c.Response().Header()
	switch {
	case bySignature == nil:
		return nil
	case errors.As(bySignature, &over):
		return tooLarge
	case errors.Is(bySignature, os.ErrDeadlineExceeded):
		return tooSlow()
	case errors.Is(byToken, auth.ErrWrong):
		s.refuseCredential(c, pollToken, byToken)
		header.Set("WWW-Authenticate", challengeFor(byToken))
		return newProblem(http.StatusUnauthorized, "The bearer token is wrong, or the stream does not exist.")
	case errors.Is(bySignature, auth.ErrWrong):
		s.refuseCredential(c, pollSignature, bySignature)
		header.Set("WWW-Authenticate", challenge)
		return newProblem(http.StatusUnauthorized, "The signature is wrong, or the stream does not exist.")
	case errors.Is(bySignature, auth.ErrMissing):
		s.refuseCredential(c, pollToken, byToken)
		header.Set("WWW-Authenticate", challenge)
		return newProblem(http.StatusUnauthorized, "Polling needs one bearer token, as Authorization: Bearer TOKEN, or one signature, as %s: sha256=HEX.", auth.SignatureHeader)
	default:
		return newProblem(http.StatusBadRequest, "The body ended early.")
	}
}

// anyPollAuth reports whether any stream can be polled by request.
func (s *server) anyPollAuth() bool {
	return slices.ContainsFunc(s.names(), func(name string) bool { return s.PollAuth(name) != PollAuth{} })
}
