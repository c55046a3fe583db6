package main

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/polluxhub/pollux/poller"
)

// TestStreamsOfAFileShareConnections asks for the streams of a file, one after the other:
// all of one host have one connection, and the keys of a stream use it as well.
func TestStreamsOfAFileShareConnections(t *testing.T) {
	var opened atomic.Int32
	upstream := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "1") }))
	upstream.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	upstream.Start()
	t.Cleanup(upstream.Close)
	text := "streams:\n- {name: keyed, url: '" + upstream.URL + "/{key}', keys: {match: '[a-z]'}}\n"
	for i := range 100 {
		text += "- {name: s" + strconv.Itoa(i) + ", url: '" + upstream.URL + "/" + strconv.Itoa(i) + "'}\n"
	}
	file := filepath.Join(t.TempDir(), "pollux.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := parse([]string{"--config", file, "--listen", "127.0.0.1:0"}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	p, err := assemble(&c.Serve, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range p.streams {
		if s.Poll.Keys != nil {
			_, err = s.Poll.Keys.Source.FetchKeys(t.Context(), []string{"a"}, poller.Version{})
		} else {
			_, err = s.Poll.Source.Fetch(t.Context(), poller.Version{})
		}
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}
