package pollux

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/internal/capture"
	"github.com/polluxhub/pollux/internal/listen/listentest"
)

const (
	version1 = "PROXY TCP4 192.0.2.1 192.0.2.9 4711 443\r\n"
	version2 = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x02\xc0\x00\x02\x09\x12\x67\x01\xbb"
	local2   = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
)

// converse writes a text and returns the whole answer.
func converse(t *testing.T, conn net.Conn, text string) string {
	t.Helper()
	defer conn.Close()
	_, _ = io.WriteString(conn, text) // the server may have closed it
	answer, _ := io.ReadAll(conn)     // it may be reset
	return string(answer)
}

func dial(t *testing.T, p *Pollux) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// awaitWriters asks until the writers of the engine run, where there are some, and returns
// how many connections were handed over.
func awaitWriters(t *testing.T, p *Pollux, request string) uint64 {
	t.Helper()
	for runtime.GOOS == "linux" && p.engine.Stats().HandedOver == 0 {
		converse(t, dial(t, p), request)
	}
	return p.engine.Stats().HandedOver
}

const oneEvent = "GET /api/sse?limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"

// The address in the header is that of the client, and the connection is handed over as
// every other one.
func TestProxyProtocol(t *testing.T) {
	log := new(capture.Output)
	p := newPollux(t, Options{
		Listen: []string{"127.0.0.1:0"}, ProxyProtocol: true, Logger: slog.New(slog.NewTextHandler(log, nil)),
		HTTP: handlers.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	stop := run(t, p)
	if _, err := p.Publish(t.Context(), "", []byte("1")); err != nil {
		t.Fatal(err)
	}
	before := awaitWriters(t, p, local2+oneEvent)
	for _, header := range []string{version1, version2, local2, "PROXY UNKNOWN\r\n"} {
		if answer := converse(t, dial(t, p), header+oneEvent); !strings.HasPrefix(answer, "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(answer, "\r\n0\r\n\r\n") {
			t.Errorf("%q: %q", header, answer)
		}
	}
	for _, header := range []string{"", "PROXY TCP4 192.0.2.1\r\n", "PROXY " + strings.Repeat("x", 200) + "\r\n", version2[:12] + "\x31", version1 + version1} {
		if answer := converse(t, dial(t, p), header+oneEvent); strings.Contains(answer, " 200 ") {
			t.Errorf("%q: %q", header, answer)
		}
	}
	handedOver := p.engine.Stats().HandedOver - before
	if err := stop(); err != nil {
		t.Error(err)
	}
	for address, times := range map[string]int{" address=192.0.2.1 ": 1, " address=192.0.2.2 ": 1, " address=127.0.0.1 ": 3} {
		if n := strings.Count(log.String(), address); n < times {
			t.Errorf("%s is in the log %d times, want %d at least", address, n, times)
		}
	}
	if n := p.refusals.Refusals()["proxy_header"]; n != 4 {
		t.Errorf("%d connections without a header are counted, want 4", n)
	}
	if n := strings.Count(log.String(), "began without a header of the PROXY protocol"); n != 1 {
		t.Errorf("the log warns %d times of connections without a header, want once", n)
	}
	if want := uint64(4); handedOver != want && runtime.GOOS == "linux" {
		t.Errorf("%d connections were handed over, want %d", handedOver, want)
	}
}

// A client that is not a trusted proxy cannot choose an address.
func TestProxyProtocolOfAStranger(t *testing.T) {
	log := new(capture.Output)
	p := newPollux(t, Options{
		Listen: []string{"127.0.0.1:0"}, ProxyProtocol: true, Logger: slog.New(slog.NewTextHandler(log, nil)),
		HTTP: handlers.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
	})
	stop := run(t, p)
	if _, err := p.Publish(t.Context(), "", []byte("1")); err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{"": "HTTP/1.1 200 ", version1: "HTTP/1.1 400 ", version2: "HTTP/1.1 400 "} {
		if answer := converse(t, dial(t, p), header+oneEvent); !strings.HasPrefix(answer, want) {
			t.Errorf("%q: %q", header, answer)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if strings.Contains(log.String(), "level=WARN") {
		t.Errorf("a stranger needs no header, the log:\n%s", log.String())
	}
}

// The header comes before TLS, and a connection with TLS stays with net/http.
func TestProxyProtocolBeforeTLS(t *testing.T) {
	certificate := listentest.NewCertificate(t)
	certFile, keyFile := certificate.Files(t)
	log := new(capture.Output)
	p := newPollux(t, Options{
		Listen: []string{"127.0.0.1:0"}, ProxyProtocol: true, TLS: TLS{CertFile: certFile, KeyFile: keyFile},
		Logger: slog.New(slog.NewTextHandler(log, nil)),
		HTTP:   handlers.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}},
	})
	stop := run(t, p)
	if _, err := p.Publish(t.Context(), "", []byte("1")); err != nil {
		t.Fatal(err)
	}
	conn := dial(t, p)
	if _, err := io.WriteString(conn, version2); err != nil {
		t.Fatal(err)
	}
	config := certificate.Client()
	config.ServerName = "localhost"
	secure := tls.Client(conn, config)
	if _, err := io.WriteString(secure, oneEvent); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(secure), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(body), "data: 1\n") {
		t.Errorf("%q, %v", body, err)
	}
	_, _ = resp.Body.Close(), conn.Close()
	if n := p.engine.Stats().HandedOver; n != 1 && runtime.GOOS == "linux" {
		t.Errorf("%d connections were handed over, want that with TLS behind the header", n)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), " address=192.0.2.2 ") {
		t.Errorf("the log:\n%s", log)
	}
}

// Several listeners are one server: they share its limits, and end together. HTTP/2 works
// without TLS where it is switched on, and a Unix socket never has TLS.
func TestSeveralListeners(t *testing.T) {
	certificate := listentest.NewCertificate(t)
	certFile, keyFile := certificate.Files(t)
	path := t.TempDir() + "/a.sock"
	p := newPollux(t, Options{
		Listen: []string{"127.0.0.1:0", "unix:" + path, "127.0.0.1:0"}, H2C: true, TLS: TLS{CertFile: certFile, KeyFile: keyFile},
	})
	stop := run(t, p)
	for _, listener := range p.listeners {
		addr := listener.Addr()
		protocols := new(http.Protocols)
		scheme := "https"
		protocols.SetHTTP2(true)
		if addr.Network() == "unix" {
			protocols.SetUnencryptedHTTP2(true)
			scheme = "http"
		}
		client := &http.Client{Transport: &http.Transport{
			TLSClientConfig: certificate.Client(), Protocols: protocols,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, addr.Network(), addr.String())
			},
		}}
		resp, err := client.Get(scheme + "://localhost/livez")
		if err != nil {
			t.Fatalf("%v: %v", addr, err)
		}
		_ = resp.Body.Close()
		if resp.ProtoMajor != 2 || resp.StatusCode != http.StatusOK {
			t.Errorf("%v: %s %s", addr, resp.Proto, resp.Status)
		}
		client.CloseIdleConnections()
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	for _, listener := range p.listeners {
		if _, err := net.Dial(listener.Addr().Network(), listener.Addr().String()); err == nil {
			t.Errorf("%v is still listened at", listener.Addr())
		}
	}
}

// Without h2c, the preface of HTTP/2 is a request that is refused.
func TestNoH2C(t *testing.T) {
	p := newPollux(t, Options{Listen: []string{"127.0.0.1:0"}})
	stop := run(t, p)
	if answer := converse(t, dial(t, p), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 404 ") || !strings.Contains(answer, "\r\nConnection: close\r\n") {
		t.Errorf("%q", answer)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
