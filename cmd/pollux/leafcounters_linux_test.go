package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A leaf of an origin that sends one line which nobody can read, and is ahead of what it sends.
func countersOfLeaf(t *testing.T, shown *cases) {
	lines := []string{
		`{"event":"hello","data":{"session":"s","node":"n","path":["n"]}}`,
		`{"event":"streams","data":[{"name":"default"}]}`,
		`{"event":"begin","id":"e-5","stream":"default","data":{"lost":0,"count":0}}`,
		`nonsense`,
		`{"event":"message","id":"e-6","stream":"default","time":"2026-01-01T00:00:00Z","data":6}`,
	}
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
		for err == nil && r.Context().Err() == nil {
			_, _ = fmt.Fprintf(w, `{"event":"hb","id":"e-6","data":{"now":%q,"head":"e-9"}}`+"\n", time.Now().UTC().Format(time.RFC3339Nano))
			err = http.NewResponseController(w).Flush()
			time.Sleep(100 * time.Millisecond)
		}
	}))
	t.Cleanup(origin.Close)
	c := shown.start(t, 0, "listen: 127.0.0.1:0\ndrain: 50ms\nfollow: ["+origin.URL+"]\n")
	c.await(t, "follow_lag", 3)
	c.await(t, `follow_connected{origin="`+strings.TrimPrefix(origin.URL, "http://")+`"}`, 1)
	c.await(t, "follow_connections_total", 1)
	c.await(t, "follow_skipped_lines_total", 1)
	c.await(t, "events_published_total", 1)
	c.end()
	if err := <-c.ended; err != nil {
		t.Error(err)
	}
}
