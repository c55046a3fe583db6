package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
)

// TestSuccessOfTheCookbook runs the use of GraphQL against an upstream that answers as
// GitHub does when the limit is reached: with status 200, a null and an error. Clients
// keep the good document, and the stream says why it fails.
func TestSuccessOfTheCookbook(t *testing.T) {
	var stars atomic.Int32 // 0: the limit is reached
	stars.Store(120000)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		switch n := stars.Load(); {
		case r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer value":
			w.WriteHeader(http.StatusUnauthorized)
		case n == 0:
			_, _ = io.WriteString(w, `{"data":{"rateLimit":{"remaining":0},"repository":null},"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded"}]}`)
		default:
			_, _ = fmt.Fprintf(w, `{"data":{"rateLimit":{"remaining":7},"repository":{"stargazerCount":%d,"issues":{"totalCount":9731}}}}`, n)
		}
	}))
	t.Cleanup(upstream.Close)
	file := recipes(t, upstream.URL)[5].file
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	brisk := strings.NewReplacer("every: 1m", "every: 500ms", "timeout: 10s", "timeout: 450ms").Replace(string(text))
	if err := os.WriteFile(file, []byte(brisk), 0o600); err != nil {
		t.Fatal(err)
	}
	url, stop := startProgram(t, "--config", file)
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	reader := startReader(t, url+"/api/sse?stream=repository")
	document := func(stars int) string {
		return fmt.Sprintf(`{"data":{"rateLimit":{"remaining":7},"repository":{"stargazerCount":%d,"issues":{"totalCount":9731}}}}`, stars)
	}
	reader.expectSoon(t, document(120000))
	stars.Store(0)
	eventually(t, "an answer that is refused", func() bool { return strings.Contains(read(t, url+"/api/streams"), `"error":"refused"`) })
	if got := read(t, url+"/api/latest?stream=repository"); strings.TrimSpace(got) != document(120000) {
		t.Errorf("the newest document is %s", got)
	}
	stars.Store(120001)
	reader.expectSoon(t, document(120001))
}

// read returns the body at a URL.
func read(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
