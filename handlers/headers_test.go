package handlers_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// routes are all routes for GET.
var routes = []string{"/api/sse", "/api/latest", "/api/streams", "/livez", "/healthz", "/readyz",
	"/", "/dashboard.css", "/favicon.svg", "/client/pollux.js"}

// Each route sends exactly these headers.
func TestHeaders(t *testing.T) {
	r := newRig(t, setup{})
	id := r.broadcast(`{"n":1}`).String()
	api := func(length, contentType string) string {
		return lines("HTTP/1.1 200 OK", "Cache-Control: no-store", "Content-Length: "+length,
			"Content-Type: "+contentType, "X-Content-Type-Options: nosniff")
	}
	asset := func(length, contentType, tag string) string {
		return lines("HTTP/1.1 200 OK", "Cache-Control: no-cache", "Content-Length: "+length,
			"Content-Security-Policy: "+csp, "Content-Type: "+contentType, "Etag: "+tag,
			"Referrer-Policy: no-referrer", "X-Content-Type-Options: nosniff")
	}
	for target, want := range map[string]string{
		"/api/sse": lines("HTTP/1.1 200 OK", "Cache-Control: no-cache, no-transform", "Connection: close",
			"Content-Type: text/event-stream; charset=utf-8", "Incremental: ?1", "Transfer-Encoding: chunked",
			"Vary: Accept, Accept-Encoding", "X-Accel-Buffering: no", "X-Content-Type-Options: nosniff"),
		"/api/latest": lines("HTTP/1.1 200 OK", "Cache-Control: no-cache", "Content-Length: 7",
			"Content-Type: application/json", `Etag: "`+id+`"`, "Pollux-Event-Time: TIME", "Pollux-Now: TIME", "Vary: Accept-Encoding", "X-Content-Type-Options: nosniff"),
		"/livez":            api("15", "application/json"),
		"/healthz":          api("15", "application/json"),
		"/readyz":           api("15", "application/json"),
		"/":                 asset("36", "text/html; charset=utf-8", `"6a3e5c2d66108ee9"`),
		"/dashboard.css":    asset("21", "text/css; charset=utf-8", `"f674c2ffb741d9fd"`),
		"/favicon.svg":      asset("41", "image/svg+xml", `"a87cba1d08bc5397"`),
		"/client/pollux.js": asset("25", "text/javascript; charset=utf-8", `"8ddd56a4478052aa"`),
	} {
		c := r.dial()
		c.send(request("GET", target))
		same(t, target, c.receive("GET").head(t), want)
		_ = c.Close()
	}
	list, body := r.get("/api/streams")
	same(t, "/api/streams", list.head(t), api(list.header.Get("Content-Length"), "application/json"))
	if !strings.HasPrefix(body, `{"streams":[{"name":"default"`) {
		t.Errorf("/api/streams: %s", body)
	}
	published, body := r.do(post("default", "2", authorized))
	same(t, "publish", published.head(t), api(published.header.Get("Content-Length"), "application/json"))
	if !strings.HasPrefix(body, `{"id":"`) {
		t.Errorf("publish: %s", body)
	}
	unchanged, _ := r.get("/dashboard.css", `If-None-Match: "f674c2ffb741d9fd"`)
	same(t, "304", unchanged.head(t), lines("HTTP/1.1 304 Not Modified", "Cache-Control: no-cache",
		"Content-Security-Policy: "+csp, `Etag: "f674c2ffb741d9fd"`, "Referrer-Policy: no-referrer",
		"X-Content-Type-Options: nosniff"))
}

// HTTP/1.0 has no chunks, and a connection lasts only if both sides say so.
func TestStreamOverHTTP10(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast("1")
	for _, header := range []string{"", "Connection: keep-alive\r\n"} {
		c := r.dial()
		c.send("GET /api/sse?limit=1 HTTP/1.0\r\n" + header + "\r\n")
		a := c.receive("GET")
		connection := header == "" // of a client that expects the end of the connection
		same(t, "closes", a.header.Get("Connection") == "", connection)
		a.header.Del("Connection")
		same(t, "HTTP/1.0", a.head(t), lines("HTTP/1.0 200 OK", "Cache-Control: no-cache, no-transform",
			"Content-Type: text/event-stream; charset=utf-8", "Incremental: ?1", "Vary: Accept, Accept-Encoding",
			"X-Accel-Buffering: no", "X-Content-Type-Options: nosniff"))
		if body := a.text(t); !strings.HasPrefix(body, "retry: ") || !strings.HasSuffix(body, "data: 1\n\n") {
			t.Errorf("body %q", body)
		}
	}
}

// A stream obeys a client that sends Connection: close.
func TestStreamForAClientThatCloses(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast("1")
	c := r.dial()
	s := c.open("/api/sse?limit=1", "Connection: close")
	same(t, "Connection", s.header["Connection"], []string{"close"})
	s.expect("1")
	s.expectEnd()
	c.expectClosed()
}

// On HTTP/2 the header Connection is an error (RFC 9113 section 8.2.2).
func TestStreamOverHTTP2(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast("1")
	server := httptest.NewUnstartedServer(r.handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	client := server.Client()
	defer client.CloseIdleConnections()
	want := http.Header{
		"Cache-Control":          {"no-cache, no-transform"},
		"Content-Type":           {"text/event-stream; charset=utf-8"},
		"Incremental":            {"?1"},
		"Vary":                   {"Accept, Accept-Encoding"},
		"X-Accel-Buffering":      {"no"},
		"X-Content-Type-Options": {"nosniff"},
	}
	for _, test := range []struct {
		method, target, body string
		begins, ends         string
	}{
		{"GET", "/api/sse?limit=1", "", "retry: 3500\n: ", "data: 1\n\n"},
		{"HEAD", "/api/sse", "", "", ""},
		// Some proxies end the request in a separate frame. That is not a body.
		{"GET", "/api/sse?limit=1", "unknown length", "retry: 3500\n: ", "data: 1\n\n"},
	} {
		var body io.Reader
		if test.body != "" {
			body = io.MultiReader(strings.NewReader("")) // hides that it is empty
		}
		req, err := http.NewRequestWithContext(t.Context(), test.method, server.URL+test.target, body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		resp.Header.Del("Date")
		same(t, test.method+" "+test.target, resp.Header, want)
		if resp.ProtoMajor != 2 || resp.StatusCode != http.StatusOK {
			t.Errorf("%s %s", resp.Proto, resp.Status)
		}
		if !strings.HasPrefix(string(text), test.begins) || !strings.HasSuffix(string(text), test.ends) {
			t.Errorf("body %q", text)
		}
	}
}

// Only HTTP/1 has the header Connection, whatever net/http makes of it.
func TestConnectionByProtocol(t *testing.T) {
	r := newRig(t, setup{})
	for _, proto := range [][2]int{{1, 0}, {1, 1}, {2, 0}, {3, 0}} {
		w := recorder{ResponseRecorder: httptest.NewRecorder()}
		request := httptest.NewRequestWithContext(t.Context(), "HEAD", "/api/sse", nil)
		request.ProtoMajor, request.ProtoMinor = proto[0], proto[1]
		r.handler.ServeHTTP(w, request)
		same(t, fmt.Sprint(proto), w.Header().Get("Connection") == "close", proto[0] == 1)
	}
}

// HEAD has the status and headers of GET and no body, and the connection lasts if that
// of GET does.
func TestHead(t *testing.T) {
	r := newRig(t, setup{})
	targets := append([]string{"/nothing", "/api/latest", "/api/latest?stream=x", "/api/sse?stream=x", "/api/sse?limit=0"}, routes...)
	for _, published := range []bool{false, true} {
		if published {
			r.broadcast("1")
		}
		for _, target := range targets {
			c := r.dial()
			c.send(request("GET", target))
			get := c.receive("GET")
			get.header.Del("Transfer-Encoding") // there is no body to encode
			_ = c.Close()
			c = r.dial()
			for range 2 { // a body would be read as the second answer
				c.send(request("HEAD", target))
				same(t, "HEAD "+target, c.receive("HEAD").head(t), get.head(t))
				if get.header.Get("Connection") == "close" {
					c.expectClosed()
					c = r.dial()
				}
			}
			_ = c.Close()
		}
	}
	r.await("no stream is left", func() bool { return r.engine.Stats().Clients == 0 && r.hub.Stats().Subscribers == 0 })
}

// Each route answers any other method with its list of methods.
func TestMethods(t *testing.T) {
	r := newRig(t, setup{})
	allow := map[string]string{"/api/streams/default/events": "OPTIONS, POST"}
	for _, target := range routes {
		allow[target] = "OPTIONS, GET, HEAD"
	}
	for target, allow := range allow {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "QUERY", "FOO"} {
			if strings.Contains(allow, method) {
				continue
			}
			a, body := r.do(request(method, target))
			same(t, method+" "+target, a.head(t), lines("HTTP/1.1 405 Method Not Allowed", "Allow: "+allow,
				"Cache-Control: no-store", "Content-Length: 103", "Content-Security-Policy: "+csp, "Content-Type: application/problem+json",
				"Referrer-Policy: no-referrer", "X-Content-Type-Options: nosniff"))
			same(t, "body", body, `{"title":"Method Not Allowed","status":405,"detail":"The header Allow lists the methods of this path."}`)
		}
		a, _ := r.do(request("OPTIONS", target))
		same(t, "OPTIONS "+target, a.head(t), lines("HTTP/1.1 204 No Content", "Allow: "+allow, "X-Content-Type-Options: nosniff"))
	}
}

// The exact headers of a problem: those of a page, because a browser shows it like one.
// TestMethods has the headers of 405.
func TestHeadersOfProblems(t *testing.T) {
	r := newRig(t, setup{handlers: handlers.Options{Upstreams: func() []hub.Upstream { panic("inner") }}})
	for target, line := range map[string]string{
		"/nothing": "404 Not Found", "/api/sse?stream=x": "404 Not Found", "/api/sse?limit=x": "400 Bad Request",
		"/api/latest?wait=x": "400 Bad Request", "/api/streams": "500 Internal Server Error",
	} {
		a, _ := r.get(target)
		same(t, target, a.head(t), lines("HTTP/1.1 "+line, "Cache-Control: no-store", "Content-Length: "+a.header.Get("Content-Length"),
			"Content-Security-Policy: "+csp, "Content-Type: application/problem+json", "Referrer-Policy: no-referrer", "X-Content-Type-Options: nosniff"))
	}
}

// Each kind of problem, byte for byte: it says what the caller can do, and nothing
// about the inside of the program.
func TestProblems(t *testing.T) {
	r := newRig(t, setup{
		hub: hub.Options{Streams: hub.Named("default", "news")}, engine: fanout.Options{MaxClients: 1},
		handlers: handlers.Options{MaxBody: 10},
	})
	s := r.open("/api/sse") // the only client that is admitted
	defer s.conn.Close()
	for _, test := range []struct {
		name, request, line, extra, body string
	}{
		{"no such path", request("GET", "/api"), "HTTP/1.1 404 Not Found", "",
			`{"title":"Not Found","status":404,"detail":"No route has this path."}`},
		{"no such stream", request("GET", "/api/sse?stream=x"), "HTTP/1.1 404 Not Found", "",
			`{"title":"Not Found","status":404,"detail":"No stream has that name.","streams":["default","news"]}`},
		{"bad limit", request("GET", "/api/sse?limit=x"), "HTTP/1.1 400 Bad Request", "",
			`{"title":"Bad Request","status":400,"detail":"limit must be a whole number, at least 1."}`},
		{"malformed query", request("GET", "/api/latest?stream=%"), "HTTP/1.1 400 Bad Request", "",
			`{"title":"Bad Request","status":400,"detail":"The query is malformed. Write % as %25 and ; as %3B, and send at most 10,000 parameters."}`},
		{"no token", post("default", "1"), "HTTP/1.1 401 Unauthorized", `Www-Authenticate: Bearer realm="pollux"`,
			`{"title":"Unauthorized","status":401,"detail":"This needs one token, as Authorization: Bearer TOKEN."}`},
		{"wrong token", post("default", "1", "Authorization: Bearer x"), "HTTP/1.1 401 Unauthorized",
			`Www-Authenticate: Bearer realm="pollux", error="invalid_token"`,
			`{"title":"Unauthorized","status":401,"detail":"The token is not valid, or not valid any more."}`},
		{"too large", post("default", "12345678901", authorized), "HTTP/1.1 413 Request Entity Too Large", "",
			`{"title":"Request Entity Too Large","status":413,"detail":"A document must have at most 10 bytes."}`},
		{"compressed", post("default", "1", authorized, "Content-Encoding: gzip"), "HTTP/1.1 415 Unsupported Media Type",
			"Accept-Encoding: identity",
			`{"title":"Unsupported Media Type","status":415,"detail":"The body must not be compressed."}`},
		{"full", request("HEAD", "/api/sse"), "HTTP/1.1 503 Service Unavailable", "Retry-After: ", ""},
		{"no document yet", request("GET", "/api/latest"), "HTTP/1.1 503 Service Unavailable", "Retry-After: 1",
			`{"title":"Service Unavailable","status":503,"detail":"The stream has no document yet."}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := r.in(t)
			a, body := r.do(test.request)
			same(t, "status", a.line, test.line)
			for _, line := range []string{test.extra, "Content-Type: application/problem+json", "Cache-Control: no-store",
				"X-Content-Type-Options: nosniff", "Content-Security-Policy: " + csp, "Referrer-Policy: no-referrer"} {
				if !strings.Contains(a.head(t)+"\n", line) {
					t.Errorf("no %q in\n%s", line, a.head(t))
				}
			}
			same(t, "body", body, test.body)
		})
	}
}
