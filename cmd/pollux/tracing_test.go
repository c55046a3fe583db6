package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// The program sends its traces to the collector of otlp_endpoint, the last ones when it
// ends, and tells only those upstreams of them that should know. Package tracing tests
// what is in a trace.
func TestTracesOfTheProgram(t *testing.T) {
	t.Parallel()
	var batches, told, untold, wrong atomic.Int64
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method+" "+r.URL.Path+" "+r.Header.Get("Content-Type") != "POST /v1/traces application/x-protobuf" {
			wrong.Add(1)
		}
		batches.Add(1)
	}))
	t.Cleanup(collector.Close)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known := r.Header.Get("Traceparent") != ""
		switch {
		case known != strings.HasPrefix(r.URL.Path, "/told"):
			wrong.Add(1)
		case known:
			told.Add(1)
		default:
			untold.Add(1)
		}
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(upstream.Close)
	p := startProcess(t, testBinary, "otlp_endpoint: "+collector.URL+"\n"+configuration(
		entry("told", upstream.URL+"/told", "every: 100ms", "traceparent: true"), entry("untold", upstream.URL+"/untold", "every: 100ms")))
	eventually(t, "the upstream is asked", func() bool { return told.Load() > 2 && untold.Load() > 2 })
	p.stop(t)
	if batches.Load() == 0 || wrong.Load() > 0 {
		t.Errorf("%d batches, %d requests that are wrong", batches.Load(), wrong.Load())
	}
}
