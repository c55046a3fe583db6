package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/polluxhub/pollux"
)

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("GET %s: %s, %v", url, resp.Status, err)
	}
	return string(body)
}

// The dashboard, its files and the stream are under the prefix, which may be asked for
// without a slash.
func TestMounted(t *testing.T) {
	p, err := pollux.New(pollux.Options{Drain: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()
	server := httptest.NewUnstartedServer(routes(p))
	server.Config.ConnContext = p.ConnContext
	server.Start()
	defer server.Close()

	resp, err := http.Post(server.URL+"/orders", "text/plain", strings.NewReader("tea"))
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", resp.Status, err)
	}
	for target, want := range map[string]string{
		"/live":                 "<title>Pollux</title>",
		"/live/":                "<title>Pollux</title>",
		"/live/dashboard.js":    "import",
		"/live/api/streams":     `"name":"default"`,
		"/live/api/sse?limit=1": "\ndata: {",
	} {
		if got := get(t, server.URL+target); !strings.Contains(got, want) {
			t.Errorf("%s has no %q: %s", target, want, got)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
