package httpjson

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/polluxhub/pollux/poller"
)

// Login is a request that is sent before the first one to the URL, and whose cookies are
// sent with the others. It is sent again if the host of the URL answers 401 or 403, or
// redirects to an HTML page or to a host that is not allowed; then the request to the URL is
// sent once more. It is not sent again if the last one is younger than 10 s, or than 1 s if a
// document came after it. A fetch sends it at most once.
// The zero value means none.
//
// It follows redirects as the other requests do. A status of 2xx at the end is a success.
type Login struct {
	// URL is an absolute http or https URL without a user. It is reached as OAuth2.TokenURL
	// is.
	URL string

	// Method is one of Methods. Empty means POST.
	Method string

	// Header and HeaderFiles are sent as those of Options are, but with this request alone.
	// Those of Options are not sent with it.
	Header      http.Header
	HeaderFiles map[string]HeaderFile

	// Body is the body of a POST, at most 1 MiB. If BodyFile is set, the body is the content
	// of that file, without the line breaks at its end, as it is at the time of the login.
	// The Content-Type is application/json unless Header says otherwise.
	Body     []byte
	BodyFile string
}

// ExampleLoginURL is the Login.URL that errors show as an example.
const ExampleLoginURL = "https://app.example.com/login"

// isSet reports whether there is a login.
func (l *Login) isSet() bool {
	return l.URL != "" || l.Method != "" || len(l.Header) > 0 || len(l.HeaderFiles) > 0 || len(l.Body) > 0 || l.BodyFile != ""
}

// entry is Login, checked.
type entry struct {
	options Options
	request checked
	file    *fresh[string] // of the body; nil: Options.Body
}

// checkLogin returns nil if there is no login, or the mistakes in it.
func (o Options) checkLogin() (*entry, error) {
	l := o.Login
	if !l.isSet() {
		return nil, nil
	}
	var errs []error
	if err := CheckEndpoint(l.URL, ExampleLoginURL); err != nil {
		return nil, fmt.Errorf("httpjson: Login.URL: %w", err)
	}
	if o.OAuth2.isSet() {
		errs = append(errs, errors.New("httpjson: Login and OAuth2, want one of them"))
	}
	if len(l.Body) > 0 && l.BodyFile != "" {
		errs = append(errs, errors.New("httpjson: Login.Body and Login.BodyFile, want one of them"))
	}
	e := &entry{options: o.elsewhere(l.URL)}
	e.options.Method, e.options.Header, e.options.HeaderFiles, e.options.Body = l.Method, l.Header, l.HeaderFiles, bytes.Clone(l.Body)
	if l.Method == "" {
		e.options.Method = http.MethodPost
	}
	if l.BodyFile != "" {
		var err error
		if e.file, err = newFresh(parseSecret, l.BodyFile); err != nil {
			errs = append(errs, err)
		}
		if e.options.Method == http.MethodGet {
			errs = append(errs, errors.New("httpjson: Login.BodyFile with GET, want POST"))
		}
	}
	var err error
	if e.request, err = e.options.check(); err != nil {
		errs = append(errs, fmt.Errorf("httpjson: Login: %s", strings.ReplaceAll(err.Error(), "httpjson: ", ""))) // of several lines
	}
	return e, errors.Join(errs...)
}

// noLogin begins the words of a failure.
const noLogin = "no login"

// session logs one client in, see Login.
type session struct {
	*entry
	sender *client
	jar    *cookies
	pass   *pass
}

// newSession returns how a client logs in whose cookies are in the jar.
func newSession(e *entry, jar *cookies) *session {
	s := &session{entry: e, sender: newClient(e.options, e.request), jar: jar, pass: &pass{what: noLogin}}
	s.sender.cookies = jar
	return s
}

// enter implements entrance.
func (s *session) enter(ctx context.Context, stale *credential, worked bool) (*credential, *poller.Error) {
	return s.pass.get(ctx, stale, worked, s.login)
}

// rejects implements entrance. Many sites redirect to a page where a person would log in.
func (s *session) rejects(got arrival, failure *poller.Error) bool {
	if failure != nil {
		return failure.Class == classRedirect
	}
	status := got.response.StatusCode
	return got.home && (status == http.StatusUnauthorized || status == http.StatusForbidden) || got.redirects > 0 && mediaOf(got.response.Header) == "text/html"
}

// stop implements entrance.
func (s *session) stop() { _ = s.sender.Close() } // its error is always nil

// client implements entrance.
func (s *session) client() *client { return s.sender }

// secrets implements entrance.
func (s *session) secrets() []string {
	if s.file == nil {
		return nil
	}
	return []string{s.file.get()}
}

// login sends the request once.
func (s *session) login(ctx context.Context) (*credential, *poller.Error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first := hop{url: s.request.url, method: s.request.method, body: s.options.Body, home: true}
	if s.file != nil {
		first.body = []byte(s.file.get())
	}
	before := s.jar.sets()
	got, failure := s.sender.get(ctx, cancel, first, poller.Version{})
	if failure != nil {
		return nil, prefixed(noLogin, failure)
	}
	got.leave()
	status, header := got.response.StatusCode, got.response.Header
	if status/100 != 2 {
		s.sender.doubt(status)
		if s.file != nil {
			s.file.forget()
		}
		failure = fail(classLogin, noLogin+": the login was answered "+statusWords(status), nil)
		failure.Wait, failure.Said = waitOf(status, header, s.sender.respect, time.Now())
		return nil, failure
	}
	now := time.Now()
	set := s.jar.sets() - before
	noted(ctx, fmt.Sprintf("logged in, cookies that were set: %d", set))
	next := &credential{note: "after a new login", since: now}
	if set == 0 {
		next.note = "after a login that set no cookie"
	}
	return next, nil
}
