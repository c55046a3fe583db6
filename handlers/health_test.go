package handlers_test

import "testing"

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
	// Everything but new streams continues.
	a, _ := r.do(post("default", "1", authorized))
	same(t, "publish", a.status, 200)
}
