package httpsse_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/polluxhub/pollux/internal/leak"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
	"github.com/polluxhub/pollux/poller/httpsse"
)

// TestMain finds connections that Close did not close: each has two goroutines.
func TestMain(m *testing.M) { leak.Main(m) }

// patience bounds what takes no time.
const patience = time.Minute

// upstream starts a server until the test ends.
func upstream(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// streams returns a handler that answers with an event stream and ends it.
func streams(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, text)
	}
}

// newSource returns a source that is closed when the test ends.
func newSource(t *testing.T, opts httpsse.Options) *httpsse.Source {
	t.Helper()
	s, err := httpsse.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func at(url string) httpsse.Options { return httpsse.Options{Options: httpjson.Options{URL: url}} }

// open opens a source. The flow is closed when the test ends.
func open(t *testing.T, s *httpsse.Source, after string) (poller.Flow, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	flow, err := s.Open(ctx, after, func() {})
	if err == nil {
		t.Cleanup(func() { _ = flow.Close() })
	}
	return flow, err
}

// opened is open for a source that can be opened.
func opened(t *testing.T, s *httpsse.Source, after string) poller.Flow {
	t.Helper()
	flow, err := open(t, s, after)
	if err != nil {
		t.Fatal(err)
	}
	return flow
}

// classAndWords returns what is known of an error.
func classAndWords(t *testing.T, err error) (class, words string) {
	t.Helper()
	classed, ok := errors.AsType[*poller.Error](err)
	if !ok || classed.Err == nil {
		t.Fatalf("%v, want a *poller.Error with a cause", err)
	}
	return classed.Class, classed.Err.Error()
}
