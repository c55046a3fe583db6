package httpjson_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// TestRedirectsOnOneHost follows /n to /n-1 and so on to /0, which has a document.
func TestRedirectsOnOneHost(t *testing.T) {
	var seen []string
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, strings.Join([]string{r.RequestURI, r.Header.Get("X-Api-Key"), r.Header.Get("If-None-Match"), r.Referer()}, " "))
		n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil || n == 0 {
			_, _ = io.WriteString(w, `1`)
			return
		}
		w.Header().Set("Location", "/"+strconv.Itoa(n-1))
		w.WriteHeader([]int{301, 302, 307, 308}[n%4])
	})
	for _, test := range []struct {
		path  string
		class string
		seen  []string
	}{
		{"/0?key=k", "", []string{`/0?key=k secret "v" `}},
		{"/1?key=k", "", []string{`/1?key=k secret "v" `, `/0 secret "v" `}},
		{"/3", "", []string{`/3 secret "v" `, `/2 secret "v" `, `/1 secret "v" `, `/0 secret "v" `}},
		{"/4", "redirect", []string{`/4 secret "v" `, `/3 secret "v" `, `/2 secret "v" `, `/1 secret "v" `}},
	} {
		t.Run(test.path, func(t *testing.T) {
			seen = nil
			s := newSource(t, httpjson.Options{URL: server.URL + test.path, Header: http.Header{"X-Api-Key": {"secret"}}})
			_, err := s.Fetch(t.Context(), poller.Version{ETag: `"v"`})
			if class(t, err) != test.class {
				t.Errorf("%v, want class %q", err, test.class)
			}
			if diff := cmp.Diff(test.seen, seen); diff != "" {
				t.Errorf("requests (-want +got)\n%s", diff)
			}
		})
	}
}

// TestRedirectToAnotherHost checks that no API key follows.
func TestRedirectToAnotherHost(t *testing.T) {
	arrived := 0
	other := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		arrived++
		_, _ = io.WriteString(w, `1`)
	})
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	for _, location := range []string{
		other.URL, strings.Replace(other.URL, "127.0.0.1", "localhost", 1), "//" + strings.TrimPrefix(other.URL, "http://") + "/x",
		"http://169.254.169.254/latest/meta-data", "http://[::ffff:127.0.0.1]:1/", "http://user:password@" + strings.TrimPrefix(other.URL, "http://"),
		secure.URL, "ftp://127.0.0.1/x", "file:///etc/passwd", "http://[",
	} {
		server := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
		})
		_, err := get(t, httpjson.Options{URL: server.URL, Header: http.Header{"X-Api-Key": {"secret"}}})
		want := "redirect"
		if location == "http://[" {
			want = "protocol" // not even a URL
		}
		if class(t, err) != want {
			t.Errorf("to %s: %v, want class %s", location, err, want)
		}
	}
	if arrived > 0 {
		t.Errorf("%d requests reached the other host", arrived)
	}
}

// TestRedirectLoop has a page that redirects to itself.
func TestRedirectLoop(t *testing.T) {
	asked := 0
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
	})
	s := newSource(t, httpjson.Options{URL: server.URL})
	_, err := s.Fetch(t.Context(), poller.Version{})
	if class(t, err) != "redirect" || asked != 4 {
		t.Errorf("%v after %d requests, want class redirect after 4", err, asked)
	}
	if diff := cmp.Diff(poller.SourceStats{Requests: 4, Redirects: 3}, s.Stats()); diff != "" {
		t.Errorf("stats (-want +got)\n%s", diff)
	}
}

// TestRedirectBetweenSchemes has a transport that answers for all ports.
func TestRedirectBetweenSchemes(t *testing.T) {
	for _, test := range []struct {
		from, to string
		class    string
	}{
		{"http://upstream/a", "https://upstream/b", ""},
		{"http://upstream/a", "https://UPSTREAM/b", ""},
		{"http://upstream/a", "https://upstream:443/b", ""},
		{"http://upstream:80/a", "https://upstream/b", ""},
		{"http://upstream/a", "http://upstream:80/b", ""},
		{"https://upstream/a", "https://upstream:443/b", ""},
		{"http://upstream:8080/a", "https://upstream:8080/b", ""},
		{"http://upstream:8080/a", "https://upstream/b", "redirect"},
		{"http://upstream/a", "https://upstream:8443/b", "redirect"},
		{"https://upstream/a", "http://upstream/b", "redirect"},
		{"https://upstream/a", "http://upstream:443/b", "redirect"},
		{"https://upstream/a", "https://upstream.example.com/b", "redirect"},
		{"https://upstream/a", "https://sub.upstream/b", "redirect"},
		{"http://upstream/a", "ftp://upstream/b", "redirect"},
		{"http://upstream/a", "ftp://upstream:80/b", "redirect"},
	} {
		first := true
		transport := roundTripper(func(r *http.Request) *http.Response {
			defer func() { first = false }()
			response := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`1`)), Request: r}
			if first {
				response.StatusCode = http.StatusMovedPermanently
				response.Header.Set("Location", test.to)
			}
			return response
		})
		_, err := get(t, httpjson.Options{URL: test.from, Transport: transport})
		if class(t, err) != test.class {
			t.Errorf("%s to %s: %v, want class %q", test.from, test.to, err, test.class)
		}
	}
}

type roundTripper func(*http.Request) *http.Response

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// TestRedirectWaitsForACookie has a page that redirects to itself until it gets its cookie
// back. An operator is told which setting keeps it.
func TestRedirectWaitsForACookie(t *testing.T) {
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("seen"); err == nil {
			_, _ = io.WriteString(w, "1")
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "seen", Value: "1"})
		http.Redirect(w, r, "/", http.StatusFound)
	})
	_, err := get(t, httpjson.Options{URL: server.URL})
	if want := "there are more than 3 redirects, and they set a cookie, which cookies: true keeps"; class(t, err) != "redirect" || wordsOf(t, err) != want {
		t.Errorf("%v, want %s", err, want)
	}
	if reading, err := get(t, httpjson.Options{URL: server.URL, Cookies: true}); err != nil || string(reading.Document) != "1" {
		t.Errorf("with cookies: %s, %v", reading.Document, err)
	}
}
