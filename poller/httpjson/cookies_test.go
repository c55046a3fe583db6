package httpjson_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// baker sets cookies, and notes those that it is shown.
type baker struct {
	set   map[string][]string // by host and path: lines of Set-Cookie
	moved map[string]string   // by host and path: where it redirects to
	shown []string            // host, path and header Cookie
}

func (b *baker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := r.Host + r.URL.Path
	b.shown = append(b.shown, strings.TrimSpace(at+" "+r.Header.Get("Cookie")))
	for _, line := range b.set[at] {
		w.Header().Add("Set-Cookie", line)
	}
	if to := b.moved[at]; to != "" {
		http.Redirect(w, r, to, http.StatusFound)
		return
	}
	_, _ = io.WriteString(w, "1")
}

// source returns a source whose requests all go to the baker, whatever their host is.
func (b *baker) source(t *testing.T, opts httpjson.Options) *httpjson.Source {
	t.Helper()
	opts.Transport = memoryUpstream(t, b.ServeHTTP)
	return newSource(t, opts)
}

func (b *baker) poll(t *testing.T, s *httpjson.Source, times int) {
	t.Helper()
	for range times {
		if _, err := s.Fetch(t.Context(), poller.Version{}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCookies checks which cookies are sent where.
func TestCookies(t *testing.T) {
	const api = "api.example.com/"
	for name, test := range map[string]struct {
		opts  httpjson.Options
		set   map[string][]string
		moved map[string]string
		want  []string // of two polls
	}{
		"none by default": {
			set:  map[string][]string{api: {"a=1"}},
			want: []string{api, api},
		},
		"of the host": {
			opts: httpjson.Options{Cookies: true},
			set:  map[string][]string{api: {"a=1", "b=2; Path=/other", "c=3; Secure", "d=4; Max-Age=0", "a=5"}},
			want: []string{api, api + " a=5"},
		},
		"beside a configured one": {
			opts: httpjson.Options{Cookies: true, Header: http.Header{"Cookie": {"mine=0"}}},
			set:  map[string][]string{api: {"a=1"}},
			want: []string{api + " mine=0", api + " mine=0; a=1"},
		},
		"over a redirect": {
			opts:  httpjson.Options{Cookies: true},
			set:   map[string][]string{api: {"a=1"}, api + "next": {"b=2; Path=/"}},
			moved: map[string]string{api: "/next"},
			want:  []string{api, api + "next a=1", api + " a=1; b=2", api + "next a=1; b=2"},
		},
		"of two hosts": {
			opts:  httpjson.Options{Cookies: true, RedirectHosts: []string{"cdn.example.com"}},
			set:   map[string][]string{api: {"a=1", "both=2; Domain=example.com"}, "cdn.example.com/": {"b=3"}},
			moved: map[string]string{api: "http://cdn.example.com/"},
			want:  []string{api, "cdn.example.com/ both=2", api + " a=1; both=2", "cdn.example.com/ both=2; b=3"},
		},
		"of foreign domains and public suffixes": {
			opts:  httpjson.Options{Cookies: true, RedirectHosts: []string{"victim.com", "other.com"}},
			set:   map[string][]string{api: {"a=1; Domain=victim.com", "b=2; Domain=com", "c=3; Domain=.com", "d=4; Domain=co.uk", "e=5; Domain=cdn.example.com", "f=6; Domain=xample.com"}},
			moved: map[string]string{api: "http://victim.com/", "victim.com/": "http://other.com/"},
			want:  []string{api, "victim.com/", "other.com/", api, "victim.com/", "other.com/"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := &baker{set: test.set, moved: test.moved}
			test.opts.URL = "http://" + api
			b.poll(t, b.source(t, test.opts), 2)
			if diff := cmp.Diff(test.want, b.shown); diff != "" {
				t.Errorf("shown (-want +got)\n%s", diff)
			}
		})
	}
}

// TestCookiesEnd has a cookie that ends, and one that ends with the process.
func TestCookiesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const host = "a.example/"
		b := &baker{set: map[string][]string{host: {"short=1; Max-Age=60", "long=2"}}}
		s := b.source(t, httpjson.Options{URL: "http://" + host, Cookies: true})
		b.poll(t, s, 1)
		b.set = nil
		time.Sleep(59 * time.Second)
		b.poll(t, s, 1)
		_ = s.Close()
		time.Sleep(time.Second)
		b.poll(t, s, 1)
		want := []string{host, host + " short=1; long=2", host + " long=2"}
		if diff := cmp.Diff(want, b.shown); diff != "" {
			t.Errorf("shown (-want +got)\n%s", diff)
		}
	})
}

// TestCookieBombs has upstreams that set as many and as large cookies as they can.
func TestCookieBombs(t *testing.T) {
	lines := func(n int, format string) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf(format, i)
		}
		return all
	}
	large := strings.Repeat("x", 3000)
	for name, test := range map[string]struct {
		set       []string
		most      int // bytes in the header
		mentioned string
	}{
		"many":                     {lines(2900, "c%04d=x"), 50 * len("c0000=x; "), "c2899=x"},
		"many paths":               {lines(2000, "c=x; Path=/; Max-Age=%d"), 10, "c=x"},
		"large":                    {lines(9, "c%d="+large), 16<<10 + 100, "c8="},
		"too large":                {append(lines(1, "good=%d"), "c="+strings.Repeat("x", 4096)), 10, "good=0"},
		"as large as allowed":      {[]string{"c=" + strings.Repeat("x", 4095)}, 4100, "c=x"},
		"foreign":                  {append([]string{"good=1"}, lines(2000, "c%d=x; Domain=b.example")...), 10, "good=1"},
		"of the whole domain":      {lines(2000, "c%d=x; Domain=a.example"), 50 * len("c0000=x; "), "c1999=x"},
		"no cookies":               {[]string{"good=1", "a b=c", "a@=c", "=", ";", "", "a"}, 10, "good=1"},
		"more than net/http reads": {lines(4000, "c%04d=x"), 1, ""},
		"the longest that exist":   {append(lines(14, "c%d="+large), lines(500, "d%d=x")...), 16<<10 + 500, "d499=x"},
	} {
		t.Run(name, func(t *testing.T) {
			const host = "a.example/"
			b := &baker{set: map[string][]string{host: test.set}}
			s := b.source(t, httpjson.Options{URL: "http://" + host, Cookies: true})
			b.poll(t, s, 3)
			if last := b.shown[2]; len(last) > len(host)+test.most || strings.Count(last, "=") > 50 || !strings.Contains(last, test.mentioned) {
				t.Errorf("%d bytes, %d cookies: %.300s", len(last), strings.Count(last, "="), last)
			}
		})
	}
}

// TestCookiesOfAnotherSource has two sources of one host, which have nothing of each other.
func TestCookiesOfAnotherSource(t *testing.T) {
	var shown []string
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		shown = append(shown, r.Header.Get("Cookie"))
		w.Header().Set("Set-Cookie", "a="+r.URL.Path[1:])
		_, _ = io.WriteString(w, "1")
	})
	transports := httpjson.NewTransports(nil)
	for _, path := range []string{"/one", "/two"} {
		s := newSource(t, httpjson.Options{URL: server.URL + path, Cookies: true, Transports: transports})
		for range 2 {
			if _, err := s.Fetch(t.Context(), poller.Version{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if diff := cmp.Diff([]string{"", "a=one", "", "a=two"}, shown); diff != "" {
		t.Error(diff)
	}
}

// TestCookiesAreSecrets has an upstream that echoes the session.
func TestCookiesAreSecrets(t *testing.T) {
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "session=hunter2; Path=/")
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "hello "+r.Header.Get("Cookie"))
	})
	s := newSource(t, httpjson.Options{URL: server.URL, Cookies: true})
	for _, want := range []string{"its Content-Type is text/plain, and begins hello", "its Content-Type is text/plain"} {
		reading, err := s.Fetch(t.Context(), poller.Version{})
		if err != nil || reading.Looks() != want {
			t.Errorf("%s, %v, want %q", reading.Looks(), err, want)
		}
	}
}
