package httpjson_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/polluxhub/pollux/internal/leak"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// TestMain finds connections that Close did not close: each has two goroutines.
func TestMain(m *testing.M) { leak.Main(m) }

// upstream starts a server until the test ends.
func upstream(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// rawUpstream starts a server that reads the header of a request and passes the
// connection to answer. It returns its URL.
func rawUpstream(t *testing.T, answer func(conn net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				request, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				_ = request.Body.Close()
				answer(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		all.Wait()
	})
	return "http://" + listener.Addr().String()
}

// discardLog keeps the complaints of a server about the faults of these tests out of
// the output.
func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

// says returns an answer with the given text.
func says(text string) func(net.Conn) {
	return func(conn net.Conn) { _, _ = io.WriteString(conn, text) }
}

// newSource returns a source that is closed when the test ends.
func newSource(t *testing.T, opts httpjson.Options) *httpjson.Source {
	t.Helper()
	s, err := httpjson.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func get(t *testing.T, opts httpjson.Options) (poller.Reading, error) {
	t.Helper()
	return newSource(t, opts).Fetch(t.Context(), poller.Version{})
}

// class returns the class of err, which must be a *poller.Error.
func class(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var classed *poller.Error
	if !errors.As(err, &classed) {
		t.Fatalf("%T, want *poller.Error: %v", err, err)
	}
	return classed.Class
}

// wordsOf returns what an error says to operators.
func wordsOf(t *testing.T, err error) string {
	t.Helper()
	classed, ok := errors.AsType[*poller.Error](err)
	if !ok || classed.Err == nil {
		t.Fatalf("%v, want a *poller.Error with a cause", err)
	}
	return classed.Err.Error()
}

// memoryNetwork is a listener whose connections are pipes in memory, so that
// HTTP works inside a synctest bubble.
type memoryNetwork struct {
	conns chan net.Conn
	done  chan struct{}
	close func()
}

func newMemoryNetwork() *memoryNetwork {
	n := &memoryNetwork{conns: make(chan net.Conn), done: make(chan struct{})}
	n.close = sync.OnceFunc(func() { close(n.done) })
	return n
}

func (n *memoryNetwork) Accept() (net.Conn, error) {
	select {
	case conn := <-n.conns:
		return conn, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

func (n *memoryNetwork) Close() error   { n.close(); return nil }
func (n *memoryNetwork) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

func (n *memoryNetwork) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case n.conns <- server:
		return client, nil
	case <-n.done:
		return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// memoryUpstream serves in memory until the test ends, and returns a transport to it.
func memoryUpstream(t *testing.T, handler http.HandlerFunc) *http.Transport {
	t.Helper()
	network := newMemoryNetwork()
	server := &http.Server{Handler: handler}
	served := make(chan error)
	go func() { served <- server.Serve(network) }()
	transport := &http.Transport{DialContext: network.dial, DisableCompression: true}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-served
	})
	return transport
}
