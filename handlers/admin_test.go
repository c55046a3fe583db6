package handlers_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/handlers"
)

func TestAdmin(t *testing.T) {
	var failure error
	admin, err := handlers.NewAdmin(handlers.AdminOptions{
		Reload: func() (any, error) { return map[string]int{"kept": 3}, failure },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "pollux_clients 1\n")
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(admin)
	defer server.Close()
	host := ""
	ask := func(method, path, origin string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		r.Host = host
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, strings.TrimSpace(string(body))
	}
	bad := errors.New("pollux.yaml:3:5: every is soon, want a duration such as 5s")
	for _, test := range []struct {
		method, path, origin string
		failure              error
		status               int
		body                 string
	}{
		{"POST", "/-/reload", "", nil, 200, `{"kept":3}`},
		{"POST", "/-/reload", "", bad, 422, `{"title":"Unprocessable Entity","status":422,"detail":"` + bad.Error() + `"}`},
		{"GET", "/-/reload", "", nil, 405, ""},
		{"POST", "/-/reload", "https://evil.example", nil, 403, ""},
		{"GET", "/metrics", "", nil, 200, "pollux_clients 1"},
		{"GET", "/metrics", "null", nil, 403, ""},
		{"GET", "/api/streams", "", nil, 404, ""},
	} {
		failure = test.failure
		status, body := ask(test.method, test.path, test.origin)
		if status != test.status || test.body != "" && body != test.body {
			t.Errorf("%s %s from %q: %d %s, want %d %s", test.method, test.path, test.origin, status, body, test.status, test.body)
		}
	}
	for name, want := range map[string]int{"localhost": 200, "localhost:9090": 200, "[::1]:9090": 200, "127.0.0.1": 200, "evil.example:9090": 403, "10.0.0.1": 403} {
		host = name
		if status, _ := ask("GET", "/metrics", ""); status != want {
			t.Errorf("Host %s: %d, want %d", name, status, want)
		}
	}
	if _, err := handlers.NewAdmin(handlers.AdminOptions{}); err == nil {
		t.Error("an admin that cannot reload")
	}
}
