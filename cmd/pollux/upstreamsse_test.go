package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// follows is a stream that follows another Pollux.
func follows(name, url string, settings ...string) string {
	return entry(name, url, append([]string{"source: sse"}, settings...)...)
}

// publishEvent publishes a document to the stream events of a server.
func publishEvent(t *testing.T, url string, n int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/streams/events/events", strings.NewReader(fmt.Sprintf(`{"n":%d}`, n)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sesame")
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%d: %s", n, resp.Status)
	}
}

// A Pollux follows another one, which is killed and started again, while others publish
// there. Each document comes once and in order, over one connection at a time, and the state
// of a stream is what the other one says.
func TestFollowsPollux(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	upstream := listentest.FreeAddress(t)
	gone := listentest.FreeAddress(t)
	origin := strings.Replace(configuration(
		"  - {name: events, push: true}\n",
		entry("dead", "http://"+gone, "every: 100ms"),
	), "listen: 127.0.0.1:0", "listen: "+upstream, 1) + "data: " + filepath.Join(folder, "data") + "\npublish_token: sesame\n"
	first := startProcess(t, testBinary, origin)
	config := configuration(
		follows("events", "http://"+upstream+"/api/sse?stream=events", "every: 2s", "replay: all"),
		follows("dead", "http://"+upstream+"/api/sse?stream=dead", "every: 2s"),
	)
	follower := startProcess(t, testBinary, config)
	eventually(t, "there are two connections", func() bool {
		states := streamStates(t, first.url)
		return states["events"].Clients == 1 && states["dead"].Clients == 1
	})
	reader := startReader(t, follower.url+"/api/sse?stream=events")
	dead := startReader(t, follower.url+"/api/sse?stream=dead")
	dead.expectSoon(t, "status down connect")

	var want []string
	number := 0
	publishSome := func(url string) {
		for range 30 {
			publishEvent(t, url, number)
			want = append(want, fmt.Sprintf(`{"n":%d}`, number))
			number++
		}
	}
	publishSome(first.url)
	for range 2 {
		if err := first.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-first.ended
		first = startProcess(t, testBinary, origin)
		publishSome(first.url)
	}
	for _, document := range want { // on a slow machine a kill may be told as well
		reader.expectSoon(t, document)
	}

	// A reload closes the connection before it opens the next one.
	follower.configure(t, strings.ReplaceAll(config, "every: 2s", "every: 3s"))
	follower.signal(t, syscall.SIGHUP)
	eventually(t, "the reload is done", func() bool { return follower.logged("configuration reloaded", "kept") != "" })
	publishSome(first.url)
	for _, document := range want[len(want)-30:] {
		reader.expectSoon(t, document)
	}
	reader.expectNoMore(t)
	if clients := streamStates(t, first.url)["events"].Clients; clients != 1 {
		t.Errorf("%d connections", clients)
	}
	eventually(t, "both are connected with the new interval", func() bool { // the one that is silent connects again and again
		var list struct {
			Streams []struct {
				Connected *bool
				Every     string
			}
		}
		if err := json.Unmarshal([]byte(getOK(t, follower.url+"/api/streams")), &list); err != nil {
			t.Fatal(err)
		}
		for _, s := range list.Streams {
			if s.Connected == nil || !*s.Connected || s.Every != "3s" {
				return false
			}
		}
		return len(list.Streams) == 2
	})
	follower.stop(t)
	eventually(t, "nobody is connected any more", func() bool { return streamStates(t, first.url)["events"].Clients == 0 })
	first.stop(t)
}

// TestTrySSE tries event streams, one that sends a document and others that do not.
func TestTrySSE(t *testing.T) {
	var connections atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		connections.Add(1)
		defer connections.Add(-1)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprint(w, "retry: 4000\n: hello\n\nid: 7\ndata: {\"a\": 1, \"b\": 2}\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/quiet", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, "<html>")
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	defer server.CloseClientConnections()
	file := filepath.Join(t.TempDir(), "pollux.yaml")
	text := "streams:\n" + follows("events", server.URL+"/events", "select: .a") + follows("quiet", server.URL+"/quiet", "every: 2s") + follows("page", server.URL+"/page") +
		entry("asked", server.URL+"/events", "every: 5s")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := tryOut(t, "try", "events", "--config", file)
	if status != exitOK || stderr != "" {
		t.Errorf("status %d: %s", status, stderr)
	}
	for _, want := range []string{
		"answer    HTTP/1.1 200 OK\n          Content-Type: text/event-stream\n", "event     with the ID 7\n", "select    1\n",
		"stays     connected; if the connection ends, the next one comes after 4s (the upstream says retry: 4000)\n", "result    OK\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	status, stdout, _ = tryOut(t, "check", "--probe", file)
	if status == exitOK {
		t.Errorf("status %d", status)
	}
	for _, want := range []string{
		"events: OK, 1 bytes in ", "quiet: failed, timeout: the connection is open, but no event with a document has come within 2s\n",
		"page: failed, format: the answer is not text/event-stream: it is an HTML page, and begins <html>\n",
		"asked: failed, invalid_json: the answer is not one JSON document: it is an event stream, which source: sse follows\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	eventually(t, "all connections are closed", func() bool { return connections.Load() == 0 })
}
