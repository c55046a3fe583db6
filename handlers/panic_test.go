package handlers_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// A panic is answered like any other failure, and the log has the stack.
func TestPanic(t *testing.T) {
	r := newRig(t, setup{handlers: handlers.Options{Upstreams: func() []hub.Upstream { panic("inner secret") }}})
	for range 2 { // the server survives, and so does the connection
		a, body := r.get("/api/streams")
		same(t, "body", body, `{"title":"Internal Server Error","status":500}`)
		same(t, "head", a.head(t), lines("HTTP/1.1 500 Internal Server Error", "Cache-Control: no-store", "Content-Length: 46",
			"Content-Security-Policy: "+csp, "Content-Type: application/problem+json", "Referrer-Policy: no-referrer", "X-Content-Type-Options: nosniff"))
	}
	for _, want := range []string{`"level":"ERROR"`, `"msg":"handler panicked"`, `"path":"/api/streams"`, `"cause":"inner secret"`, "streams.go:"} {
		if !r.log.Contains(want) {
			t.Errorf("no %s in the log:\n%s", want, r.log)
		}
	}
}

// breaking panics once, after a number of writes.
type breaking struct {
	http.ResponseWriter
	writes *int
}

func (w breaking) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w breaking) Write(p []byte) (int, error) {
	*w.writes--
	if *w.writes == -1 {
		panic("broken writer")
	}
	return w.ResponseWriter.Write(p)
}

func breakAfter(writes int, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(breaking{w, &writes}, r) })
}

// An answer that a panic interrupts must not look complete.
func TestPanicWithinAnAnswer(t *testing.T) {
	r := newRig(t, setup{wrap: func(next http.Handler) http.Handler { return breakAfter(0, next) }})
	r.broadcast("1")
	c := r.dial()
	c.send(request("GET", "/api/latest"))
	if a, err := c.tryReceive("GET"); err == nil {
		t.Errorf("got %s", a.head(t))
	}
	r.await("logged", func() bool { return r.log.Contains("broken writer") })
}

// The same holds for a stream.
func TestPanicWithinAStream(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast("1")
	engine, err := fanout.New(fanout.Options{Hub: r.hub, Logger: slog.New(slog.DiscardHandler)}) // a separate one, which may lose a client
	if err != nil {
		t.Fatal(err)
	}
	handler, err := handlers.New(handlers.Options{Hub: r.hub, Engine: engine, Assets: assets, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(breakAfter(2, handler)) // the preface and the document
	defer server.Close()
	client := server.Client()
	defer client.CloseIdleConnections()
	resp, err := client.Get(server.URL + "/api/sse")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	r.broadcast("2")
	body, err := io.ReadAll(resp.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasSuffix(string(body), "data: 1\n\n") {
		t.Errorf("got %q, %v, want what was whole, and a cut", body, err)
	}
}

// A handler that panics with ErrAbortHandler closes the connection without a log record.
func TestAbortedHandler(t *testing.T) {
	r := newRig(t, setup{handlers: handlers.Options{Upstreams: func() []hub.Upstream { panic(http.ErrAbortHandler) }}})
	c := r.dial()
	c.send(request("GET", "/api/streams"))
	if a, err := c.tryReceive("GET"); err == nil {
		t.Errorf("got %s", a.head(t))
	}
	if r.log.Contains("panic") {
		t.Errorf("log:\n%s", r.log)
	}
}

// closedWriter is the answer of a connection that its server has closed.
type closedWriter struct{ *httptest.ResponseRecorder }

func (closedWriter) SetReadDeadline(time.Time) error  { return net.ErrClosed }
func (closedWriter) SetWriteDeadline(time.Time) error { return net.ErrClosed }

// Requests that the end of the server catches are no failures: a server with many clients would
// log one for each of them.
func TestConnectionClosedBeforeTheHandler(t *testing.T) {
	r := newRig(t, setup{})
	r.handler.ServeHTTP(closedWriter{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/api/sse", nil))
	if r.log.Contains("request failed") || !r.log.Contains("answer not written") {
		t.Errorf("log:\n%s", r.log)
	}
}
