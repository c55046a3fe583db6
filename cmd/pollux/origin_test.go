package main

import (
	"net/http"
	"testing"
)

// A page of a development server reads from the program beside it, and from no
// program that others can reach.
func TestPagesOfTheSameMachine(t *testing.T) {
	expectNoLeak(t)
	const page = "http://localhost:5173"
	for listen, want := range map[string]string{"127.0.0.1:0": page, "localhost:0": page, ":0": "", "0.0.0.0:0": ""} {
		url, stop := startProgram(t, "--listen", listen, "--public")
		for _, target := range []string{"/api/latest", "/client/react.js", "/api/sse?limit=x"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+target, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Origin", page)
			req.Close = true
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if got := resp.Header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("listening on %s, %s: %q is allowed, want %q", listen, target, got, want)
			}
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
}
