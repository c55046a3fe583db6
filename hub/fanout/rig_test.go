package fanout_test

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/fanout/view"
	"github.com/polluxhub/pollux/hub/hubtest"
	"github.com/polluxhub/pollux/hub/sse"
	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// patience bounds how long a test waits for something that must happen. It does not
// measure speed.
const patience = 30 * time.Second

// rig is a hub, an engine and a server on a real socket or a pipe.
type rig struct {
	t      *testing.T
	hub    *hub.Hub
	engine *fanout.Engine
	dial   func() net.Conn
	accept net.Listener
	stop   func()

	stopHub func() // the hub alone

	// until is what those may who give themselves as holder; called from many goroutines.
	until func(holder string, streams []string) time.Time

	version string      // of HTTP; "" for 1.1
	trust   *tls.Config // of the clients; nil without TLS
}

// starter starts a rig with one kind of writer.
type starter func(hub.Options, fanout.Options) *rig

// kind says who writes to the clients of a rig, and over what.
type kind string

const (
	portable       kind = "portable"
	handedOver     kind = "handed over"
	handedOverTLS  kind = "handed over, with TLS 1.3"
	handedOverTLS2 kind = "handed over, with TLS 1.2"
	portableHTTP2  kind = "portable, on HTTP/2 with TLS 1.3"
)

var (
	kinds      = append(kindsHTTP1, portableHTTP2)
	kindsHTTP1 = []kind{portable, handedOver, handedOverTLS}
)

// handsOver reports whether connections leave net/http.
func (k kind) handsOver() bool { return k != portable && k != portableHTTP2 }

// tlsOf returns the version of TLS, or 0.
func (k kind) tlsOf() uint16 {
	switch k {
	case handedOverTLS, portableHTTP2:
		return tls.VersionTLS13
	case handedOverTLS2:
		return tls.VersionTLS12
	default:
		return 0
	}
}

// everyWriter runs a test once with each kind of writer, over real sockets.
func everyWriter(t *testing.T, test func(t *testing.T, start starter)) { eachOf(kinds, t, test) }

// everyWriterHTTP1 is everyWriter for what there is on HTTP/1.1 alone: a client that closes its
// half of a connection. On HTTP/2 each request does so with its stream.
func everyWriterHTTP1(t *testing.T, test func(t *testing.T, start starter)) {
	eachOf(kindsHTTP1, t, test)
}

func eachOf(kinds []kind, t *testing.T, test func(t *testing.T, start starter)) {
	for _, by := range kinds {
		t.Run(string(by), func(t *testing.T) {
			test(t, func(hubOpts hub.Options, opts fanout.Options) *rig {
				return newRig(t, hubOpts, opts, nil, by)
			})
		})
	}
}

// socket is the connection of a client: TCP, or TLS on it.
type socket interface {
	net.Conn
	CloseWrite() error
	SetLinger(sec int) error
	SetReadBuffer(bytes int) error
}

// secured is a socket with TLS.
type secured struct {
	*tls.Conn
	*net.TCPConn
}

func (s secured) Read(p []byte) (int, error)          { return s.Conn.Read(p) }
func (s secured) Write(p []byte) (int, error)         { return s.Conn.Write(p) }
func (s secured) Close() error                        { return s.Conn.Close() }
func (s secured) LocalAddr() net.Addr                 { return s.TCPConn.LocalAddr() }
func (s secured) RemoteAddr() net.Addr                { return s.TCPConn.RemoteAddr() }
func (s secured) SetDeadline(at time.Time) error      { return s.TCPConn.SetDeadline(at) }
func (s secured) SetReadDeadline(at time.Time) error  { return s.TCPConn.SetReadDeadline(at) }
func (s secured) SetWriteDeadline(at time.Time) error { return s.TCPConn.SetWriteDeadline(at) }

// CloseWrite sends close_notify, and closes its half of the connection, unless the server has
// closed all of it meanwhile.
func (s secured) CloseWrite() error {
	if err := s.Conn.CloseWrite(); err != nil {
		return err
	}
	if err := s.TCPConn.CloseWrite(); !errors.Is(err, syscall.ENOTCONN) {
		return err
	}
	return nil
}

// newRig starts everything. The listener is real unless one is given.
func newRig(t *testing.T, hubOpts hub.Options, opts fanout.Options, listener *hubtest.PipeListener, by kind) *rig {
	t.Helper()
	h, err := hub.New(hubOpts)
	if err != nil {
		t.Fatal(err)
	}
	opts.Hub = h
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if listener == nil && opts.WriteTimeout == 0 {
		opts.WriteTimeout = time.Hour // no client is closed because the machine is busy
	}
	if listener == nil && opts.Heartbeat == 0 {
		opts.Heartbeat = time.Hour // nor gets a heartbeat that the test does not count
	}
	engine, err := fanout.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, hub: h, engine: engine}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		limit, _ := strconv.Atoi(q.FormValue("limit"))
		mode, _ := view.ParseMode(q.FormValue("mode"))
		replay, _ := hub.ParseReplay(q.FormValue("replay"))
		var until func([]string) time.Time
		if after, err := time.ParseDuration(q.FormValue("expires")); err == nil {
			at := time.Now().Add(after)
			until = func([]string) time.Time { return at }
		}
		if holder := q.FormValue("holder"); holder != "" {
			until = func(streams []string) time.Time { return r.until(holder, streams) }
		}
		client, err := engine.Open(q, fanout.Request{
			Streams:        q.URL.Query()["stream"],
			LastEventID:    hub.ParseLastEventID(q.Header.Get("Last-Event-ID")),
			Limit:          limit,
			Hidden:         q.URL.Query()["hidden"],
			SkipUnknown:    q.FormValue("hidden") != "",
			Until:          until,
			Replay:         replay,
			Fresh:          q.URL.Query()["fresh"],
			HeartbeatEvent: q.FormValue("heartbeat") == "event",
			Gzip:           q.Header.Get("Accept-Encoding") == "gzip",
			View:           view.View{Mode: mode, HTML: q.FormValue("html") != "", Lines: q.FormValue("lines") != "", Fields: q.URL.Query()["field"]},
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", sse.ContentType)
		if q.Header.Get("Accept-Encoding") == "gzip" {
			w.Header().Set("Content-Encoding", "gzip")
		}
		client.Serve(w, q)
	})}
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	if by == portableHTTP2 {
		server.Protocols.SetHTTP2(true)
		server.HTTP2 = &http.HTTP2Config{WriteByteTimeout: opts.WriteTimeout}
	}
	var accept net.Listener = listener
	if listener == nil {
		config := fanout.ListenConfig()
		if accept, err = config.Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if version := by.tlsOf(); version != 0 {
			certificate := listentest.NewCertificate(t)
			pair, err := tls.X509KeyPair(certificate.CertPEM, certificate.KeyPEM)
			if err != nil {
				t.Fatal(err)
			}
			server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
			server.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			r.trust = certificate.Client()
			r.trust.ServerName, r.trust.MaxVersion = "localhost", version
			if r.trust.NextProtos = []string{"http/1.1"}; by == portableHTTP2 {
				r.trust.NextProtos = []string{"h2"}
			}
		}
		r.dial = func() net.Conn { return r.dialBy(new(net.Dialer)) }
	} else {
		r.dial = listener.Dial
	}
	r.accept = accept
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	hubCtx, stopHub := context.WithCancel(ctx)
	r.stopHub = stopHub
	running.Go(func() {
		defer stopHub()
		if err := h.Run(hubCtx); err != nil {
			t.Errorf("hub: %v", err)
		}
	})
	for h.Position().IsZero() {
		runtime.Gosched()
	}
	running.Go(func() {
		if err := engine.Serve(server, accept); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("server: %v", err)
		}
	})
	if by != portable {
		running.Go(func() {
			if err := engine.Run(ctx); err != nil {
				t.Errorf("engine: %v", err)
			}
		})
		<-engine.Begun()
		t.Cleanup(func() {
			if n := engine.Stats().HandedOver; (n > 0) != by.handsOver() {
				t.Errorf("%d connections were handed over: the test shows nothing", n)
			}
		})
	}
	r.stop = sync.OnceFunc(func() {
		ctx, stop := context.WithTimeout(context.Background(), patience)
		defer stop()
		_ = server.Close() // the connections are cut on purpose
		if err := engine.Drain(ctx, 0); err != nil {
			t.Errorf("%d streams are left: %v", engine.Stats().Clients, err)
		}
		cancel()
		running.Wait()
	})
	t.Cleanup(r.stop)
	return r
}

// dialBy connects with the dialer, and begins TLS if the rig has it.
func (r *rig) dialBy(dialer *net.Dialer) net.Conn {
	conn, err := dialer.Dial("tcp", r.accept.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	if r.trust == nil {
		return conn
	}
	secure := secured{tls.Client(conn, r.trust), conn.(*net.TCPConn)}
	if slices.Contains(r.trust.NextProtos, "h2") {
		return newFramed(secure)
	}
	return secure
}

func (r *rig) publish(data string) hub.ID { return r.publishTo("", data) }

func (r *rig) publishTo(stream, data string) hub.ID {
	r.t.Helper()
	id, err := r.hub.Publish(r.t.Context(), hub.Message{Stream: stream, Data: []byte(data)})
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

// await waits until the condition holds.
func (r *rig) await(what string, condition func(fanout.Stats) bool) {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for !condition(r.engine.Stats()) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: not after %v, %+v", what, patience, r.engine.Stats())
		}
		select {
		case <-time.After(time.Millisecond):
		case <-r.t.Context().Done():
		}
	}
}

// client is the other end of a stream.
type client struct {
	*sse.Decoder
	t    *testing.T
	conn net.Conn
	body io.ReadCloser
}

// open asks for a stream on the connection and reads the headers.
func (r *rig) open(conn net.Conn, query string, header ...string) *client {
	r.t.Helper()
	body := r.ask(conn, query, header...)
	return &client{sse.NewDecoder(body), r.t, conn, body}
}

// ask sends the request for a stream and returns the body of the answer.
func (r *rig) ask(conn net.Conn, query string, header ...string) io.ReadCloser {
	r.t.Helper()
	r.t.Cleanup(func() { _ = conn.Close() })
	request := "GET /?" + query + " HTTP/" + cmp.Or(r.version, "1.1") + "\r\nHost: x\r\n"
	for _, line := range header {
		request += line + "\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		r.t.Fatalf("status %s", resp.Status)
	}
	return resp.Body
}

// next returns the next event.
func (c *client) next() sse.Event {
	c.t.Helper()
	e, err := c.Next()
	if err != nil {
		c.t.Fatalf("no event: %v", err)
	}
	return e
}

// expect reads documents and compares.
func (c *client) expect(data ...string) {
	c.t.Helper()
	for _, want := range data {
		if e := c.next(); string(e.Data) != want {
			c.t.Fatalf("got %.80s %q, want %.80s", e.Name, e.Data, want)
		}
	}
}

// expectEnd demands that the stream ends now, and is complete: a chunked body that was cut
// is an unexpected EOF.
func (c *client) expectEnd() {
	c.t.Helper()
	if e, err := c.Next(); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		c.t.Fatalf("got %q, %v, want a clean end", e.Data, err)
	}
}
