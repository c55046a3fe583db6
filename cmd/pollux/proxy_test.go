package main

import (
	"io"
	"net/http"
	"testing"
)

// What clients share is shared by address, and behind a trusted proxy that is what
// the proxy says.
func TestClientsBehindAProxy(t *testing.T) {
	expectNoLeak(t)
	for trusted, want := range map[string]int{"127.0.0.0/8": http.StatusOK, "192.0.2.0/24": http.StatusTooManyRequests} {
		url, stop := startProgram(t, "--max-views", "4", "--trusted-proxies", trusted) // so each address has one
		var open []io.Closer
		ask := func(field, client string) int {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/sse?fields=/"+field, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Forwarded-For", "198.51.100.99, "+client)
			req.Close = true
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, resp.Body)
			return resp.StatusCode
		}
		if status := ask("a", "198.51.100.1"); status != http.StatusOK {
			t.Errorf("the first: %d", status)
		}
		if status := ask("b", "198.51.100.1"); status != http.StatusTooManyRequests {
			t.Errorf("a second view for one address: %d", status)
		}
		if status := ask("b", "198.51.100.2"); status != want {
			t.Errorf("a view for another address, %s is trusted: %d, want %d", trusted, status, want)
		}
		for _, body := range open {
			_ = body.Close()
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
}
