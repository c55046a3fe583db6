package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/handlers"
)

// A request can ask for parts of the newest document.
func TestLatestInPart(t *testing.T) {
	var looked []string
	r := newRig(t, setup{handlers: handlers.Options{Refresh: func(name string) { looked = append(looked, name) }}})
	r.broadcast(`{"b":{"c":1e400,"d":2},"a":1}`)
	for target, want := range map[string]string{
		"/api/latest?fields=/b/c,/a": `{"b":{"c":1e400},"a":1}`,
		"/api/latest?fields=/x":      `{}`,
		"/api/latest?fields=":        `{"b":{"c":1e400,"d":2},"a":1}`,
	} {
		if a, body := r.get(target); a.status != http.StatusOK || body != want {
			t.Errorf("%s: %s %s", target, a.line, body)
		}
	}
	if strings.Join(looked, " ") != "default default default" {
		t.Errorf("looks were told as %q", looked)
	}
	for _, target := range []string{"/api/latest?fields=a", "/api/latest?fields=" + strings.Repeat("/a,", 17), "/api/latest?since=5m", "/api/latest?mode=patch"} {
		if a, body := r.get(target); a.status != http.StatusBadRequest {
			t.Errorf("%s: %s %s", target, a.line, body)
		}
	}
}
