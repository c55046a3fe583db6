package handlers_test

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/handlers"
)

// All mistakes are told together.
func TestOptions(t *testing.T) {
	_, err := handlers.New(handlers.Options{MaxBody: -1, AllowOrigins: []string{
		"*", "http://localhost:8080", "https://[::1]:8443", // these are well
		"", "null", "example.com", "https://", "https://example.com/", "https://*.example.com", "ftp://example.com",
		"https://example.com?x", "https://example.com#x", "https://user@example.com", " https://example.com",
	}})
	const origin = " in AllowOrigins is no origin, want for example https://example.com, or *"
	want := lines("handlers: Hub, Engine and Assets must be set",
		"handlers: MaxBody is -1, want at least 1, or 0 for 1048576",
		`handlers: ""`+origin, `handlers: "null"`+origin, `handlers: "example.com"`+origin, `handlers: "https://"`+origin,
		`handlers: "https://example.com/"`+origin, `handlers: "https://*.example.com"`+origin, `handlers: "ftp://example.com"`+origin,
		`handlers: "https://example.com?x"`+origin, `handlers: "https://example.com#x"`+origin,
		`handlers: "https://user@example.com"`+origin, `handlers: " https://example.com"`+origin)
	if err == nil {
		t.Fatal("no error")
	}
	same(t, "error", err.Error(), want)
}

// Logger and Upstreams may be missing. Then all streams are only published to,
// and the log is everybody's.
func TestDefaults(t *testing.T) {
	r := newRig(t, setup{})
	everybodys := slog.Default()
	defer slog.SetDefault(everybodys)
	slog.SetDefault(slog.New(slog.NewTextHandler(r.log, nil)))
	handler, err := handlers.New(handlers.Options{Hub: r.hub, Engine: r.engine, Assets: assets})
	if err != nil {
		t.Fatal(err)
	}
	status, body := serve(t, handler, "GET", "/api/streams", "", "")
	same(t, "status", status, 200)
	if !strings.Contains(body, `"every":null`) {
		t.Errorf("streams: %s", body)
	}
	// A ResponseWriter without deadlines cannot be served, which the log tells.
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/livez", nil))
	same(t, "status", w.Code, 500)
	same(t, "body", w.Body.String(), `{"title":"Internal Server Error","status":500}`)
	if !r.log.contains("request failed") {
		t.Errorf("log:\n%s", r.log)
	}
}
