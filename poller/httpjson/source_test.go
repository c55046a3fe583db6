package httpjson_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

func TestDocuments(t *testing.T) {
	const limit = 200
	longest := `"` + strings.Repeat("x", limit-2) + `"`
	for _, test := range []struct {
		name, answer, want string
	}{
		{"as written", sized(` { "b": 9007199254740993, "a": [1e400, -0.0, "\u2028"] } `), ` { "b": 9007199254740993, "a": [1e400, -0.0, "\u2028"] } `},
		{"not looked at", sized("<html>\xff"), "<html>\xff"},
		{"nothing", sized(""), ""},
		{"any content type", response("Content-Type: text/html\r\nContent-Length: 2", `{}`), `{}`},
		{"chunks", response("Transfer-Encoding: chunked", "3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n"), `[1,2]`},
		{"up to the end of the connection", response("Connection: close", `[1]`), `[1]`},
		{"as long as may be", sized(longest), longest},
		{"as long as may be, unknown length", response("Connection: close", longest), longest},
		{"as long as may be, packed", sizedGzip(packed(t, longest)), longest},
		{"gzip", sizedGzip(packed(t, ` {"a":1} `)), ` {"a":1} `},
		{"gzip in two members", sizedGzip(packed(t, `[1`) + packed(t, `]`)), `[1]`},
		{"x-gzip in capitals", response("Content-Encoding: X-GZIP\r\nConnection: close", packed(t, `1`)), `1`},
		{"identity", response("Content-Encoding: identity\r\nContent-Length: 1", `1`), `1`},
		{"after an interim response", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + sized(`1`), `1`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := get(t, httpjson.Options{URL: rawUpstream(t, says(test.answer)), MaxBody: limit})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(poller.Reading{Document: []byte(test.want)}, got, cmpopts.IgnoreFields(poller.Reading{}, "Looks")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestRequest checks what the upstream receives.
func TestRequest(t *testing.T) {
	agent := "pollux (+https://github.com/polluxhub/pollux)"
	defaults := http.Header{
		"Accept":          {"application/json, */*;q=0.5"},
		"Accept-Encoding": {"gzip"},
		"User-Agent":      {agent},
	}
	with := func(pairs ...string) http.Header {
		h := defaults.Clone()
		for i := 0; i < len(pairs); i += 2 {
			h[pairs[i]] = []string{pairs[i+1]}
		}
		return h
	}
	noEncoding := defaults.Clone()
	noEncoding.Del("Accept-Encoding")
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("ada:p@ss:word"))
	for _, test := range []struct {
		name string
		user string // in the URL
		opts httpjson.Options
		want http.Header
		host string
	}{
		{"defaults", "", httpjson.Options{}, defaults, ""},
		{"own headers", "", httpjson.Options{Header: http.Header{"x-api-key": {"k"}, "Accept": {"application/hal+json"}}}, with("X-Api-Key", "k", "Accept", "application/hal+json"), ""},
		{"no packing", "", httpjson.Options{Header: http.Header{"Accept-Encoding": {"identity"}}}, with("Accept-Encoding", "identity"), ""},
		{"no word of packing", "", httpjson.Options{Header: http.Header{"Accept-Encoding": {}}}, noEncoding, ""},
		{"own program", "", httpjson.Options{UserAgent: "mine/1"}, with("User-Agent", "mine/1"), ""},
		{"own program in a header", "", httpjson.Options{UserAgent: "mine/1", Header: http.Header{"User-Agent": {"yours/2"}}}, with("User-Agent", "yours/2"), ""},
		{"user and password", "ada:p%40ss%3Aword@", httpjson.Options{}, with("Authorization", basic), ""},
		{"token", "", httpjson.Options{Header: http.Header{"Authorization": {"Bearer t"}}}, with("Authorization", "Bearer t"), ""},
		{"another host's name", "", httpjson.Options{Header: http.Header{"Host": {"api.example.com"}}}, defaults, "api.example.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got *http.Request
			server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
				got = r
				http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
				_, _ = io.WriteString(w, `1`)
			})
			opts := test.opts
			opts.URL = strings.Replace(server.URL, "http://", "http://"+test.user, 1) + "/prices?limit=5#part"
			s := newSource(t, opts)
			for range 2 { // the second request must not return the cookie
				if _, err := s.Fetch(t.Context(), poller.Version{}); err != nil {
					t.Fatal(err)
				}
			}
			if got.Method != http.MethodGet || got.RequestURI != "/prices?limit=5" {
				t.Errorf("%s %s", got.Method, got.RequestURI)
			}
			if version, _, _ := strings.Cut(got.UserAgent(), " "); strings.HasPrefix(version, "pollux/") {
				got.Header.Set("User-Agent", agent) // a build that knows its version
			}
			if diff := cmp.Diff(test.want, got.Header); diff != "" {
				t.Errorf("headers (-want +got)\n%s", diff)
			}
			if test.host != "" && got.Host != test.host {
				t.Errorf("host %q, want %q", got.Host, test.host)
			}
		})
	}
}

// TestUserLeavesURL checks everything that shows URLs, such as a tracing transport.
func TestUserLeavesURL(t *testing.T) {
	transport := roundTripper(func(r *http.Request) *http.Response {
		if r.URL.String() != "http://upstream/a" || r.Header.Get("Authorization") == "" {
			t.Errorf("%v with headers %v", r.URL, r.Header)
		}
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`1`)), Request: r}
	})
	if _, err := get(t, httpjson.Options{URL: "http://user:password@upstream/a", Transport: transport}); err != nil {
		t.Error(err)
	}
}

// TestOptionsAreCopied has a caller that goes on using its header.
func TestOptionsAreCopied(t *testing.T) {
	header := http.Header{"X-Key": {"before"}}
	var got string
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("X-Key")
		_, _ = io.WriteString(w, `1`)
	})
	s := newSource(t, httpjson.Options{URL: server.URL, Header: header})
	header["X-Key"][0] = "after"
	header.Set("X-Other", "after")
	if _, err := s.Fetch(t.Context(), poller.Version{}); err != nil || got != "before" {
		t.Errorf("X-Key %q, %v, want before", got, err)
	}
}

// TestValidators checks which validators are kept and how they are sent back.
func TestValidators(t *testing.T) {
	const date = "Fri, 02 Jan 2026 15:04:05 GMT"
	for _, test := range []struct {
		name     string
		etag     string // as the upstream sends it
		modified string
		want     poller.Version
	}{
		{"none", "", "", poller.Version{}},
		{"strong", `"v1"`, "", poller.Version{ETag: `"v1"`}},
		{"weak", `W/"v1"`, "", poller.Version{ETag: `W/"v1"`}},
		{"without quotes", `v1`, "", poller.Version{ETag: `v1`}},
		{"suffix of a proxy", `"v1-gzip"`, "", poller.Version{ETag: `"v1-gzip"`}},
		{"bytes beyond ASCII", "\"\xe9\"", "", poller.Version{ETag: "\"\xe9\""}},
		{"date", "", date, poller.Version{LastModified: date}},
		{"what is no date", "", "yesterday", poller.Version{}},
		{"both", `"v1"`, date, poller.Version{ETag: `"v1"`, LastModified: date}},
		{"as long as may be", strings.Repeat("e", 1024), "", poller.Version{ETag: strings.Repeat("e", 1024)}},
		{"too long", strings.Repeat("e", 1025), date, poller.Version{LastModified: date}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var asked []http.Header
			server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.Header)
				if test.etag != "" {
					w.Header().Set("ETag", test.etag)
				}
				if test.modified != "" {
					w.Header().Set("Last-Modified", test.modified)
				}
				if r.Header.Get("If-None-Match")+r.Header.Get("If-Modified-Since") != "" {
					w.WriteHeader(http.StatusNotModified)
					return
				}
				_, _ = io.WriteString(w, `1`)
			})
			s := newSource(t, httpjson.Options{URL: server.URL})
			first, err := s.Fetch(t.Context(), poller.Version{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, first.Version); diff != "" {
				t.Errorf("kept (-want +got)\n%s", diff)
			}
			second, err := s.Fetch(t.Context(), first.Version)
			if err != nil {
				t.Fatal(err)
			}
			if unchanged := test.want != (poller.Version{}); second.Unchanged != unchanged {
				t.Errorf("unchanged %v, want %v", second.Unchanged, unchanged)
			}
			if _, set := asked[0]["If-None-Match"]; set {
				t.Error("the first request was conditional")
			}
			if got := asked[1].Get("If-None-Match"); got != test.want.ETag {
				t.Errorf("If-None-Match %q, want %q", got, test.want.ETag)
			}
			if got := asked[1].Get("If-Modified-Since"); got != test.want.LastModified {
				t.Errorf("If-Modified-Since %q, want %q", got, test.want.LastModified)
			}
		})
	}
}

// TestHeaderInjection has a version with a line break, as from a poisoned store.
func TestHeaderInjection(t *testing.T) {
	var got http.Header
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		_, _ = io.WriteString(w, `1`)
	})
	s := newSource(t, httpjson.Options{URL: server.URL})
	for _, bad := range []string{"v1\r\nX-Evil: 1", "v1\nX-Evil: 1", "v1\rX", "v1\x00", "v1\x7f"} {
		if _, err := s.Fetch(t.Context(), poller.Version{ETag: bad, LastModified: bad}); err != nil {
			t.Errorf("%q: %v", bad, err)
		}
		for _, name := range []string{"X-Evil", "If-None-Match", "If-Modified-Since"} {
			if _, set := got[name]; set {
				t.Errorf("%q: %s was sent", bad, name)
			}
		}
	}
}

// TestConnectionIsKept counts the connections that a series of answers takes.
func TestConnectionIsKept(t *testing.T) {
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
	}{
		{"documents", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `1`) }},
		{"packed documents", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, packed(t, `1`))
		}},
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `<html>`) }},
		{"error pages", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, strings.Repeat("sorry ", 1000))
		}},
		{"not modified", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var opened atomic.Int32
			server := httptest.NewUnstartedServer(test.handler)
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					opened.Add(1)
				}
			}
			server.Start()
			t.Cleanup(server.Close)
			s := newSource(t, httpjson.Options{URL: server.URL})
			for range 5 {
				_, _ = s.Fetch(t.Context(), poller.Version{ETag: `"v1"`})
			}
			if n := opened.Load(); n != 1 {
				t.Errorf("%d connections, want 1", n)
			}
		})
	}
}

// TestClose waits until the upstream sees the kept connection closed.
func TestClose(t *testing.T) {
	closed := make(chan struct{}, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `1`) }))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	s, err := httpjson.New(httpjson.Options{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a closed source opens a new connection
		if _, err := s.Fetch(t.Context(), poller.Version{}); err != nil {
			t.Fatal(err)
		}
		_ = s.Close()
		<-closed
	}
}

// TestSeveralGoroutines is for the race detector. The upstream gets one request at a
// time.
func TestSeveralGoroutines(t *testing.T) {
	var inFlight atomic.Int32
	server := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		if inFlight.Add(1) > 1 {
			t.Error("two requests at once")
		}
		runtime.Gosched()
		inFlight.Add(-1)
		_, _ = io.WriteString(w, `1`)
	})
	s := newSource(t, httpjson.Options{URL: server.URL})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 10 {
				if _, err := s.Fetch(context.Background(), poller.Version{ETag: `"v1"`}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// TestWaitingForTurn ends the context while another fetch hangs.
func TestWaitingForTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := memoryUpstream(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		s := newSource(t, httpjson.Options{URL: "http://upstream", Transport: transport})
		var other sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		other.Go(func() { _, _ = s.Fetch(ctx, poller.Version{}) })
		synctest.Wait()
		short, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if _, err := s.Fetch(short, poller.Version{}); class(t, err) != "timeout" {
			t.Errorf("%v, want class timeout", err)
		}
		if n := s.Stats().Requests; n != 0 {
			t.Errorf("%d requests have ended, want 0", n)
		}
		cancel()
		other.Wait()
	})
}

// TestWaits checks that a hint reaches the poller with every kind of answer.
func TestWaits(t *testing.T) {
	for _, test := range []struct {
		answer string
		class  string
		want   time.Duration
	}{
		{response("X-Poll-Interval: 60\r\nContent-Length: 1", "1"), "", time.Minute},
		{"HTTP/1.1 304 Not Modified\r\nX-Poll-Interval: 60\r\n\r\n", "", time.Minute},
		{response("X-Poll-Interval: 60\r\nContent-Length: 10", "1"), "truncated", time.Minute},
		{"HTTP/1.1 503 Unavailable\r\nRetry-After: 1e9\r\nX-RateLimit-Retry-After: 7200\r\nContent-Length: 0\r\n\r\n", "http_503", 2 * time.Hour},
		{"HTTP/1.1 429 Slow\r\nRetry-After: 5\r\nX-Poll-Interval: 60\r\nContent-Length: 0\r\n\r\n", "http_429", time.Minute},
		{response("Cache-Control: max-age=60\r\nContent-Length: 1", "1"), "", 0}, // not by default
		{"", "disconnected", 0},
	} {
		reading, err := newSource(t, httpjson.Options{URL: rawUpstream(t, says(test.answer))}).Fetch(t.Context(), poller.Version{ETag: "v"})
		got := reading.Wait
		if classed, ok := errors.AsType[*poller.Error](err); ok {
			got = classed.Wait
		}
		if class(t, err) != test.class || got != test.want {
			t.Errorf("%q: %v, wait %v, want class %q, wait %v", test.answer, err, got, test.class, test.want)
		}
	}
}

// TestNoSecretIsShown has secrets wherever there may be one, and an upstream that sends
// them back.
func TestNoSecretIsShown(t *testing.T) {
	const secret = "hunter2"
	answers := []string{
		"HTTP/1.1 500 " + secret + "\r\nContent-Length: 7\r\n\r\n" + secret, secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n", response("Content-Length: "+secret, ""),
		response("Transfer-Encoding: chunked", secret+"\r\n"),
		response("Transfer-Encoding: chunked", "1\r\n1\r\n0\r\n"+secret+"\r\n\r\n"), response("Content-Encoding: "+secret, ""),
		"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://" + secret + "/" + secret + "\r\n\r\n",
		"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://[" + secret + "\r\n\r\n", "",
	}
	for _, answer := range answers {
		url := rawUpstream(t, says(answer))
		s := newSource(t, httpjson.Options{
			URL:    strings.Replace(url, "http://", "http://user:"+secret+"@", 1) + "/" + secret + "?key=" + secret,
			Header: http.Header{"X-Api-Key": {secret}},
		})
		_, err := s.Fetch(t.Context(), poller.Version{ETag: secret})
		if class(t, err) == "" {
			t.Errorf("%q: no error", answer)
		}
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprint(s), fmt.Sprintf("%+v %#v", s, s)} {
			if strings.Contains(text, secret) {
				t.Errorf("%q: shown in %q", answer, text)
			}
		}
	}

	for _, opts := range []httpjson.Options{
		{URL: "http://user:" + secret + "/"}, {URL: "http://" + secret + " /"}, {URL: "hunter2://x"}, {URL: "http://x/%zz" + secret},
		{URL: "http://a:b@x", Header: http.Header{"Authorization": {secret}}}, {URL: "http://x", Header: http.Header{"A": {secret + "\n"}}},
	} {
		if _, err := httpjson.New(opts); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%+v: %v", opts, err)
		}
	}
}
