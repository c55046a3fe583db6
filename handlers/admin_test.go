package handlers_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// idleEngine is an engine that nobody runs.
func idleEngine(t *testing.T) *fanout.Engine {
	t.Helper()
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := fanout.New(fanout.Options{Hub: h})
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

func TestAdmin(t *testing.T) {
	var failure error
	counts := new(handlers.Counts)
	admin, err := handlers.NewAdmin(handlers.AdminOptions{
		Engine: idleEngine(t), Counts: counts,
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
		{"GET", "/-/log-level", "", nil, 404, ""},
		{"GET", "/debug/pprof/heap", "", nil, 404, ""},
		{"GET", "/livez", "", nil, 200, `{"status":"ok"}`},
		{"GET", "/-/upstreams", "", nil, 200, `{"upstreams":[]}`},
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
	if n := counts.Refusals()["admin_page"]; n != 4 {
		t.Errorf("%d refusals are counted, want 4", n)
	}
	if _, err := handlers.NewAdmin(handlers.AdminOptions{}); err == nil {
		t.Error("an admin that cannot reload")
	}
}

// With a token, any Host may be asked, and nothing but health answers without it.
func TestAdminWithToken(t *testing.T) {
	counts := new(handlers.Counts)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	admin, err := handlers.NewAdmin(handlers.AdminOptions{
		Token: auth.NewBearer("sesame"), Engine: idleEngine(t), Counts: counts, LogLevel: new(slog.LevelVar), Logger: slog.New(slog.DiscardHandler),
		Reload:   func() (any, error) { return "done", nil },
		Metrics:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics") }),
		Profiles: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "profile of "+r.URL.Path) }),
		Upstreams: func() []hub.Upstream {
			return []hub.Upstream{{
				Name: "a", Status: hub.Status{State: hub.Stale, Error: "http_503"}, Reason: "the upstream answered 503: no more <tea>",
				LastPoll: at, Polls: 3, Failures: map[string]uint64{"http_503": 2},
			}}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(admin)
	defer server.Close()
	asked := `{"level":"debug"}`
	ask := func(method, path, token, origin string) (resp *http.Response, body string) {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(asked))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "pollux.example"
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if resp, err = server.Client().Do(r); err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, strings.TrimSpace(string(text))
	}
	for _, test := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/metrics", 200, "metrics"},
		{"POST", "/-/reload", 200, `"done"`},
		{"GET", "/debug/pprof/", 200, "profile of /debug/pprof/"},
		{"GET", "/debug/pprof/heap", 200, "profile of /debug/pprof/heap"},
		{"GET", "/-/log-level", 200, `{"level":"info"}`},
		{"POST", "/-/log-level", 200, `{"level":"debug"}`},
		{"GET", "/-/log-level", 200, `{"level":"debug"}`},
		{"GET", "/-/upstreams", 200, `{"upstreams":[{"name":"a","state":"stale","error":"http_503","reason":"the upstream answered 503: no more \u003ctea\u003e",` +
			`"lastPoll":"2026-01-02T03:04:05.006Z","nextPoll":null,"requests":3,"failures":{"http_503":2}}]}`},
		{"GET", "/nowhere", 404, ""},
	} {
		for _, token := range []string{"", "wrong", "sesame"} {
			want := test.status
			if token != "sesame" {
				want = http.StatusUnauthorized
			}
			resp, body := ask(test.method, test.path, token, "")
			if resp.StatusCode != want || want == test.status && test.body != "" && body != test.body {
				t.Errorf("%s %s with %q: %s %s, want %d %s", test.method, test.path, token, resp.Status, body, want, test.body)
			}
			challenge := map[string]string{"": `Bearer realm="pollux"`, "wrong": `Bearer realm="pollux", error="invalid_token"`}[token]
			if got := resp.Header.Get("WWW-Authenticate"); got != challenge {
				t.Errorf("%q: challenge %q, want %q", token, got, challenge)
			}
		}
	}
	for _, asked = range []string{"", "{}", "debug", `{"level":"DEBUG-4"}`, `{"level":"` + strings.Repeat("x", 2000) + `"}`} {
		if resp, body := ask("POST", "/-/log-level", "sesame", ""); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%.20s: %s %s", asked, resp.Status, body)
		}
	}
	for _, path := range []string{"/livez", "/healthz", "/readyz"} {
		if resp, body := ask("GET", path, "", ""); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
	if resp, _ := ask("POST", "/-/reload", "sesame", "https://evil.example"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a page: %s", resp.Status)
	}
	if n := counts.AuthFailures()["admin"]; n != 18 {
		t.Errorf("%d failures are counted, want 18", n)
	}
}
