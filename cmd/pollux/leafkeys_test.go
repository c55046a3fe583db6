package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// TestLeafKeys has clients of two leaves, of which one follows the other, that listen to many keys
// of a stream that is polled at the origin. Each key gets there, over one connection for each
// leaf, and is let go when its clients have left.
func TestLeafKeys(t *testing.T) {
	t.Parallel()
	const keys = 150
	var mu sync.Mutex
	asked := map[string]bool{}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked[r.URL.Path] = true
		_, _ = fmt.Fprintf(w, `{"path":%q}`, r.URL.Path)
	}))
	defer upstream.Close()
	origin := startProcess(t, testBinary, configuration("  - {name: prices, url: '"+upstream.URL+"/{key}', every: 1s, linger: 1s, keys: {match: '[0-9]+'}}\n"))
	first := startProcess(t, testBinary, "listen: 127.0.0.1:0\nadmin_listen: 127.0.0.1:0\ndrain: 50ms\nlog_format: json\nnew_keys_per_second: 1000\nfollow: ["+origin.url+"]\n")
	second := startProcess(t, testBinary, "listen: 127.0.0.1:0\nadmin_listen: 127.0.0.1:0\ndrain: 50ms\nlog_format: json\nnew_keys_per_second: 1000\nfollow: ["+first.url+"]\n")
	for _, p := range []*process{first, second} {
		eventually(t, "a leaf is ready", func() bool {
			status, _ := request(t, http.MethodGet, p.url+"/readyz")
			return status == http.StatusOK
		})
	}

	ctx, cancel := context.WithTimeout(t.Context(), longEnough)
	defer cancel()
	var clients, documents sync.WaitGroup
	for _, leaf := range []*process{first, second} {
		for at := 0; at < keys; at += 50 {
			var names []string
			for key := at; key < at+50; key++ {
				names = append(names, fmt.Sprint("prices/", key))
			}
			documents.Add(1)
			clients.Go(func() {
				got := map[string]bool{}
				once := sync.OnceFunc(documents.Done)
				defer once()
				_ = readLines(ctx, leaf.url+"/api/sse?stream="+strings.Join(names, ","), "", func(l leafLine) bool {
					if l.Event == "message" {
						got[string(l.Data)] = true
					}
					if len(got) == len(names) {
						once()
					}
					return true
				})
				if len(got) != len(names) {
					t.Errorf("a client of %s has the documents of %d keys, want %d", leaf.url, len(got), len(names))
				}
			})
		}
	}
	documents.Wait()
	mu.Lock()
	n := len(asked)
	mu.Unlock()
	if n != keys {
		t.Errorf("the upstream was asked for %d keys, want %d", n, keys)
	}
	metric := func(p *process, name string) string {
		for line := range strings.Lines(getOK(t, p.admin+"/metrics")) {
			if value, ok := strings.CutPrefix(line, name+" "); ok {
				return strings.TrimSpace(value)
			}
		}
		return ""
	}
	for _, p := range []*process{origin, first} {
		want := map[*process]string{origin: "1", first: "4"}[p] // the leaf below, and three clients
		if got := metric(p, "pollux_clients"); got != want {
			t.Errorf("%s has %s clients, want %s", p.url, got, want)
		}
	}
	cancel()
	clients.Wait()
	for _, p := range []*process{second, first, origin} {
		eventually(t, "the keys are let go", func() bool { return metric(p, `pollux_keys{stream="prices"}`) == "0" })
	}
}
