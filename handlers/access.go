package handlers

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/handlers/auth"
)

// challenge is the value of WWW-Authenticate for a caller without a credential (RFC 6750
// section 3).
const challenge = `Bearer realm="pollux"`

// challengeFor returns the value of WWW-Authenticate for a caller whose credential was refused
// with an error of package auth.
func challengeFor(cause error) string {
	if errors.Is(cause, auth.ErrMissing) {
		return challenge
	}
	return challenge + `, error="invalid_token"`
}

// grantKey is where the context of a request has the grant of its caller.
const grantKey = "grant"

// publisherKey says in the context of a request that its bearer token is that of a stream.
const publisherKey = "publisher"

// isOpen reports whether everybody can read a stream. A name that no stream has is not
// open where some stream is guarded: the answer is then the same as for a guarded one.
func (s *server) isOpen(name string) bool {
	return s.Tokens == nil || s.known(name) && !s.Guarded(name)
}

// until returns until when somebody may read streams: now if he may not, and zero means
// for ever. It has no lock and does not wait, because the writers of the engine call it.
type until func(streams []string) time.Time

// untilOf returns nil if everybody may read everything, for ever.
func (s *server) untilOf(grant *auth.Grant) until {
	switch {
	case s.Tokens == nil:
		return nil
	case grant == nil:
		return s.anonymous
	}
	return func(streams []string) time.Time { return s.readUntil(*grant, streams) }
}

// readUntil returns until when the bearer of a grant may read streams. One that has been
// removed does not count: its client is told.
func (s *server) readUntil(grant auth.Grant, streams []string) time.Time {
	renewed, ok := s.Tokens.Renew(grant)
	var expires time.Time
	for _, name := range streams {
		switch {
		case !s.known(name) || s.isOpen(name):
		case !ok || !renewed.Subscribe.Match(name):
			return time.Now()
		default:
			expires = renewed.Expires
		}
	}
	return expires
}

// authorizeRead returns an error unless the caller may read these streams. A caller without
// a token gets the same answer for a guarded and for an unknown name, and so does one whose
// token does not allow the name. No token is looked at if all streams are open.
func (s *server) authorizeRead(c echo.Context, names ...string) error {
	_, _, err := s.authorize(c, "", names, false)
	return err
}

// authorize is authorizeRead for a caller that may have a ticket, and returns until when it
// may read them. With some, the caller gets the streams that it can read, if there is one,
// and the others are hidden from it. A caller without any credential can read those that
// are open. One with a wrong credential gets none, because it can have another.
func (s *server) authorize(c echo.Context, ticket string, names []string, some bool) (hidden []string, may until, err error) {
	guarded := slices.DeleteFunc(slices.Clone(names), s.isOpen)
	if len(guarded) == 0 || some && len(guarded) < len(names) && ticket == "" && !s.hasToken(c.Request()) {
		return guarded, s.untilOf(nil), nil
	}
	grant, err := s.authenticate(c, ticket)
	if err != nil {
		return nil, nil, err
	}
	hidden = slices.DeleteFunc(guarded, grant.Subscribe.Match)
	if len(hidden) > 0 && (!some || len(hidden) == len(names)) {
		return nil, nil, s.refuseScope(c, "The token does not allow to read that stream.")
	}
	return hidden, s.untilOf(&grant), nil
}

// hasToken reports whether a request has a token, even a wrong one.
func (s *server) hasToken(r *http.Request) bool {
	return len(r.Header.Values("Authorization")) > 0 || len(r.CookiesNamed(tokenCookie)) > 0 && s.countsCookie(r)
}

// authorizeList returns a problem for a caller that can see no stream because it has no
// token, or because its token is wrong.
func (s *server) authorizeList(c echo.Context) error {
	if s.Tokens == nil {
		return nil
	}
	if _, err := s.tokenOf(c.Request()); err != nil && len(s.visibleNames(c)) > 0 {
		return nil
	}
	_, err := s.authenticate(c, "")
	return err
}

// authenticate returns the grant of the caller, and remembers it for visible. It is that of
// the ticket if there is one, which is not valid any more then. Its error is a problem, the
// same one for each wrong token.
func (s *server) authenticate(c echo.Context, ticket string) (grant auth.Grant, err error) {
	if ticket == "" {
		return s.grantOf(c, readToken)
	}
	grant, err = s.tickets.Take(ticket)
	grant, valid := s.Tokens.Renew(grant)
	if err == nil && !valid {
		err = auth.ErrWrong // the token of the ticket is not there any more
	}
	if err != nil {
		return auth.Grant{}, s.refuseToken(c, accessTicket, err)
	}
	c.Set(grantKey, grant)
	return grant, nil
}

// grantOf is authenticate for a caller without a ticket. kind is what its refusal counts as.
func (s *server) grantOf(c echo.Context, kind credential) (grant auth.Grant, err error) {
	token, err := s.tokenOf(c.Request())
	if err == nil {
		grant, err = s.Tokens.Verify(c.Request().Context(), token)
	}
	if err != nil {
		return auth.Grant{}, s.refuseToken(c, kind, err)
	}
	c.Set(grantKey, grant)
	return grant, nil
}

// tokenOf returns the token of a request: that of the header Authorization if it has one,
// otherwise that of the cookie, if it counts, of which there must be one only. A token in the
// query is not looked at: it would be in the logs of proxies and in the history of browsers.
func (s *server) tokenOf(r *http.Request) (string, error) {
	cookies := r.CookiesNamed(tokenCookie)
	if len(r.Header.Values("Authorization")) > 0 || len(cookies) != 1 || cookies[0].Value == "" || !s.countsCookie(r) {
		return auth.Token(r.Header)
	}
	return cookies[0].Value, nil
}

// private marks the answers that depend on the caller, for caches that are shared.
func private(c echo.Context, control string) string {
	if c.Get(grantKey) == nil {
		return control
	}
	return "private, " + control
}

// refuseToken returns the problem for a caller without a valid token, and counts it.
func (s *server) refuseToken(c echo.Context, kind credential, cause error) error {
	s.refuseCredential(c, kind, cause)
	header := c.Response().Header()
	switch {
	case errors.Is(cause, auth.ErrUnavailable):
		setRetryAfter(header, retrySoon)
		return newProblem(http.StatusServiceUnavailable, "Tokens cannot be checked now.")
	case errors.Is(cause, auth.ErrMissing):
		header.Set("WWW-Authenticate", challengeFor(cause))
		return newProblem(http.StatusUnauthorized, "This needs one token, as Authorization: Bearer TOKEN.")
	}
	header.Set("WWW-Authenticate", challengeFor(cause))
	return newProblem(http.StatusUnauthorized, "The token is not valid, or not valid any more.")
}

// refuseScope returns the problem for a caller whose valid token does not allow what it
// asks for. The problem has what the token allows to see.
func (s *server) refuseScope(c echo.Context, detail string) error {
	s.Counts.refused(narrowToken)
	c.Response().Header().Set("WWW-Authenticate", challenge+`, error="insufficient_scope"`)
	p := newProblem(http.StatusForbidden, "%s", detail)
	p.Streams = s.visibleNames(c)
	return p
}

// visible reports whether the caller may know of a stream. It may know of one with keys
// if its token may allow one of them.
func (s *server) visible(c echo.Context, name string, keyed bool) bool {
	if s.isOpen(name) {
		return true
	}
	if c.Get(publisherKey) != nil && s.PublishAuth(name).Check(c.Request().Header) == nil {
		return true
	}
	grant, _ := c.Get(grantKey).(auth.Grant)
	for _, allowed := range []auth.Patterns{grant.Subscribe, grant.Publish} {
		if allowed.Match(name) || keyed && allowed.Touch(name+"/") {
			return true
		}
	}
	return false
}

// visibleNames returns those of names that the caller may know.
func (s *server) visibleNames(c echo.Context) []string {
	return slices.DeleteFunc(s.names(), func(name string) bool {
		stream, _, keyed := strings.Cut(name, "/")
		return !s.visible(c, stream, keyed)
	})
}

// readsAll reports whether the caller may read every stream.
func (s *server) readsAll(c echo.Context) bool {
	grant, _ := c.Get(grantKey).(auth.Grant)
	return s.Tokens == nil || grant.Subscribe.Any()
}

// guardedMetrics lets only bearers of a token for every stream read the metrics where there
// are tokens, because their labels have the names of all streams.
func (s *server) guardedMetrics(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if s.Tokens == nil {
			return next(c)
		}
		_, err := s.authenticate(c, "")
		switch {
		case err != nil:
			return err
		case !s.readsAll(c):
			return s.refuseScope(c, "The metrics need a token that allows to read every stream.")
		}
		return next(c)
	}
}
