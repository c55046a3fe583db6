package handlers_test

import (
	"crypto/tls"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/handlers"
)

// access returns the headers of an answer about origins, for browsers and caches.
func access(a *answer) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		values := slices.DeleteFunc(slices.Clone(a.header[name]), func(v string) bool { return v == "Accept" }) // which streams have anyway
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
		expose = "Access-Control-Expose-Headers: ETag, Pollux-Event-Time, Pollux-Now, Retry-After, WWW-Authenticate"
		mine   = "Access-Control-Allow-Origin: https://app.example"
		all    = "Access-Control-Allow-Origin: *"
	)
	preflight := lines("Access-Control-Allow-Headers: Authorization, Cache-Control, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID",
		"Access-Control-Allow-Methods: GET, HEAD, POST")
	age := "Access-Control-Max-Age: 600"
	list := []string{"https://other.example", "HTTPS://App.example:443", "http://localhost:8080"}
	echoed := func(origin string) string { return "Access-Control-Allow-Origin: " + origin }
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
		{"in capitals", list, []string{"Origin: HTTPS://APP.example"}, lines(echoed("HTTPS://APP.example"), expose, "Vary: Origin"),
			lines(preflight, echoed("HTTPS://APP.example"), expose, age, "Vary: Origin")},
		{"with its usual port", list, []string{"Origin: https://other.example:443"}, lines(echoed("https://other.example:443"), expose, "Vary: Origin"),
			lines(preflight, echoed("https://other.example:443"), expose, age, "Vary: Origin")},
		{"the usual port of the other scheme", list, []string{"Origin: https://other.example:80"}, "Vary: Origin", "Vary: Origin"},
		{"with a path", list, []string{"Origin: https://app.example/"}, "Vary: Origin", "Vary: Origin"},
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
				foreign := len(test.request) > 0 && !strings.Contains(test.simple, "Allow-Origin")
				if foreign {
					same(t, "GET "+target, a.status, 403)
				}
				same(t, "GET "+target, access(a), sorted(test.simple))
				a, _ = r.do(request("OPTIONS", target, append(test.request, method)...))
				same(t, "preflight "+target, access(a), sorted(test.flight))
				if exists := target != "/nothing"; (a.status == 204) != (exists && !foreign) {
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

// With a server that only this machine can reach, pages of this machine can read
// everything, including problems and modules, and other pages nothing.
func TestLoopbackOrigins(t *testing.T) {
	for _, test := range []struct {
		origin string
		want   bool
	}{
		{"http://localhost:5173", true},
		{"http://localhost", true},
		{"https://localhost:8443", true},
		{"http://LOCALHOST:5173", true},
		{"http://127.0.0.1:8000", true},
		{"http://127.1.2.3:8000", true},
		{"http://[::1]:3000", true},
		{"http://[0:0:0:0:0:0:0:1]:3000", true},
		{"http://[::ffff:127.0.0.1]:3000", true},
		{"https://app.example", true}, // which is listed
		{"null", false},
		{"", false},
		{"https://evil.example", false},
		{"http://localhost.evil.example", false},
		{"http://evil.example:80", false},
		{"http://localhost:5173.evil.example", false},
		{"http://localhost@evil.example", false},
		{"http://evil.example#localhost", false},
		{"http://127.0.0.1.evil.example", false},
		{"http://128.0.0.1", false},
		{"http://0.0.0.0:3000", false},
		{"http://192.168.0.1", false},
		{"http://10.0.0.1", false},
		{"http://[::2]", false},
		{"http://[::1%25lo]:3000", false},
		{"http://[::1", false},
		{"http://::1", false},
		{"http://xlocalhost", false},
		{"http://localhost:", false},
		{"http://localhost:0", false},
		{"http://localhost:99999", false},
		{"http://localhost:5173/", false},
		{"http://*:5173", false},
		{"ftp://localhost", false},
		{"chrome-extension://localhost", false},
		{"localhost:5173", false},
		{"//localhost", false},
		{"http://localhost:5173, http://localhost:5174", false},
		{"http://" + strings.Repeat("localhost.", 5000), false},
	} {
		r := newRig(t, setup{handlers: handlers.Options{AllowOrigins: []string{"https://app.example"}, AllowLoopback: true}})
		r.broadcast("1")
		for _, target := range []string{"/api/sse?limit=1", "/api/latest", "/api/streams", "/client/pollux.js", "/nothing", "/api/sse?limit=x", "/api/latest?stream=x"} {
			a, _ := r.get(target, "Origin: "+test.origin)
			want := ""
			if test.want {
				want = test.origin
			}
			if got := a.header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("%s from %.60q: allowed %q", target, test.origin, got)
			}
			if !slices.Contains(a.header["Vary"], "Origin") {
				t.Errorf("%s: Vary is %q", target, a.header["Vary"])
			}
		}
		a, _ := r.get("/api/latest", "Origin: "+test.origin, "Origin: "+test.origin)
		same(t, "two origins", a.header.Get("Access-Control-Allow-Origin"), "")
	}
}

// A page of an origin that is listed may send credentials where the operator says so. A
// foreign one takes no place of a client.
func TestCredentials(t *testing.T) {
	r := newRig(t, setup{handlers: handlers.Options{AllowOrigins: []string{"https://app.example"}, AllowLoopback: true, AllowCredentials: true}})
	for origin, want := range map[string]string{"https://app.example": "true", "http://localhost:1": "", "https://evil.example": ""} {
		for _, method := range []string{"GET", "OPTIONS"} {
			a, _ := r.do(request(method, "/api/streams", "Origin: "+origin, "Access-Control-Request-Method: GET"))
			same(t, method+" from "+origin, a.header.Get("Access-Control-Allow-Credentials"), want)
		}
	}
	a, _ := r.get("/api/sse", "Origin: https://evil.example", "Accept: text/event-stream")
	same(t, "a foreign stream", a.status, 403)
	if n := r.engine.Stats(); n.Clients != 0 || len(n.Ended) > 0 && n.Ended["gone"] > 0 {
		t.Errorf("it was a client: %+v", n)
	}
	if _, err := handlers.New(handlers.Options{Hub: r.hub, Engine: r.engine, Assets: assets, AllowOrigins: []string{"*"}, AllowCredentials: true}); err == nil {
		t.Error("credentials for all origins are taken")
	}
}

// A page that may only read cannot act for its visitors, whose browsers send the cookie to
// every host below the same domain, and to every port of this machine.
func TestForeignCookie(t *testing.T) {
	const listed, own = "https://app.example", "https://pollux.test"
	for name, test := range map[string]struct {
		options handlers.Options
		counts  map[string]bool // by Origin
	}{
		"any":         {handlers.Options{AllowOrigins: []string{"*"}}, map[string]bool{listed: false, "null": false, own: true, "": true}},
		"listed":      {handlers.Options{AllowOrigins: []string{listed}}, map[string]bool{listed: false, own: true, "": true}},
		"credentials": {handlers.Options{AllowOrigins: []string{listed}, AllowCredentials: true}, map[string]bool{listed: true, own: true}},
		"loopback":    {handlers.Options{AllowLoopback: true}, map[string]bool{"http://localhost:5173": false, own: true}},
		"loopback and credentials": {handlers.Options{AllowLoopback: true, AllowOrigins: []string{listed}, AllowCredentials: true},
			map[string]bool{"http://localhost:5173": false, listed: true}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuard(t)
			test.options.Tokens, test.options.Guarded = g.setup.handlers.Tokens, g.setup.handlers.Guarded
			test.options.PollNow = func(string) (time.Time, error) { return time.Time{}, nil }
			g.setup.handlers = test.options
			r := newRig(t, g.setup)
			r.broadcastTo("news", "1")
			cookie := "Cookie: pollux_token=" + g.tokens["all"]
			for origin, counts := range test.counts {
				header := []string{cookie}
				if origin != "" {
					header = append(header, "Origin: "+origin)
				}
				for what, ask := range map[string]string{
					"publish": post("news", "1", header...),
					"poll":    request("POST", "/api/streams/news/poll", header...),
					"ticket":  request("POST", "/api/ticket", header...),
					"read":    request("GET", "/api/latest?stream=news", header...),
				} {
					a, _ := r.do(ask)
					if (a.status != 401) != counts || counts && a.status >= 300 {
						t.Errorf("%s from %q: %s", what, origin, a.line)
					}
				}
				a, _ := r.get("/api/latest?stream=news", header[len(header)-1], bearer(g.tokens["all"]))
				same(t, "with a token from "+origin, a.status, 200)
			}
		})
	}
}

// A page without TLS is foreign to a server with TLS: anybody between the browser and
// that page can write it, and the browser sends its requests the cookie.
func TestSameOriginWithTLS(t *testing.T) {
	r := newRig(t, setup{wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.TLS = new(tls.ConnectionState)
			next.ServeHTTP(w, r)
		})
	}})
	for origin, want := range map[string]int{"https://pollux.test": 200, "http://pollux.test": 403, "https://pollux.test:443": 200} {
		a, _ := r.get("/api/streams", "Origin: "+origin)
		same(t, origin, a.status, want)
	}
}

// A page of this server is not foreign, whatever its scheme, because a proxy may terminate
// TLS. Another port is another origin.
func TestSameOrigin(t *testing.T) {
	r := newRig(t, setup{})
	for _, test := range []struct {
		host, origin string
		want         int
	}{
		{"pollux.test", "https://pollux.test", 200}, {"pollux.test", "http://pollux.test", 200}, {"POLLUX.test", "http://pollux.test", 200},
		{"pollux.test:443", "https://pollux.test", 200}, {"pollux.test:3000", "http://pollux.test:3000", 200}, {"[::1]:3000", "http://[::1]:3000", 200},
		{"pollux.test:3000", "http://pollux.test", 403}, {"pollux.test", "http://pollux.test:3000", 403}, {"pollux.test", "null", 403},
		{"pollux.test", "https://xpollux.test", 403}, {"pollux.test", "https://pollux.test.evil.example", 403}, {"pollux.test:443", "http://pollux.test", 403},
	} {
		a, _ := r.do(strings.Replace(request("GET", "/api/streams", "Origin: "+test.origin), "pollux.test", test.host, 1))
		same(t, test.origin+" at "+test.host, a.status, test.want)
	}
}
