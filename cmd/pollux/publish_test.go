package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is polled says what its upstream says, also if others have the token.
func TestPublishingToWhatIsPolled(t *testing.T) {
	expectNoLeak(t)
	file := filepath.Join(t.TempDir(), "pollux.yaml")
	config := "canary: 1s\nstreams:\n  - {name: mocked, mock: true}\n  - {name: pushed, push: true}\n"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("POLLUX_PUBLISH_TOKEN", "sesame")
	url, stop := startProgram(t, "--config", file)
	for stream, want := range map[string]int{"mocked": http.StatusConflict, "_canary": http.StatusConflict, "pushed": http.StatusOK} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/streams/"+stream+"/events", strings.NewReader(`"published"`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer sesame")
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want || want == http.StatusConflict && !strings.Contains(string(body), `"streams":["pushed"]`) {
			t.Errorf("%s: %s %s", stream, resp.Status, body)
		}
	}
	for _, target := range []string{"/api/streams/pushed/events", "/api/streams/mocked/events", "/api/streams/unknown/events"} {
		if status, _ := request(t, http.MethodPost, url+target); status != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d", target, status)
		}
	}
	if _, text := request(t, http.MethodGet, url+"/metrics"); !strings.Contains(text, "pollux_auth_failures_total{kind=\"publish\"} 3\n") ||
		!strings.Contains(text, "pollux_refusals_total{reason=\"clients\"} 0\n") {
		t.Errorf("metrics:\n%s", text)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
