package httpjson_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// TestLooks has answers that are no JSON documents. An operator is told what they are.
func TestLooks(t *testing.T) {
	const secret = "hunter2hunter2"
	for _, test := range []struct{ name, contentType, body, want string }{
		{"HTML by its type", "text/html; charset=utf-8", "Not  found\n", "it is an HTML page, and begins Not found"},
		{"HTML by its beginning", "application/json", "\n <!DOCTYPE html><title>Sign in", "it is an HTML page, and begins <!DOCTYPE html><title>Sign in"},
		{"gzip", "application/json", "\x1f\x8b\x08\x00", "it is gzip, which Content-Encoding does not say"},
		{"prefix against inclusion", "application/json", ")]}',\n{}", "it begins with )]}', which strip_prefix can remove"},
		{"byte order mark", "application/json", "\xff\xfe1\x00", "it begins with a byte order mark"},
		{"event stream by its beginning", "text/plain", "data: 1\n\n", "it is an event stream, and begins data: 1"},
		{"XML", "application/xml", "<a/>", "it is XML, and begins <a/>"},
		{"lines", "application/x-ndjson", "1\n2\n", "it is several JSON documents, one in each line, which format: ndjson takes, and begins 1 2"},
		{"lines that are called JSON", "application/json", "{\"a\":1}\n{\"a\":2}", "it is several JSON documents, one in each line, which format: ndjson takes, and begins {\"a\":1} {\"a\":2}"},
		{"a line and no other", "application/json", "{}\n{", "its Content-Type is application/json, and begins {} {"},
		{"CSV", "text/csv; header=present", "a,b\n1,2\n", "it is CSV, which format: csv takes, and begins a,b 1,2"},
		{"another type", "text/plain", "busy", "its Content-Type is text/plain, and begins busy"},
		{"type that is none", "/", "busy", "it has no Content-Type, and begins busy"},
		{"nothing", "text/plain", "", "its Content-Type is text/plain"},
		{"blank", "text/plain", " \t\r\n", "its Content-Type is text/plain"},
		{"binary", "text/plain", "a\x00b", "its Content-Type is text/plain"},
		{"Latin-1", "text/plain", "caf\xe9 au lait", "it is not UTF-8, and charset can say what it is"},
		{"Latin-1 at the end", "application/json", strings.Repeat("a", 100) + "\xe9!", "it is not UTF-8, and charset can say what it is"},
		{"escape", "text/plain", "\x1b[31mred", "its Content-Type is text/plain"},
		{"as much as is quoted", "text/plain", strings.Repeat("a", 80), "its Content-Type is text/plain, and begins " + strings.Repeat("a", 80)},
		{"more than is quoted", "text/plain", strings.Repeat("a", 81), "its Content-Type is text/plain, and begins " + strings.Repeat("a", 80)},
		{"a character that is cut", "text/plain", strings.Repeat("a", 78) + "€", "its Content-Type is text/plain, and begins " + strings.Repeat("a", 78)},
		{"key of the header", "text/plain", "the key " + secret + " is not known", "its Content-Type is text/plain"},
		{"password", "text/plain", "wrong password: pass1word", "its Content-Type is text/plain"},
		{"value of the query", "text/plain", "queried1 is not known", "its Content-Type is text/plain"},
		{"user", "text/plain", "who is somebody?", "its Content-Type is text/plain"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.contentType)
				_, _ = io.WriteString(w, test.body)
			})
			target, err := url.Parse(server.URL + "?key=queried1")
			if err != nil {
				t.Fatal(err)
			}
			target.User = url.UserPassword("somebody", "pass1word")
			reading, err := get(t, httpjson.Options{URL: target.String(), Header: http.Header{"X-Api-Key": {"key=" + secret}}})
			if err != nil {
				t.Fatal(err)
			}
			if got := reading.Looks(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestEventStreamIsNotPolled has an answer that never ends. That it is an event stream is
// known from its head.
func TestEventStreamIsNotPolled(t *testing.T) {
	release := make(chan struct{})
	server := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		<-release
	})
	t.Cleanup(func() { close(release) }) // before the server is closed
	_, err := get(t, httpjson.Options{URL: server.URL})
	if class(t, err) != "invalid_json" || wordsOf(t, err) != "the answer is not one JSON document: it is an event stream, which source: sse follows" {
		t.Error(err)
	}
}

// TestSecretOfTheBody has an upstream that echoes what it was sent.
func TestSecretOfTheBody(t *testing.T) {
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	reading, err := get(t, httpjson.Options{URL: server.URL, Method: http.MethodPost, Body: []byte(`password: hunter2`)})
	if err != nil {
		t.Fatal(err)
	}
	if got := reading.Looks(); strings.Contains(got, "begins") {
		t.Error(got)
	}
}

// TestSecretsOfALargeBody has as many words in a body as fit it.
func TestSecretsOfALargeBody(t *testing.T) {
	var body strings.Builder
	for n := 0; body.Len() < 1<<20-10; n++ {
		fmt.Fprintf(&body, "%06x ", n)
	}
	server := upstream(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "not 0000ff") })
	reading, err := get(t, httpjson.Options{URL: server.URL, Method: http.MethodPost, Body: []byte(body.String())})
	if err != nil {
		t.Fatal(err)
	}
	if got := reading.Looks(); strings.Contains(got, "begins") {
		t.Error(got)
	}
}

// TestChallenge has answers that say why they refuse, in WWW-Authenticate.
func TestChallenge(t *testing.T) {
	for header, want := range map[string]string{
		"":                             "the upstream answered 401 Unauthorized",
		"Bearer":                       "the upstream answered 401 Unauthorized",
		`Bearer error="invalid_token"`: "the upstream answered 401 Unauthorized: invalid_token",
		"Bearer error=invalid_token":   "the upstream answered 401 Unauthorized: invalid_token",
		`Bearer realm="a,b", error="insufficient_scope", error_description="error=no"`: "the upstream answered 401 Unauthorized: insufficient_scope",
		`Bearer error="token_for_secretword"`:                                          "the upstream answered 401 Unauthorized",
		`Bearer error="what you sent was secretword"`:                                  "the upstream answered 401 Unauthorized",
		`Bearer error="secretword"`:                                                    "the upstream answered 401 Unauthorized",
		`Bearer error=""`:                                                              "the upstream answered 401 Unauthorized",
		`Bearer error="` + strings.Repeat("a", 81) + `"`:                               "the upstream answered 401 Unauthorized",
	} {
		server := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", header)
			w.WriteHeader(http.StatusUnauthorized)
		})
		_, err := get(t, httpjson.Options{URL: server.URL, Header: http.Header{"Authorization": {"Bearer token-secretword-scope"}}})
		if class(t, err) != "http_401" || wordsOf(t, err) != want {
			t.Errorf("%s: %v, want %s", header, err, want)
		}
	}
}

// TestMovedForGood has a permanent redirect, after which the configuration should change.
func TestMovedForGood(t *testing.T) {
	for _, test := range []struct {
		status int
		to     string
		want   string
	}{
		{http.StatusFound, "/secret", ""},
		{http.StatusTemporaryRedirect, "/secret", ""},
		{http.StatusMovedPermanently, "/secret?key=secret", "the upstream has moved to another path for good: it answers 301 Moved Permanently, so url should change"},
		{http.StatusPermanentRedirect, "/secret", "the upstream has moved to another path for good: it answers 308 Permanent Redirect, so url should change"},
	} {
		server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				w.Header().Set("Location", test.to)
				w.WriteHeader(test.status)
				return
			}
			_, _ = io.WriteString(w, "1")
		})
		reading, err := get(t, httpjson.Options{URL: server.URL + "/"})
		if err != nil || reading.Notice != test.want {
			t.Errorf("%d to %s: %q, %v, want %q", test.status, test.to, reading.Notice, err, test.want)
		}
	}
	other := upstream(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "1") })
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusMovedPermanently)
	})
	host := strings.TrimPrefix(other.URL, "http://")
	reading, err := get(t, httpjson.Options{URL: server.URL, RedirectHosts: []string{host}})
	if want := "the upstream has moved to " + host + " for good: it answers 301 Moved Permanently, so url should change"; err != nil || reading.Notice != want {
		t.Errorf("%q, %v", reading.Notice, err)
	}
	_, err = get(t, httpjson.Options{URL: server.URL})
	if want := "a redirect leads to " + host + ", which redirect_hosts does not name"; class(t, err) != "redirect" || wordsOf(t, err) != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestClientCertificate has an upstream that asks for a certificate, in both versions of
// TLS: in 1.3 it says so after the handshake.
func TestClientCertificate(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = discardLog()
		server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool(), MinVersion: version, MaxVersion: version}
		server.StartTLS()
		t.Cleanup(server.Close)
		s := newSource(t, httpjson.Options{URL: server.URL})
		s.Trust(server.Certificate())
		_, err := s.Fetch(t.Context(), poller.Version{})
		want := "the upstream asks for a client certificate, which cert_file and key_file can name"
		if version == tls.VersionTLS12 {
			want = "the upstream broke off the TLS handshake, as it does if it asks for a client certificate"
		}
		if class(t, err) != "tls" || wordsOf(t, err) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
}

// TestNamesOfTheCertificate has a certificate for another name.
func TestNamesOfTheCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = discardLog()
	server.StartTLS()
	t.Cleanup(server.Close)
	s := newSource(t, httpjson.Options{URL: strings.Replace(server.URL, "127.0.0.1", "localhost", 1)})
	s.Trust(server.Certificate())
	_, err := s.Fetch(t.Context(), poller.Version{})
	if want := "the certificate of the upstream is not for localhost, but for example.com, *.example.com; server_name can say which"; class(t, err) != "tls" || wordsOf(t, err) != want {
		t.Errorf("%v, want %s", err, want)
	}
}
