package handlers_test

import (
	"testing"

	"github.com/polluxhub/pollux/handlers"
)

// Health and readiness are different: a process that drains is healthy.
func TestHealth(t *testing.T) {
	r := newRig(t, setup{})
	const ok = `{"status":"ok"}`
	for _, target := range []string{"/livez", "/healthz", "/readyz"} {
		a, body := r.get(target)
		same(t, target, a.status, 200)
		same(t, target, body, ok)
	}
	r.open("/api/sse")
	r.drain()
	for target, want := range map[string]int{"/livez": 200, "/healthz": 200, "/readyz": 503} {
		a, body := r.get(target)
		same(t, target, a.status, want)
		if want == 200 {
			same(t, target, body, ok)
			continue
		}
		same(t, target, body, `{"status":"draining"}`)
		same(t, target, a.head(t), lines("HTTP/1.1 503 Service Unavailable", "Cache-Control: no-store", "Content-Length: 21",
			"Content-Type: application/json", "X-Content-Type-Options: nosniff"))
	}
	for _, readiness := range []handlers.Readiness{handlers.Waiting, handlers.LameDuck} {
		r := newRig(t, setup{handlers: handlers.Options{Readiness: func() handlers.Readiness { return readiness }}})
		a, body := r.get("/readyz")
		same(t, "not ready", a.status, 503)
		same(t, "not ready", body, `{"status":"`+string(readiness)+`"}`)
		a, _ = r.get("/livez")
		same(t, "alive", a.status, 200)
		r.broadcast("1")
		r.open("/api/sse").expect("1") // who comes all the same
	}
	// Everything but new streams continues.
	a, _ := r.do(post("default", "1", authorized))
	same(t, "publish", a.status, 200)
}
