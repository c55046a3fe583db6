package handlers_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/handlers"
)

// access returns the headers of an answer that tell browsers and caches about
// origins.
func access(a *answer) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		values := slices.DeleteFunc(slices.Clone(a.header[name]), func(v string) bool { return v == "Accept" }) // a stream's own
		if len(values) > 0 && (strings.HasPrefix(name, "Access-Control-") || name == "Vary") {
			all = append(all, name+": "+strings.Join(values, ", "))
		}
	}
	return lines(all...)
}

func TestCrossOrigin(t *testing.T) {
	const (
		origin = "Origin: https://app.example"
		method = "Access-Control-Request-Method: GET"
		expose = "Access-Control-Expose-Headers: ETag, Retry-After"
		mine   = "Access-Control-Allow-Origin: https://app.example"
		all    = "Access-Control-Allow-Origin: *"
	)
	preflight := lines("Access-Control-Allow-Headers: Cache-Control, If-None-Match, Last-Event-ID",
		"Access-Control-Allow-Methods: GET, HEAD")
	age := "Access-Control-Max-Age: 600"
	list := []string{"https://other.example", "https://app.example", "http://localhost:8080"}
	for _, test := range []struct {
		name    string
		allow   []string
		request []string
		simple  string // headers of an answer to GET
		flight  string // headers of an answer to a preflight
	}{
		{"off", nil, []string{origin}, "", ""},
		{"no origin", list, nil, "Vary: Origin", "Vary: Origin"},
		{"allowed", list, []string{origin}, lines(mine, expose, "Vary: Origin"),
			lines(preflight, mine, expose, age, "Vary: Origin")},
		{"in capitals", list, []string{"Origin: https://APP.example"}, lines("Access-Control-Allow-Origin: https://APP.example", expose, "Vary: Origin"),
			lines(preflight, "Access-Control-Allow-Origin: https://APP.example", expose, age, "Vary: Origin")},
		{"another", list, []string{"Origin: https://evil.example"}, "Vary: Origin", "Vary: Origin"},
		{"another port", list, []string{"Origin: http://localhost:8081"}, "Vary: Origin", "Vary: Origin"},
		{"another scheme", list, []string{"Origin: http://app.example"}, "Vary: Origin", "Vary: Origin"},
		{"longer", list, []string{"Origin: https://app.example.evil.example"}, "Vary: Origin", "Vary: Origin"},
		{"subdomain", list, []string{"Origin: https://x.app.example"}, "Vary: Origin", "Vary: Origin"},
		{"null", list, []string{"Origin: null"}, "Vary: Origin", "Vary: Origin"},
		{"two", list, []string{"Origin: https://evil.example", origin}, "Vary: Origin", "Vary: Origin"},
		{"any", []string{"*"}, []string{origin}, lines(all, expose), lines(preflight, all, expose, age)},
		{"any, without origin", []string{"*"}, nil, lines(all, expose), lines(preflight, all, expose, age)},
		{"any among others", []string{"https://other.example", "*"}, []string{origin}, lines(all, expose), lines(preflight, all, expose, age)},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, setup{handlers: handlers.Options{AllowOrigins: test.allow, DisableCompression: true}})
			r.broadcast("1")
			sorted := func(text string) string {
				all := strings.Split(text, "\n")
				slices.Sort(all)
				return lines(all...)
			}
			for _, target := range []string{"/api/sse?limit=1", "/api/latest", "/api/streams", "/livez", "/", "/nothing"} {
				a, _ := r.get(target, test.request...)
				same(t, "GET "+target, access(a), sorted(test.simple))
				a, _ = r.do(request("OPTIONS", target, append(test.request, method)...))
				same(t, "preflight "+target, access(a), sorted(test.flight))
				if exists := target != "/nothing"; (a.status == 204) != exists {
					t.Errorf("preflight %s: %s", target, a.line)
				}
				a, _ = r.get(target, append(test.request, method)...) // which no browser sends
				same(t, "GET "+target, access(a), sorted(test.simple))
				a, _ = r.do(request("OPTIONS", target, test.request...))
				same(t, "OPTIONS "+target, access(a), sorted(test.simple))
			}
		})
	}
}
