package httpjson_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// site wants a session, which /login gives to those who know the password. Its fields are
// guarded by mu.
type site struct {
	mu       sync.Mutex
	password string
	valid    string                                       // the session
	expired  func(w http.ResponseWriter, r *http.Request) // answers a request without it; nil: 401
	answer   func(w http.ResponseWriter, r *http.Request) // of a right login; nil: 204
	logins   []string                                     // method, Content-Type and body
	polls    []string                                     // header Cookie
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/login" {
		body, _ := io.ReadAll(r.Body)
		s.logins = append(s.logins, r.Method+" "+r.Header.Get("Content-Type")+" "+string(body))
		if !strings.Contains(string(body), s.password) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		s.valid = fmt.Sprint("session-", len(s.logins))
		http.SetCookie(w, &http.Cookie{Name: "id", Value: s.valid, Path: "/"})
		if s.answer != nil {
			s.answer(w, r)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	s.polls = append(s.polls, r.Header.Get("Cookie"))
	switch {
	case r.Header.Get("Cookie") == "id="+s.valid && s.valid != "":
		_, _ = io.WriteString(w, "1")
	case s.expired != nil:
		s.expired(w, r)
	default:
		w.WriteHeader(http.StatusUnauthorized)
	}
}

func (s *site) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// inMemory returns a source of the site, for a synctest bubble.
func (s *site) inMemory(t *testing.T) *httpjson.Source {
	t.Helper()
	return newSource(t, httpjson.Options{
		URL: "http://a.example/", Transport: memoryUpstream(t, s.ServeHTTP), RedirectHosts: []string{"b.example"},
		Login: httpjson.Login{URL: "http://a.example/login", Body: []byte(`{"password":"hunter2"}`)},
	})
}

// fetches expects a fetch to succeed, and so many logins and polls by then.
func (s *site) fetches(t *testing.T, source *httpjson.Source, logins, polls int) {
	t.Helper()
	_, err := source.Fetch(t.Context(), poller.Version{})
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || len(s.logins) != logins || len(s.polls) != polls {
		t.Errorf("%v after %d logins and %d polls, want %d and %d", err, len(s.logins), len(s.polls), logins, polls)
	}
}

// TestLogin logs in before the first poll, and when the session has ended in each way in
// which sites say so.
func TestLogin(t *testing.T) {
	for name, expired := range map[string]func(http.ResponseWriter, *http.Request){
		"401": nil,
		"403": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"a redirect to a page": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/signin" {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				_, _ = io.WriteString(w, "<!doctype html>")
				return
			}
			http.Redirect(w, r, "/signin", http.StatusFound)
		},
		"a redirect to another host": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://sso.example/", http.StatusFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &site{password: "hunter2", expired: expired}
				source := s.inMemory(t)
				s.fetches(t, source, 1, 1)
				s.fetches(t, source, 1, 2)
				time.Sleep(10 * time.Second)
				s.change(func() { s.valid = "" })
				polls := 4
				if name == "a redirect to a page" {
					polls = 5
				}
				s.fetches(t, source, 2, polls)
				if last := s.polls[polls-1]; last != "id=session-2" {
					t.Errorf("shown %q", last)
				}
				if stats := source.Stats(); stats.Requests != uint64(polls)+2 {
					t.Errorf("%+v", stats)
				}
			})
		})
	}
}

// TestLoginRequest checks what is sent, and that the headers of one are not those of the
// other.
func TestLoginRequest(t *testing.T) {
	var got []string
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, fmt.Sprint(r.Method, r.URL.Path, r.Header["X-Poll"], r.Header["X-Login"], r.Header["Content-Type"], r.Header["Authorization"], string(body), r.UserAgent()))
		w.Header().Set("Set-Cookie", "a=b; Path=/")
		_, _ = io.WriteString(w, "1")
	})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	header := http.Header{"X-Poll": {"1"}}
	for _, login := range []httpjson.Login{
		{URL: server.URL + "/login", Header: http.Header{"X-Login": {"2"}, "Content-Type": {"application/x-www-form-urlencoded"}}, BodyFile: file},
		{URL: server.URL + "/login", Method: "GET", HeaderFiles: map[string]httpjson.HeaderFile{"authorization": {Path: file, Prefix: "Basic "}}},
	} {
		if _, err := get(t, httpjson.Options{URL: server.URL + "/", Header: header, UserAgent: "agent", Login: login}); err != nil {
			t.Error(err)
		}
	}
	want := []string{
		"POST/login[] [2] [application/x-www-form-urlencoded] []from-fileagent", "GET/[1] [] [] []agent",
		"GET/login[] [] [] [Basic from-file]agent", "GET/[1] [] [] []agent",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sent (-want +got)\n%s", diff)
	}
}

// TestLoginRedirects has logins that are answered by redirects, as those of forms are.
func TestLoginRedirects(t *testing.T) {
	to := func(where string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, where, http.StatusFound) }
	}
	for _, test := range []struct {
		to           string
		class, words string
		logins       int
	}{
		{"/home", "", "", 1},
		{"/login?again", "login", "no login: the login was answered 401 Unauthorized", 2},
		{"http://b.example/", "login", "no login: the login was answered 401 Unauthorized", 1}, // which has no session
		{"http://sso.example/?hunter2", "redirect", "no login: a redirect leads to sso.example, which redirect_hosts does not name", 1},
		{"http://hunter2.example/", "redirect", "no login: a redirect leads to another host, which redirect_hosts does not name", 1},
		{"ftp://a.example/", "redirect", "no login: a redirect leads to neither http nor https", 1},
	} {
		t.Run(url.QueryEscape(test.to), func(t *testing.T) {
			s := &site{password: "hunter2", answer: to(test.to)}
			_, err := s.inMemory(t).Fetch(t.Context(), poller.Version{})
			if class(t, err) != test.class || err != nil && wordsOf(t, err) != test.words || len(s.logins) != test.logins {
				t.Errorf("%v after %q", err, s.logins)
			}
		})
	}
}

// TestLoginFails has a wrong password, and then the right one.
func TestLoginFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{password: "correct horse"}
		source := s.inMemory(t)
		for range 100 { // ten seconds
			_, err := source.Fetch(t.Context(), poller.Version{})
			if class(t, err) != "login" || wordsOf(t, err) != "no login: the login was answered 401 Unauthorized" {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if len(s.logins) != 4 || len(s.polls) != 0 { // after 1, 2 and 4 s
			t.Errorf("%d logins, %d polls", len(s.logins), len(s.polls))
		}
		s.change(func() { s.password = "hunter2" })
		time.Sleep(5 * time.Second)
		s.fetches(t, source, 5, 1)
	})
}

// TestLoginIsNotAccepted has sites that accept no session: each poll has one login at most,
// and there are no more than one in ten seconds.
func TestLoginIsNotAccepted(t *testing.T) {
	for _, test := range []struct {
		answer func(w http.ResponseWriter, r *http.Request)
		want   string
	}{
		{nil, "the upstream answered 401 Unauthorized, after a new login"},
		{func(w http.ResponseWriter, _ *http.Request) { w.Header().Del("Set-Cookie") }, "the upstream answered 401 Unauthorized, after a login that set no cookie"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &site{password: "hunter2"}
			s.answer = func(w http.ResponseWriter, r *http.Request) {
				s.valid = ""
				if test.answer != nil {
					test.answer(w, r)
				}
			}
			source := s.inMemory(t)
			for range 200 { // twenty seconds
				_, err := source.Fetch(t.Context(), poller.Version{})
				if class(t, err) != "http_401" || wordsOf(t, err) != test.want {
					t.Fatal(err)
				}
				time.Sleep(100 * time.Millisecond)
			}
			if len(s.logins) != 2 || len(s.polls) != 201 {
				t.Errorf("%d logins, %d polls", len(s.logins), len(s.polls))
			}
		})
	}
}

// TestSessionsThatEndSoon has a site whose sessions are good for six polls. Each document comes:
// a session that worked is replaced as soon as it does not, however young it is.
func TestSessionsThatEndSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{password: "hunter2"}
		source := s.inMemory(t)
		polls := 0
		for n := range 60 {
			if n > 0 && n%6 == 0 {
				s.change(func() { s.valid = "" })
				polls++ // the one that is repeated
			}
			polls++
			s.fetches(t, source, 1+n/6, polls)
			time.Sleep(time.Second)
		}
		// A site that ends each session at once is not logged in to for each poll.
		s.change(func() { s.valid = "" })
		s.fetches(t, source, 11, polls+2)
		s.change(func() { s.valid = "" })
		if _, err := source.Fetch(t.Context(), poller.Version{}); class(t, err) != "http_401" || len(s.logins) != 11 {
			t.Errorf("%v, %d logins", err, len(s.logins))
		}
	})
}

// TestLoginKeys has many keys at once, which share one login.
func TestLoginKeys(t *testing.T) {
	s := &site{password: "hunter2"}
	server := upstream(t, s.ServeHTTP)
	k, err := httpjson.NewKeyed(httpjson.Options{
		URL: server.URL + "/{key}", Parallel: 20, Login: httpjson.Login{URL: server.URL + "/login", Body: []byte("hunter2")},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Close() }()
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if _, err := k.FetchKeys(t.Context(), []string{fmt.Sprint(i)}, poller.Version{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(s.logins) != 1 || len(s.polls) != 20 {
		t.Errorf("%d logins, %d polls", len(s.logins), len(s.polls))
	}
}

// TestLoginGuard has a login at an address that is always refused.
func TestLoginGuard(t *testing.T) {
	s := newSource(t, httpjson.Options{URL: "http://127.0.0.1:1/", Login: httpjson.Login{URL: "http://169.254.169.254/login"}})
	_, err := s.Fetch(t.Context(), poller.Version{})
	if class(t, err) != "forbidden_address" || !strings.HasPrefix(wordsOf(t, err), "no login: the address 169.254.169.254 is refused") {
		t.Error(err)
	}
}

// TestLoginSecrets has an upstream that echoes what it was sent with the login.
func TestLoginSecrets(t *testing.T) {
	var login string
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		if r.URL.Path == "/login" {
			body, _ := io.ReadAll(r.Body)
			login = string(body) + " " + r.Header.Get("X-Key")
			return
		}
		_, _ = io.WriteString(w, "you are "+login)
	})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]httpjson.Login{
		"the body": {Body: []byte("hunter2")}, "a header": {Header: http.Header{"X-Key": {"hunter2"}}},
		"a body from a file": {BodyFile: file}, "a header from a file": {HeaderFiles: map[string]httpjson.HeaderFile{"X-Key": {Path: file}}},
	} {
		l.URL = server.URL + "/login"
		reading, err := get(t, httpjson.Options{URL: server.URL + "/", Login: l})
		if err != nil || reading.Looks() != "its Content-Type is text/plain" || !strings.Contains(string(reading.Document), "hunter2") {
			t.Errorf("%s: %q, %v", name, reading.Looks(), err)
		}
	}
}

// TestSecretIsCut has a secret that is not wholly within what is shown of an answer.
func TestSecretIsCut(t *testing.T) {
	server := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, strings.Repeat("x ", 30)+"hunter2"+strings.Repeat("hunter2", 10)+" is wrong")
	})
	reading, err := get(t, httpjson.Options{URL: server.URL, Header: http.Header{"X-Key": {strings.Repeat("hunter2", 11)}}})
	if err != nil || reading.Looks() != "its Content-Type is text/plain" {
		t.Errorf("%q, %v", reading.Looks(), err)
	}
}

// TestLoginMistakes has options that are refused.
func TestLoginMistakes(t *testing.T) {
	for _, test := range []struct {
		login httpjson.Login
		want  string
	}{
		{httpjson.Login{Method: "POST"}, "httpjson: Login.URL: want an absolute http or https URL with a host, for example https://app.example.com/login"},
		{httpjson.Login{URL: "https://a:hunter2@b.example"}, "httpjson: Login.URL: want no user and no #fragment in it"},
		{httpjson.Login{URL: "https://a.example", Method: "PUT"}, `httpjson: Login: Method is "PUT", want GET or POST`},
		{httpjson.Login{URL: "https://a.example", Method: "GET", Body: []byte("x")}, "httpjson: Login: a Body with GET, want POST"},
		{httpjson.Login{URL: "https://a.example", Method: "GET", BodyFile: "/dev/null"}, "httpjson: Login.BodyFile with GET, want POST"},
		{httpjson.Login{URL: "https://a.example", BodyFile: "/none"}, "httpjson: open /none: no such file or directory"},
		{httpjson.Login{URL: "https://a.example", BodyFile: "/none", Body: []byte("x")}, "httpjson: Login.Body and Login.BodyFile, want one of them"},
		{httpjson.Login{URL: "https://a.example", Header: http.Header{"Te": {"x"}}}, "httpjson: Login: header Te cannot be set"},
	} {
		_, err := httpjson.New(httpjson.Options{URL: "http://a.example", Login: test.login})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v\nwant\n%s", err, test.want)
		}
	}
	both := httpjson.Options{URL: "http://a.example", Login: httpjson.Login{URL: "https://a.example"}, OAuth2: grantOf("http://b.example")}
	if _, err := httpjson.New(both); err == nil || !strings.Contains(err.Error(), "httpjson: Login and OAuth2, want one of them") {
		t.Error(err)
	}
}
