package pollux

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
	"github.com/polluxhub/pollux/internal/listen/listentest"
	"github.com/polluxhub/pollux/internal/machine"
)

// One test for each attack on connections. Those on requests are in package handlers. How
// much the others notice of a load is measured by bench attack.

// target is a server with TLS that is attacked.
type target struct {
	*Pollux
	certificate listentest.Certificate
	stop        func() error
}

func newTarget(t *testing.T, secure bool, engine fanout.Options) *target {
	t.Helper()
	a := &target{certificate: listentest.NewCertificate(t)}
	opts := Options{Listen: []string{"127.0.0.1:0"}, Engine: engine}
	if secure {
		opts.TLS.CertFile, opts.TLS.KeyFile = a.certificate.Files(t)
	}
	a.Pollux = newPollux(t, opts)
	a.stop = run(t, a.Pollux)
	if _, err := a.Publish(t.Context(), "", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if !a.answers(t) { // all parts run
		t.Fatal("no answer before the attack")
	}
	return a
}

// answers reports whether a client that means no harm gets the newest document, at the first
// or a later try: a connection may be closed to make room for another one.
func (a *target) answers(t *testing.T) bool {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: a.certificate.Client(), DisableKeepAlives: true}}
	scheme := "http"
	if a.certificate.Pool != nil && a.opts.TLS.IsSet() {
		scheme = "https"
	}
	for begin := time.Now(); time.Since(begin) < time.Minute; {
		resp, err := client.Get(scheme + "://" + a.Addr().String() + "/api/sse?limit=1")
		if err != nil {
			continue
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil && bytes.Contains(body, []byte("data: 1\n")) {
			return true
		}
	}
	return false
}

// calm waits until the attack has left nothing behind.
func (a *target) calm(t *testing.T, goroutines int) {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		stats := a.engine.Stats()
		if stats.Clients == 0 && stats.Connections == 0 && runtime.NumGoroutine() <= goroutines+5 {
			return
		}
		if time.Since(begin) > time.Minute {
			t.Fatalf("%d clients, connections %v and %d goroutines are left, before there were %d", stats.Clients, stats.ConnectionStates, runtime.NumGoroutine(), goroutines)
		}
	}
}

// clientHello is the beginning of a handshake, of a client that then waits.
func clientHello(t *testing.T) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	go func() {
		_ = tls.Client(theirs, &tls.Config{ServerName: "localhost", MinVersion: tls.VersionTLS12}).Handshake()
	}()
	hello := make([]byte, 4096)
	n, err := ours.Read(hello)
	_, _ = ours.Close(), theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	return hello[:n]
}

// Attack: 10,000 half handshakes, and 2,000 requests that never end, plain and within TLS
// (slowloris), from five addresses. At most MaxConnections of them are open, others are
// answered meanwhile, and handshakes that were ended for others are counted.
func TestConnectionsThatNeverAsk(t *testing.T) {
	const most = 256
	hello := clientHello(t)
	for name, attack := range map[string]struct {
		count  int
		secure bool
		begin  func(a *target, conn net.Conn) error
	}{
		"half handshakes": {10_000, true, func(_ *target, conn net.Conn) error {
			_, err := conn.Write(hello)
			return err
		}},
		"first byte of a handshake": {2000, true, func(_ *target, conn net.Conn) error {
			_, err := conn.Write(hello[:1])
			return err
		}},
		"slowloris": {2000, false, func(_ *target, conn net.Conn) error {
			_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n")
			return err
		}},
		"slowloris within TLS": {2000, true, func(a *target, conn net.Conn) error {
			config := a.certificate.Client()
			config.ServerName = "localhost"
			secure := tls.Client(conn, config)
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			_, err := io.WriteString(secure, "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n")
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newTarget(t, attack.secure, fanout.Options{MaxConnections: most})
			before := runtime.NumGoroutine()
			conns := make(chan net.Conn, machine.Descriptors()/4) // the attacker has no more
			var attacking, beginning sync.WaitGroup
			for from := range 5 {
				attacking.Go(func() {
					dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 79, 0, byte(from+1))}}
					for range attack.count / 5 {
						conn, err := dialer.Dial("tcp", a.Addr().String())
						if err != nil {
							continue
						}
						beginning.Go(func() { _ = attack.begin(a, conn) }) // the server may have closed it
						for full := true; full; {
							select {
							case conns <- conn:
								full = false
							default:
								_ = (<-conns).Close()
							}
						}
					}
				})
			}
			worst := 0
			done := make(chan struct{})
			go func() {
				attacking.Wait()
				close(done)
			}()
			var others sync.WaitGroup
			others.Go(func() {
				for asked := false; !asked; {
					select {
					case <-done:
						asked = true
					default:
					}
					if !a.answers(t) {
						t.Error("nobody else is answered during the attack")
					}
				}
			})
			for attacked := false; !attacked; {
				select {
				case <-done:
					attacked = true
				case <-time.After(time.Millisecond):
					worst = max(worst, a.engine.Stats().Connections)
				}
			}
			if worst > most+1 { // with that of the other client, whose stream has just ended
				t.Errorf("%d connections at once, want %d at most", worst, most+1)
			}
			others.Wait()
			ended := a.engine.Stats().ConnectionsClosed[fanout.PressureHandshake]
			if name == "half handshakes" && ended < 100 {
				t.Errorf("%d handshakes were ended for others, want 100 at least", ended)
			}
			close(conns)
			for conn := range conns {
				_ = conn.Close()
			}
			beginning.Wait()
			a.calm(t, before)
			if err := a.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// raw is a connection of HTTP/2 whose frames an attacker writes.
type raw struct {
	*http2.Framer
	conn  net.Conn
	block bytes.Buffer
	coder *hpack.Encoder
	next  uint32      // stream
	begun chan uint32 // the streams that are answered; what nobody takes is dropped
}

// attackHTTP2 begins a connection of HTTP/2. What the server sends is read and dropped,
// and the code of a GOAWAY comes through the channel, which is closed with the connection.
func (a *target) attackHTTP2(t *testing.T) (*raw, <-chan http2.ErrCode) {
	t.Helper()
	config := a.certificate.Client()
	config.NextProtos = []string{"h2"}
	conn, err := tls.Dial("tcp", a.Addr().String(), config)
	if err != nil {
		t.Fatal(err)
	}
	return newRaw(t, conn)
}

func newRaw(t *testing.T, conn net.Conn) (*raw, <-chan http2.ErrCode) {
	t.Helper()
	r := &raw{Framer: http2.NewFramer(conn, conn), conn: conn, next: 1, begun: make(chan uint32, 2*maxStreams)}
	r.coder = hpack.NewEncoder(&r.block)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	away := make(chan http2.ErrCode, 1)
	go func() {
		defer close(away)
		reader := http2.NewFramer(io.Discard, conn)
		for {
			frame, err := reader.ReadFrame()
			if err != nil {
				return
			}
			switch frame := frame.(type) {
			case *http2.HeadersFrame:
				select {
				case r.begun <- frame.StreamID:
				default:
				}
			case *http2.GoAwayFrame:
				select {
				case away <- frame.ErrCode:
				default:
				}
			}
		}
	}()
	return r, away
}

// headers returns the block of a request.
func (r *raw) headers(fields ...string) []byte {
	r.block.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = r.coder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}) // of a buffer
	}
	return r.block.Bytes()
}

// open sends a request without a body, and returns its stream.
func (r *raw) open(path string) (stream uint32, err error) {
	stream, r.next = r.next, r.next+2
	return stream, r.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, EndStream: true, EndHeaders: true,
		BlockFragment: r.headers(":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", path),
	})
}

// Attack: HTTP/2 rapid reset (CVE-2023-44487): 100,000 requests that are cancelled as soon
// as they are sent, of streams and of documents. The server gives up the connection, or
// takes them, and nothing is left of them.
func TestRapidReset(t *testing.T) {
	a := newTarget(t, true, fanout.Options{})
	before := runtime.NumGoroutine()
	for _, path := range []string{"/api/sse", "/api/latest"} {
		connections := 0
		for sent := 0; sent < 50_000; connections++ {
			r, away := a.attackHTTP2(t)
			var err error
			for err == nil && sent < 50_000 {
				var stream uint32
				if stream, err = r.open(path); err == nil {
					err = r.WriteRSTStream(stream, http2.ErrCodeCancel)
				}
				sent++
			}
			_ = r.conn.Close()
			for code := range away {
				if code != http2.ErrCodeEnhanceYourCalm && code != http2.ErrCodeNo {
					t.Errorf("%s: the server goes away with %v", path, code)
				}
			}
		}
		t.Logf("%s: 50,000 requests took %d connections", path, connections)
	}
	if !a.answers(t) {
		t.Error("nobody else is answered")
	}
	a.calm(t, before)
	if err := a.stop(); err != nil {
		t.Error(err)
	}
}

// Attack: 100,000 streams that are cancelled as soon as they have begun. Each gives its
// place back, and the hub and the engine keep nothing.
func TestCancelledStreams(t *testing.T) {
	const all, open = 100_000, 50
	a := newTarget(t, true, fanout.Options{})
	before := runtime.NumGoroutine()
	r, away := a.attackHTTP2(t)
	if err := r.WriteWindowUpdate(0, 1<<30); err != nil { // what comes is not counted
		t.Fatal(err)
	}
	for begun := 0; begun < all; {
		for stream := int(r.next / 2); stream < all && stream-begun < open; stream++ {
			if _, err := r.open("/api/sse"); err != nil {
				t.Fatalf("the connection ended after %d streams: %v", stream, err)
			}
		}
		select {
		case stream := <-r.begun:
			begun++
			if err := r.WriteRSTStream(stream, http2.ErrCodeCancel); err != nil {
				t.Fatalf("the connection ended after %d streams: %v", begun, err)
			}
		case code := <-away:
			t.Fatalf("the server goes away with %v after %d streams", code, begun)
		}
	}
	if n := a.engine.Stats().Clients; n > 2*maxStreams {
		t.Errorf("%d clients have a place", n)
	}
	if !a.answers(t) {
		t.Error("nobody else is answered")
	}
	_ = r.conn.Close()
	for code := range away {
		t.Errorf("the server goes away with %v", code)
	}
	a.calm(t, before)
	if n := a.hub.Stats().Subscribers; n != 0 {
		t.Errorf("%d subscribers are left", n)
	}
	if err := a.stop(); err != nil {
		t.Error(err)
	}
}

// Attack: CONTINUATION flood (CVE-2023-45288): headers that never end. The server closes
// the connection long before they fill its memory.
func TestContinuationFlood(t *testing.T) {
	a := newTarget(t, true, fanout.Options{})
	for _, fragment := range []int{16 << 10, 1} { // empty ones are in TestDrippingHeaders: time ends them
		r, away := a.attackHTTP2(t)
		block := r.headers(":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/livez")
		err := r.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndStream: true, BlockFragment: block})
		filler := bytes.Clone(r.headers("x-filler", strings.Repeat("\x01", 64)))
		sent, frames := 0, 0
		for ; err == nil && sent < 64<<20; frames++ {
			part := filler[:min(fragment, len(filler))]
			if fragment > len(filler) {
				part = bytes.Repeat(filler, fragment/len(filler))
			}
			sent += len(part) + 9
			err = r.WriteContinuation(1, false, part)
		}
		if err == nil {
			t.Errorf("fragments of %d: the server has taken %d bytes in %d frames", fragment, sent, frames)
		}
		_ = r.conn.Close()
		for range away {
			continue
		}
	}
	if !a.answers(t) {
		t.Error("nobody else is answered")
	}
	if err := a.stop(); err != nil {
		t.Error(err)
	}
}

// Attack: headers of HTTP/2 that are too large, or that another parser would take for the
// end of a request (RFC 9113 8.2.2). None of them reaches a handler as something else.
func TestHTTP2Smuggling(t *testing.T) {
	a := newTarget(t, true, fanout.Options{})
	begin := []string{":method", "POST", ":scheme", "https", ":authority", "localhost", ":path", "/api/streams/default/events"}
	for name, fields := range map[string][]string{
		"transfer-encoding":     {"transfer-encoding", "chunked"},
		"connection":            {"connection", "close"},
		"line break":            {"x-a", "b\r\nGET / HTTP/1.1"},
		"NUL":                   {"x-a", "b\x00c"},
		"upper case":            {"X-A", "b"},
		"two lengths":           {"content-length", "1", "content-length", "2"},
		"length and no body":    {"content-length", "5"},
		"late pseudo header":    {"x-a", "b", ":path", "/livez"},
		"path with a space":     {":path", "/livez HTTP/1.1\r\n"},
		"headers of a megabyte": {"x-a", strings.Repeat("b", 1<<20)},
	} {
		r, away := a.attackHTTP2(t)
		block := r.headers(append(begin, fields...)...)
		err := r.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndStream: true, EndHeaders: len(block) <= 16<<10, BlockFragment: block[:min(len(block), 16<<10)]})
		for rest := block[min(len(block), 16<<10):]; err == nil && len(rest) > 0; {
			part := rest[:min(len(rest), 16<<10)]
			rest = rest[len(part):]
			err = r.WriteContinuation(1, len(rest) == 0, part)
		}
		if err == nil {
			_, err = r.open("/livez") // is the connection in step?
		}
		_ = r.conn.SetDeadline(time.Now().Add(50 * time.Millisecond))
		for range away {
			continue
		}
		_ = r.conn.Close()
		if n := a.hub.Stats().Streams[0].Events; n != 1 {
			t.Errorf("%s: something was published, %v", name, err)
		}
	}
	if !a.answers(t) {
		t.Error("nobody else is answered")
	}
	if err := a.stop(); err != nil {
		t.Error(err)
	}
}

// Attack: bytes that are no HTTP, TLS on the plain port, and a megabyte of headers. Each
// gets an answer of 400 or 431, or is closed.
func TestNoise(t *testing.T) {
	a := newTarget(t, false, fanout.Options{})
	hello := clientHello(t)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		noise := make([]byte, 1+random.IntN(4096))
		for j := range noise {
			noise[j] = byte(random.Uint32())
		}
		switch i {
		case 0:
			noise = hello
		case 1:
			noise = bytes.Repeat(hello, 10)
		case 2:
			noise = []byte("GET / HTTP/1.1\r\nHost: localhost\r\nX-A: " + strings.Repeat("b", 1<<20) + "\r\n\r\n")
		case 3:
			noise = []byte(strings.Repeat("\r\n", 1<<19))
		case 4:
			noise = []byte(http2.ClientPreface + string(noise))
		}
		conn := dial(t, a.Pollux)
		go func() {
			_, _ = conn.Write(noise) // the server may have closed it
			_ = conn.(*net.TCPConn).CloseWrite()
		}()
		answer, err := io.ReadAll(conn)
		_ = conn.Close()
		if first, _, _ := bytes.Cut(answer, []byte("\r\n")); err == nil && len(answer) > 0 && !bytes.Contains(first, []byte(" 4")) && !bytes.Contains(first, []byte(" 505 ")) && !bytes.Contains(first, []byte(" 501 ")) {
			t.Errorf("noise %d: %q", i, first)
		}
	}
	if !a.answers(t) {
		t.Error("nobody else is answered")
	}
	if err := a.stop(); err != nil {
		t.Error(err)
	}
}

// Attack: headers that drip, on HTTP/1.1, within TLS, and as frames of HTTP/2, and a
// handshake that drips. In fake time, over pipes.
func TestDrippingHeaders(t *testing.T) {
	certificate := listentest.NewCertificate(t)
	certFile, keyFile := certificate.Files(t)
	hello := clientHello(t)
	secure := func(conn net.Conn, proto string) net.Conn {
		config := certificate.Client()
		config.ServerName, config.NextProtos = "localhost", []string{proto}
		return tls.Client(conn, config)
	}
	for name, attack := range map[string]struct {
		tls    bool
		within time.Duration
		drip   func(t *testing.T, conn net.Conn) error // sends for ever, until the server has closed it
	}{
		"plain": {false, readHeaderTimeout, func(_ *testing.T, conn net.Conn) error {
			return drip(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n"+strings.Repeat("X-A: "+strings.Repeat("b", 90)+"\r\n", 10_000))
		}},
		"TLS": {true, readHeaderTimeout, func(_ *testing.T, conn net.Conn) error {
			return drip(secure(conn, "http/1.1"), "GET / HTTP/1.1\r\nHost: localhost\r\n"+strings.Repeat("X-A: b\r\n", 10_000))
		}},
		"handshake": {true, readHeaderTimeout, func(_ *testing.T, conn net.Conn) error { return drip(conn, string(hello)) }},
		"silence":   {true, readHeaderTimeout, func(_ *testing.T, conn net.Conn) error { return waitClosed(conn) }},
		"HTTP/2": {true, pingAfter + pingTimeout + time.Second, func(t *testing.T, conn net.Conn) error {
			r, _ := newRaw(t, secure(conn, "h2"))
			err := r.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndStream: true, BlockFragment: bytes.Clone(r.headers(":method", "GET"))})
			for err == nil {
				time.Sleep(time.Second)
				err = r.WriteContinuation(1, false, nil)
			}
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts := Options{Listen: []string{"127.0.0.1:0"}} // which is not bound
				if attack.tls {
					opts.TLS = TLS{CertFile: certFile, KeyFile: keyFile}
				}
				p := newPollux(t, opts)
				pipe := hubtest.NewPipeListener()
				var serving sync.WaitGroup
				serving.Go(func() {
					if err := p.engine.Serve(p.server, pipe); !errors.Is(err, http.ErrServerClosed) {
						t.Error(err)
					}
				})
				begin := time.Now()
				conn := pipe.Dial()
				if err := attack.drip(t, conn); err == nil {
					t.Error("the server did not close the connection")
				}
				_ = conn.Close()
				if took := time.Since(begin); took > attack.within+6*time.Second { // TLS may wait 5 s to say that it ends
					t.Errorf("it took %v, want %v", took, attack.within)
				}
				_ = p.server.Close()
				serving.Wait()
			})
		})
	}
}

// drip sends a byte each 100 ms, and returns the error of the first that cannot be sent.
func drip(conn net.Conn, text string) error {
	closed := make(chan error, 1)
	go func() { closed <- waitClosed(conn) }()
	for i := range len(text) {
		if _, err := io.WriteString(conn, text[i:i+1]); err != nil {
			return err
		}
		select {
		case err := <-closed:
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// waitClosed reads until the server closes the connection.
func waitClosed(conn net.Conn) error {
	_, err := io.Copy(io.Discard, conn)
	return fmt.Errorf("closed: %w", errors.Join(err, io.EOF))
}
