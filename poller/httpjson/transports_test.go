package httpjson_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// host is a TLS server that counts its connections, and the sources for it that share
// them. /hang never answers.
type host struct {
	*httptest.Server
	shared  *httpjson.Transports
	trusted bool
	opened  atomic.Int32
}

func newHost(t *testing.T, http2 bool, handler http.HandlerFunc) *host {
	t.Helper()
	h := &host{shared: httpjson.NewTransports(nil)}
	h.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			<-r.Context().Done()
			return
		}
		handler(w, r)
	}))
	h.EnableHTTP2 = http2
	h.Config.ErrorLog = discardLog()
	h.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			h.opened.Add(1)
		}
	}
	h.StartTLS()
	t.Cleanup(h.Close)
	return h
}

// source returns a source for a path. The first one must stay open as long as others are
// used, because it makes all of them trust the server.
func (h *host) source(t *testing.T, path string) *httpjson.Source {
	t.Helper()
	s := newSource(t, httpjson.Options{URL: h.URL + path, Transports: h.shared})
	if !h.trusted {
		h.trusted = true
		s.Trust(h.Certificate())
	}
	return s
}

// expect fetches, and checks the document.
func expect(t *testing.T, s *httpjson.Source, want string) {
	t.Helper()
	if got, err := s.Fetch(t.Context(), poller.Version{}); err != nil || string(got.Document) != want {
		t.Errorf("%q, %v, want %s", got.Document, err, want)
	}
}

func one(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "1") }

// TestStreamsOfOneHostShareConnections has a hundred sources, one request after the other.
func TestStreamsOfOneHostShareConnections(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		h := newHost(t, http2, one)
		for i := range 100 {
			expect(t, h.source(t, fmt.Sprint("/", i)), "1")
		}
		if n := h.opened.Load(); n != 1 {
			t.Errorf("HTTP/2 %v: %d connections, want 1", http2, n)
		}
	}
}

// TestRequestsAtOnceShareAnHTTP2Connection has fifty requests that all wait for each other.
func TestRequestsAtOnceShareAnHTTP2Connection(t *testing.T) {
	const streams = 50
	var arrived sync.WaitGroup
	arrived.Add(streams)
	h := newHost(t, true, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			arrived.Done()
			arrived.Wait()
		}
		one(w, r)
	})
	expect(t, h.source(t, "/"), "1") // the connection
	var all sync.WaitGroup
	for range streams {
		s := h.source(t, "/wait")
		all.Go(func() { expect(t, s, "1") })
	}
	all.Wait()
	if n := h.opened.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// TestConnectionContinuesASession has a server that closes its connections: the handshake
// of the next one is short.
func TestConnectionContinuesASession(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		h := newHost(t, http2, func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, r.TLS.DidResume) })
		s := h.source(t, "/")
		expect(t, s, "false")
		h.CloseClientConnections()
		expect(t, s, "true")
	}
}

// TestWhatIsNotShared has sources that differ in what decides where a connection may go.
func TestWhatIsNotShared(t *testing.T) {
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(one))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	shared := httpjson.NewTransports(nil)
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	for i, test := range []struct {
		opts httpjson.Options
		want int32 // connections, with those before
	}{
		{httpjson.Options{URL: server.URL + "/a"}, 1},
		{httpjson.Options{URL: server.URL + "/b?c"}, 1},
		{httpjson.Options{URL: "http://user:secret@" + at.Host}, 1},
		{httpjson.Options{URL: server.URL, DenyPrivate: true, AllowPrivate: []netip.Prefix{loopback}}, 2},
		{httpjson.Options{URL: server.URL, DenyPrivate: true, AllowPrivate: []netip.Prefix{loopback, netip.MustParsePrefix("10.0.0.0/8")}}, 3},
		{httpjson.Options{URL: server.URL, DenyPrivate: true, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), loopback}}, 3},
		{httpjson.Options{URL: server.URL, Proxy: server.URL}, 4},
		{httpjson.Options{URL: "http://localhost:" + at.Port()}, 5},
	} {
		test.opts.Transports = shared
		expect(t, newSource(t, test.opts), "1")
		if n := opened.Load(); n != test.want {
			t.Errorf("source %d: %d connections, want %d", i, n, test.want)
		}
	}
}

// TestCloseLeavesOthersAlone closes one of two sources, twice, and then both. Afterwards a
// source works again.
func TestCloseLeavesOthersAlone(t *testing.T) {
	h := newHost(t, false, one)
	a, b := h.source(t, "/a"), h.source(t, "/b")
	expect(t, a, "1")
	expect(t, b, "1")
	for range 2 {
		_ = b.Close()
	}
	expect(t, a, "1")
	if n := h.opened.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	_ = a.Close()
	a.Trust(h.Certificate()) // its connections are new ones
	expect(t, a, "1")
	if n := h.opened.Load(); n != 2 {
		t.Errorf("%d connections after all were closed, want 2", n)
	}
}

// TestStreamThatHangsDisturbsNoOther has an answer that never comes, on an HTTP/2
// connection that brings others meanwhile: nobody but its own fetch fails. If the
// connection brings nothing at all, the next fetch has a new one.
func TestStreamThatHangsDisturbsNoOther(t *testing.T) {
	release := make(chan struct{})
	h := newHost(t, true, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late" {
			<-release
		}
		one(w, r)
	})
	hangs, late, other := h.source(t, "/hang"), h.source(t, "/late"), h.source(t, "/")
	expect(t, other, "1") // the connection
	var all sync.WaitGroup
	all.Go(func() { expect(t, late, "1") })
	giveUp, cancel := context.WithCancel(t.Context())
	all.Go(func() {
		if _, err := hangs.Fetch(giveUp, poller.Version{}); class(t, err) != "canceled" {
			t.Error(err)
		}
		close(release)
	})
	for began := time.Now(); time.Since(began) < 200*time.Millisecond; { // until the other two are under way, and longer
		expect(t, other, "1")
	}
	cancel()
	all.Wait()
	if n := h.opened.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}

	// On a busy machine the first of these may still hear something of the requests before.
	for try := 0; try < 5 && h.opened.Load() == 1; try++ {
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		if _, err := hangs.Fetch(soon, poller.Version{}); class(t, err) != "timeout" {
			t.Error(err)
		}
		cancel()
		expect(t, other, "1")
	}
	if n := h.opened.Load(); n != 2 {
		t.Errorf("%d connections, want 2: the first one was silent", n)
	}
}

// TestRefusalsOfOne has two sources of one address that is refused: each counts its own.
func TestRefusalsOfOne(t *testing.T) {
	shared := httpjson.NewTransports(nil)
	opts := httpjson.Options{URL: "http://169.254.169.254/", Transports: shared}
	a, b := newSource(t, opts), newSource(t, opts)
	if _, err := a.Fetch(t.Context(), poller.Version{}); class(t, err) != "forbidden_address" {
		t.Error(err)
	}
	if a, b := a.Stats().Refused, b.Stats().Refused; a != 1 || b != 0 {
		t.Errorf("%d and %d refusals, want 1 and 0", a, b)
	}
}
