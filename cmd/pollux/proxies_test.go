//go:build e2e

package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub/sse"
	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// TestProxies runs each block of docs/operations.md that Debian has a daemon for, and
// checks what that page promises. What it logs are measurements; nothing here fails
// because a machine is slow.
func TestProxies(t *testing.T) {
	sections := operations(t)
	for _, kind := range proxyKinds {
		t.Run(kind.heading, func(t *testing.T) {
			t.Parallel()
			heading, _, _ := strings.Cut(kind.heading, " behind ")
			s, found := sections[heading]
			if !found {
				t.Fatalf("docs/operations.md has no section %q", heading)
			}
			p := startBehind(t, kind, sections["Behind a proxy"], s)
			for _, way := range p.ways() {
				p.eventsCome(t, way)
			}
			p.clientsKeepTheirAddress(t)
			p.requestsMix(t)
			p.clientsLeave(t)
			p.drainIsSeenWhole(t)
		})
	}
}

// proxied is Pollux behind a proxy.
type proxied struct {
	kind    proxyKind
	pollux  *process
	address string // of the proxy
}

// publishToken is of no use outside this test.
const publishToken = "token-of-a-test"

// startBehind starts Pollux with the block of the page that configures it, and the
// proxy in front of it.
func startBehind(t *testing.T, kind proxyKind, pollux, proxy section) *proxied {
	t.Helper()
	config := pollux.block(t, "yaml", "listen: "+upstreamAddress, "listen: 127.0.0.1:0") +
		"admin_listen: 127.0.0.1:0\nlog_format: json\ndrain: 500ms\nheartbeat: 1s\nmax_views: 4\n" +
		"publish_token: " + publishToken + "\nstreams:\n  - name: default\n    push: true\n"
	p := &proxied{kind: kind, pollux: startProcess(t, testBinary, config), address: listentest.FreeAddress(t)}
	kind.start(t, proxy, p.address, strings.TrimPrefix(p.pollux.url, "http://"), t.TempDir())
	return p
}

// way is how a client talks to the proxy.
type way struct {
	http2, gzip bool
}

func (w way) String() string {
	name := "HTTP/1.1"
	if w.http2 {
		name = "HTTP/2"
	}
	if w.gzip {
		name += " with gzip"
	}
	return name
}

func (p *proxied) ways() []way {
	ways := []way{{}, {gzip: true}}
	if p.kind.tls {
		ways = append(ways, way{http2: true}, way{http2: true, gzip: true})
	}
	return ways
}

// client returns a client that finds the site at the proxy, and its transport, from
// an address of the loopback network.
func (p *proxied) client(http2 bool, from string) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetHTTP2(http2)
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", p.address)
		},
		TLSClientConfig:     anyCertificate(),
		Protocols:           protocols,
		DisableCompression:  true,
		MaxIdleConnsPerHost: 16,
	}}
}

func (p *proxied) url(path string) string {
	scheme := "http://"
	if p.kind.tls {
		scheme = "https://"
	}
	_, port, _ := strings.Cut(p.address, ":")
	return scheme + siteName + ":" + port + path
}

// proxyRequest is one to send. Each pair of header is a name and a value.
type proxyRequest struct {
	method, path, body string
	header             []string
}

func (p *proxied) send(ctx context.Context, client *http.Client, r proxyRequest) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, p.url(r.path), strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(r.header); i += 2 {
		req.Header.Set(r.header[i], r.header[i+1])
	}
	return client.Do(req)
}

// publishing is the request that publishes a document.
func publishing(document string) proxyRequest {
	return proxyRequest{http.MethodPost, "/api/streams/default/events", document, []string{"Authorization", "Bearer " + publishToken}}
}

// publish publishes {"n":N} through the proxy.
func (p *proxied) publish(t *testing.T, client *http.Client, n int) {
	t.Helper()
	resp, err := p.send(t.Context(), client, publishing(fmt.Sprintf(`{"n":%d}`, n)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("publishing: %s: %s (%v)", resp.Status, body, err)
	}
}

// stream is an open stream through the proxy.
type stream struct {
	*sse.Decoder
	response *http.Response
}

// open opens a stream, and checks that it came the way that was asked for.
func (p *proxied) open(t *testing.T, w way, client *http.Client, path string, header ...string) *stream {
	t.Helper()
	header = append(header, "Accept", "text/event-stream")
	if w.gzip {
		header = append(header, "Accept-Encoding", "gzip")
	}
	resp, err := p.send(t.Context(), client, proxyRequest{http.MethodGet, path, "", header})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s", path, resp.Status)
	}
	s := &stream{response: resp}
	if got := resp.Header.Get("Content-Encoding") == "gzip"; got != w.gzip {
		t.Fatalf("%v: compressed is %v", w, got)
	}
	if (resp.ProtoMajor == 2) != w.http2 {
		t.Fatalf("%v: the answer is %s", w, resp.Proto)
	}
	var body io.Reader = resp.Body
	if w.gzip {
		unzipped, err := gzip.NewReader(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		body = unzipped
	}
	s.Decoder = sse.NewDecoder(body)
	return s
}

// await reads the next document, which has to be number n.
func (s *stream) await(t *testing.T, n int) sse.Event {
	t.Helper()
	e, err := s.Next()
	if want := fmt.Sprintf(`{"n":%d}`, n); err != nil || e.Name != "" || string(e.Data) != want {
		t.Fatalf("got event %q %s (%v), want %s", e.Name, e.Data, err, want)
	}
	return e
}

// eventsCome checks that each event arrives before the next one is published. A proxy
// that holds events back ends the test by the timeout.
func (p *proxied) eventsCome(t *testing.T, w way) {
	const events = 30
	client := p.client(w.http2, "127.0.0.1")
	client.Timeout = longEnough
	p.publish(t, client, 0)
	opened := time.Now()
	s := p.open(t, w, client, "/api/sse")
	s.await(t, 0)
	first := time.Since(opened)
	var third sse.Event
	var delays []time.Duration
	for n := 1; n <= events; n++ {
		if n%10 == 0 {
			time.Sleep(50 * time.Millisecond) // a pause ends the quick acknowledgements of TCP
		}
		published := time.Now()
		p.publish(t, client, n)
		e := s.await(t, n)
		delays = append(delays, time.Since(published))
		if n == 3 {
			third = e
		}
	}
	slices.Sort(delays)
	t.Logf("%v: first event after %v; delays: median %v, largest %v", w, round(first), round(delays[len(delays)/2]), round(delays[len(delays)-1]))
	_ = s.response.Body.Close()

	resumed := p.open(t, w, client, "/api/sse", "Last-Event-ID", third.ID)
	for n := 4; n <= events; n++ {
		resumed.await(t, n)
	}
	_ = resumed.response.Body.Close()
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// clientsKeepTheirAddress uses that clients of one address may have one view of four,
// whatever they write into the header themselves.
func (p *proxied) clientsKeepTheirAddress(t *testing.T) {
	var open []io.Closer
	for _, ask := range []struct {
		field, from, forged string
		want                int
	}{
		{"a", "127.0.0.2", "198.51.100.1", http.StatusOK},
		{"b", "127.0.0.2", "198.51.100.2", http.StatusTooManyRequests},
		{"b", "127.0.0.3", "198.51.100.1", http.StatusOK},
	} {
		resp, err := p.send(t.Context(), p.client(p.kind.tls, ask.from), proxyRequest{
			http.MethodGet, "/api/sse?fields=/" + ask.field, "", []string{"X-Forwarded-For", ask.forged},
		})
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, resp.Body)
		if resp.StatusCode != ask.want {
			t.Errorf("view %s of %s: %s, want %d", ask.field, ask.from, resp.Status, ask.want)
		}
	}
	for _, body := range open {
		_ = body.Close()
	}
}

// requestsMix sends 1,000 requests of all kinds from 16 clients. None may get an
// answer that Pollux did not give.
func (p *proxied) requestsMix(t *testing.T) {
	const requests, clients = 1000, 16
	get := func(path string, header ...string) proxyRequest {
		return proxyRequest{http.MethodGet, path, "", header}
	}
	mix := []struct {
		proxyRequest
		want int
	}{
		{get("/"), http.StatusOK},
		{get("/client/pollux.js", "Accept-Encoding", "gzip"), http.StatusOK},
		{get("/api/latest"), http.StatusOK},
		{proxyRequest{method: http.MethodHead, path: "/api/latest"}, http.StatusOK},
		{get("/api/latest?wait=20ms"), http.StatusOK},
		{get("/api/sse?limit=1"), http.StatusOK},
		{get("/api/sse?limit=1", "Accept-Encoding", "gzip"), http.StatusOK},
		{get("/api/streams"), http.StatusOK},
		{get("/api/latest?stream=none"), http.StatusNotFound},
		{publishing(`{"n":1}`), http.StatusOK},
		{publishing(`{`), http.StatusBadRequest},
		{get("/livez"), http.StatusOK},
	}
	var sending sync.WaitGroup
	for c := range clients {
		client := p.client(p.kind.tls && c%2 == 0, "127.0.0.1")
		client.Timeout = longEnough
		sending.Go(func() {
			for i := c; i < requests; i += clients {
				r := mix[i%len(mix)]
				resp, err := p.send(t.Context(), client, r.proxyRequest)
				if err != nil {
					t.Errorf("%s %s: %v", r.method, r.path, err)
					continue
				}
				_, err = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if err != nil || resp.StatusCode != r.want {
					t.Errorf("%s %s: %s (%v), want %d", r.method, r.path, resp.Status, err, r.want)
				}
			}
		})
	}
	sending.Wait()
}

// clientsLeave checks that Pollux learns that a client has gone.
func (p *proxied) clientsLeave(t *testing.T) {
	begin := time.Now()
	eventually(t, "the clients that left are gone", func() bool {
		return strings.Contains(getOK(t, p.pollux.admin+"/metrics"), "\npollux_clients 0\n")
	})
	t.Logf("the last client was gone after %v", round(time.Since(begin)))
}

// drainIsSeenWhole stops Pollux while many clients listen and documents come. Each
// client gets the end of its body, and every document that came before.
func (p *proxied) drainIsSeenWhole(t *testing.T) {
	const each = 25 // clients of each way
	direct := p.client(false, "127.0.0.1")
	p.publish(t, direct, 0)
	var streams []*stream
	var names []string
	for _, w := range p.ways() {
		for range each {
			s := p.open(t, w, p.client(w.http2, "127.0.0.1"), "/api/sse")
			s.await(t, 0)
			streams, names = append(streams, s), append(names, w.String())
		}
	}
	var reading sync.WaitGroup
	for i, s := range streams {
		reading.Go(func() {
			for want := 1; ; want++ {
				e, err := s.Next()
				if errors.Is(err, io.EOF) {
					// The reader of gzip stops at its trailer. Behind it nothing may come but the end.
					if n, err := io.Copy(io.Discard, s.response.Body); n != 0 || err != nil {
						t.Errorf("%s: %d bytes behind the end, and %v", names[i], n, err)
					}
					return
				}
				if err != nil {
					t.Errorf("%s: the stream was cut: %v", names[i], err)
					return
				}
				if n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(string(e.Data), `{"n":`), "}")); err != nil || n != want {
					t.Errorf("%s: got %s, want number %d", names[i], e.Data, want)
					return
				}
			}
		})
	}
	for n := 1; n <= 10; n++ {
		p.publish(t, direct, n)
	}
	p.pollux.signal(t, syscall.SIGTERM)
	reading.Wait()
	select {
	case <-p.pollux.ended:
		if p.pollux.err != nil {
			t.Errorf("pollux ended with %v", p.pollux.err)
		}
	case <-time.After(longEnough):
		t.Error("pollux does not end at SIGTERM")
	}
}
