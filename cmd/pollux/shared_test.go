package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub/natslog/natstest"
)

// sharedConfiguration is that of a node beside NATS servers.
func sharedConfiguration(name string, servers ...*natstest.Server) string {
	urls := make([]string, len(servers))
	for i, s := range servers {
		urls[i] = fmt.Sprintf("%q", s.URL)
	}
	return fmt.Sprintf("nats: [%s]\nnats_replicas: %d\nnode: %s\npublish_token: publisher\nheartbeat: 1s\n", strings.Join(urls, ", "), len(servers), name) +
		"listen: 127.0.0.1:0\nadmin_listen: 127.0.0.1:0\ndrain: 50ms\nlog_format: json\nstreams:\n- {name: events, push: true}\n- {name: polled, mock: true, every: 1s}\n"
}

// post publishes a document, and returns the answer.
func (p *process) post(t *testing.T, document string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/api/streams/events/events", strings.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer publisher")
	resp, err := (&http.Client{Timeout: longEnough, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp
}

// readiness returns what /readyz says.
func (p *process) readiness(t *testing.T) string {
	t.Helper()
	_, body := request(t, http.MethodGet, p.url+"/readyz")
	var answer struct{ Status string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Status
}

// Two nodes beside one NATS server have the same events with the same IDs. While the server is
// away, their clients stay, and are told; afterwards everything goes on in the same epoch, also
// at a node that was started without NATS.
func TestNodesBesideNATS(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t, "")
	binary := builtBinary(t)
	a := startProcess(t, binary, sharedConfiguration("a", server))
	b := startProcess(t, binary, sharedConfiguration("b", server))
	lines := make(chan leafLine, 1000)
	go func() {
		_ = readLines(t.Context(), b.url+"/api/sse?stream=events", "", func(l leafLine) bool { lines <- l; return true })
		close(lines)
	}()
	next := func(want string) leafLine {
		t.Helper()
		late := time.After(longEnough)
		for {
			select {
			case l, open := <-lines:
				if !open {
					t.Fatalf("the stream has ended, want %s", want)
				}
				if strings.Contains(string(l.Data), want) {
					return l
				}
			case <-late:
				t.Fatalf("%s does not come", want)
			}
		}
	}
	if resp := a.post(t, `"one"`); resp.StatusCode != http.StatusOK {
		t.Fatalf("published with %d", resp.StatusCode)
	}
	first := next(`"one"`)
	if at := strings.Trim(headerOf(t, a.url+"/api/latest?stream=events", "ETag"), `W/"`); at != first.ID {
		t.Errorf("the ID is %s at one node and %s at the other", at, first.ID)
	}

	server.Kill(t)
	next(`"error":"log"`)
	for _, p := range []*process{a, b} {
		eventually(t, "not ready", func() bool { return p.readiness(t) == "log_unavailable" })
		if status, _ := request(t, http.MethodGet, p.url+"/livez"); status != http.StatusOK {
			t.Errorf("/livez is %d", status)
		}
		if resp := p.post(t, `"refused"`); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			t.Errorf("published with %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
		}
		if document := getOK(t, p.url+"/api/latest?stream=events"); !strings.Contains(document, "one") {
			t.Errorf("a new client gets %s", document)
		}
		eventually(t, "a new client is told that it is stale", func() bool { // readiness may know it a moment before
			state := streamStates(t, p.url)["polled"]
			return state.State == "stale" && state.Error == "log"
		})
	}
	server.Run(t)
	next(`"state":"live"`)
	eventually(t, "publishing again", func() bool { return a.post(t, `"two"`).StatusCode == http.StatusOK })
	second := next(`"two"`)
	if epoch, _, _ := strings.Cut(first.ID, "-"); !strings.HasPrefix(second.ID, epoch) {
		t.Errorf("%s follows %s", second.ID, first.ID)
	}
	for _, p := range []*process{a, b} {
		eventually(t, "ready", func() bool { return p.readiness(t) == "ok" })
	}

	a.signal(t, syscall.SIGKILL)
	server.Stop(t)
	c := startProcess(t, binary, sharedConfiguration("c", server))
	if ready := c.readiness(t); ready != "log_unavailable" {
		t.Errorf("a node without NATS is %s", ready)
	}
	server.Run(t)
	eventually(t, "ready", func() bool { return c.readiness(t) == "ok" })
	var got []string
	if err := readLines(t.Context(), c.url+"/api/sse?stream=events&limit=1", first.ID, func(l leafLine) bool {
		got = append(got, l.ID+string(l.Data))
		return l.Event != "message"
	}); err != nil {
		t.Fatal(err)
	}
	if want := second.ID + `"two"`; got[len(got)-1] != want {
		t.Errorf("resumed with %v, want %s", got, want)
	}
}

func headerOf(t *testing.T, url, name string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.Header.Get(name)
}

// Clients that go to another of two nodes beside NATS with each few documents, 200 times, while
// documents are published at both, lose nothing and get nothing twice.
func TestClientsMoveBetweenNodes(t *testing.T) {
	t.Parallel()
	const clients, moves = 20, 200
	server := natstest.Start(t, "")
	nodes := newPollers(t, func(name string) string {
		return strings.Replace(sharedConfiguration(name, server), "streams:\n", "history: 100000\nstreams:\n", 1)
	})
	nodes.begin(t, "a")
	nodes.begin(t, "b")
	urls := nodes.urls()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var flow flow
	var publishing, moving sync.WaitGroup
	publishing.Go(func() { flow.run(ctx, t, urls, 2*time.Millisecond) })
	list := make(oracles, clients)
	for i := range list {
		moving.Go(func() { list[i] = moveAround(t, urls, moves) })
	}
	moving.Wait()
	stop()
	publishing.Wait()
	a := flow.account(t, urls[0])
	list.expect(t, a)
	t.Logf("%d clients got %d documents of %d, and moved %d times", clients, list.deliveries(), len(a.stored), moves)
}
