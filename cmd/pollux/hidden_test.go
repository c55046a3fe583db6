package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestHiddenChanges has an upstream whose ETag is that of a build: the document
// changes, the ETag never. A stream finds that out by itself, tells of it once, and
// keeps up from then on; one that says so from the start is never asked
// conditionally.
func TestHiddenChanges(t *testing.T) {
	t.Parallel()
	var changes, conditional atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"build-7"`)
		if r.Header.Get("If-None-Match") != "" {
			if r.URL.Path == "/never" {
				conditional.Add(1)
			}
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = fmt.Fprintf(w, `{"n":%d}`, changes.Load())
	}))
	t.Cleanup(server.Close)
	p := startProcess(t, testBinary, configuration(
		entry("found-out", server.URL+"/found-out", "every: 20ms", "revalidate: 1s"),
		entry("never", server.URL+"/never", "every: 20ms", "conditional: false"),
	))
	has := func(stream string, n int) func() bool {
		return func() bool {
			_, body := request(t, http.MethodGet, p.url+"/api/latest?stream="+stream)
			return body == fmt.Sprintf(`{"n":%d}`, n)
		}
	}
	for n := range 3 {
		changes.Store(int64(n))
		for _, stream := range []string{"found-out", "never"} {
			eventually(t, fmt.Sprintf("change %d of %s", n, stream), has(stream, n))
		}
	}
	counted := countersOf(t, p.admin)
	if counted["found-out"]["poll_hidden_changes"] != 1 || counted["never"]["poll_hidden_changes"] != 0 || conditional.Load() != 0 {
		t.Errorf("%d and %d hidden changes, %d conditional requests, want 1, 0 and 0",
			counted["found-out"]["poll_hidden_changes"], counted["never"]["poll_hidden_changes"], conditional.Load())
	}
	p.stop(t)
	if n := strings.Count(p.log.String(), "answered that nothing had changed"); n != 1 {
		t.Errorf("told %d times, want once:\n%s", n, p.log.String())
	}
}
