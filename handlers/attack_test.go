package handlers_test

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// One test for each attack. Those that need time are in timing_test.go, the one on
// paths in assets_test.go.

// Attack: response splitting (CWE-113). Line ends that a caller sends must not become
// lines of the answer, nor appear in it.
func TestResponseSplitting(t *testing.T) {
	r := newRig(t, setup{
		engine:   fanout.Options{MaxClients: 1},
		handlers: handlers.Options{AllowOrigins: []string{"https://app.example"}},
	})
	r.broadcast("1")
	for _, evil := range []string{
		"%0d%0aX-Evil:%20yes", "%0aX-Evil:%20yes", "%0dX-Evil:%20yes", "%0d%0a%0d%0a%3Cscript%3EX-Evil%3C/script%3E",
		"%E5%98%8A%E5%98%8DX-Evil:%20yes", "%0aevent:%20X-Evil%0adata:%20X-Evil%0a%0a", "%00X-Evil",
	} {
		for _, test := range []struct {
			target string
			full   bool // another client has the only place
		}{
			{"/api/sse?limit=1&stream=" + evil, false},
			{"/api/sse?limit=" + evil, false},
			{"/api/sse?heartbeat=" + evil, false},
			{"/api/sse?limit=1&last_event_id=" + evil, false},
			{"/api/sse?limit=1&" + evil + "=1", false},
			{"/api/sse?stream=" + evil, true},
			{"/api/latest?stream=" + evil, false},
			{"/api/latest?after=" + evil, false},
			{"/api/latest?wait=" + evil, false},
			{"/api/latest?fields=/" + evil, false},
			{"/api/latest?stream" + evil + "=default", false},
			{"/api/sse?limit=1&fields=/" + evil, false},
			{"/api/sse?since=" + evil, false},
			{"/api/sse?mode=" + evil, false},
			{"/api/sse?limit=1&lastEventId=" + evil, false},
			{"/api/sse?limit=1&limit=" + evil, false},
			{"/" + evil, false},
			{"/api/streams/" + evil + "/events", false},
		} {
			var other *stream
			if test.full {
				other = r.open("/api/sse")
			}
			for _, header := range []string{"Accept: text/html", eventSource, "Origin: https://app.example"} {
				a, body := r.get(test.target, header)
				if text := a.head(t) + body; strings.Contains(strings.ToLower(text), "evil") || strings.Contains(text, "<script") {
					t.Errorf("%s:\n%s", test.target, text)
				}
				r.await("gone", func() bool { return test.full || r.isEmpty() })
			}
			if test.full {
				_ = other.conn.Close()
				r.await("gone", r.isEmpty)
			}
		}
	}
	if r.log.Contains("Evil") {
		t.Errorf("in the log:\n%s", r.log)
	}
}

// Attack: a client that sends the headers in which proxies describe clients. No such
// header is trusted, and no log repeats one.
func TestForwardedHeadersHaveNoEffect(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast("1")
	spoofed := []string{
		"X-Forwarded-For: 127.0.0.1, 203.0.113.77", "X-Real-IP: 203.0.113.77", "True-Client-IP: 203.0.113.77",
		"Forwarded: for=203.0.113.77;host=evil.example;proto=https", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https",
		"X-Forwarded-Prefix: /evil", "X-Original-URL: /api/streams", "X-Rewrite-URL: /api/streams", "X-HTTP-Method-Override: DELETE",
		"X-Forwarded-User: admin", "Referer: https://evil.example/", "User-Agent: evil.example",
	}
	for _, target := range append([]string{"/nothing", "/api/sse?stream=x", "/api/sse?limit=1"}, routes[1:]...) {
		plain, plainBody := r.get(target)
		r.await("gone", r.isEmpty) // some answers have the number of clients
		a, body := r.get(target, spoofed...)
		r.await("gone", r.isEmpty)
		same(t, target, a.head(t), plain.head(t))
		same(t, target, body, plainBody)
	}
	a, _ := r.do(post("default", "1", spoofed...))
	same(t, "publish", a.status, 401)
	for _, text := range []string{"203.0.113.77", "evil"} {
		if r.log.Contains(text) {
			t.Errorf("%s is in the log:\n%s", text, r.log)
		}
	}
}

// Attack: a URL of the largest size that headers may have, and a larger one.
func TestHugeURL(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast("1")
	x := strings.Repeat("x", 120<<10)
	for target, want := range map[string]int{
		"/" + x:                            404,
		"/api/streams/" + x + "/events":    405,
		"/api/sse?limit=1&x=" + x:          200,
		"/api/sse?stream=" + x:             404,
		"/api/sse?limit=" + x:              400,
		"/api/sse?limit=" + x[:9] + "1":    400,
		"/api/latest?stream=" + x:          404,
		"/?" + x:                           200,
		"/" + strings.Repeat("/", 120<<10): 404,
		"/" + x + x:                        431, // by net/http
	} {
		a, body := r.get(target)
		same(t, target[:20], a.status, want)
		if len(body) > 300 && want != 200 {
			t.Errorf("%s: answer of %d bytes", target[:20], len(body))
		}
	}
}

// Attack: thousands of parameters, to make parsing quadratic.
func TestThousandsOfParameters(t *testing.T) {
	names := []string{"default"}
	for i := range 100 {
		names = append(names, fmt.Sprint("s", i))
	}
	r := newRig(t, setup{hub: hub.Options{Streams: hub.Named(names...)}})
	r.broadcast("1")
	different := func(n int, format string) string {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, format, i)
		}
		return text.String()
	}
	for name, test := range map[string]struct {
		query string
		want  int
	}{
		"10,000 of others":       {"limit=1" + strings.Repeat("&a", 9999), 200},
		"more":                   {"limit=1" + strings.Repeat("&a", 60_000), 400},
		"stream, repeated":       {"limit=1" + strings.Repeat("&stream=default", 7000), 200},
		"stream, different":      {different(7000, "stream=x%d&"), 400},
		"names, repeated":        {"limit=1&stream=" + strings.Repeat("default,", 15_000), 200},
		"names, different":       {"stream=" + different(15_000, "x%d,"), 400},
		"names, known":           {"limit=1&stream=" + strings.Repeat(strings.Join(names[:100], ",")+",", 300), 200},
		"nothing but commas":     {"limit=1&stream=" + strings.Repeat(",", 120_000), 400},
		"10,000 different":       {"limit=1&" + different(9000, "sy%d=1&"), 200},
		"10,000 slips":           {"limit=1" + strings.Repeat("&streams=a", 9000), 400},
		"IDs":                    {"limit=1" + strings.Repeat("&last_event_id=x", 7000), 200},
		"limits, the first is":   {"limit=1" + strings.Repeat("&limit=x", 9000), 400},
		"one limit, 9,000 times": {"limit=1" + strings.Repeat("&limit=1", 9000), 200},
	} {
		a, _ := r.get("/api/sse?" + test.query)
		same(t, name, a.status, test.want)
	}
}

// Attack: 64 kB instead of a few bytes, in each parameter and each header that is read.
// The answer repeats none of it, and is no 5xx.
func TestHugeValues(t *testing.T) {
	r := newRig(t, setup{handlers: handlers.Options{AllowOrigins: []string{"https://app.example"}, AllowLoopback: true,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	r.broadcast("1")
	for _, huge := range []string{strings.Repeat("x", 64<<10), strings.Repeat("a,", 32<<10), strings.Repeat("0", 64<<10), strings.Repeat("%25", 20<<10),
		strings.Repeat(";q=1", 16<<10), strings.Repeat("/a", 32<<10), strings.Repeat("1.1.1.1,", 8<<10)} {
		for target, want := range map[string][]int{
			"/api/sse?limit=1&last_event_id=": {200}, "/api/sse?limit=1&stream=": {404}, "/api/sse?limit=": {400}, "/api/sse?since=": {400},
			"/api/sse?mode=": {400}, "/api/sse?heartbeat=": {400}, "/api/sse?limit=1&fields=": {400}, "/api/sse?limit=1&x=": {200}, "/api/sse?limit=1&x": {200},
			"/api/latest?after=": {200}, "/api/latest?wait=": {400}, "/api/latest?stream=": {404}, "/api/latest?fields=": {400}, "/api/latest?x=": {200},
		} {
			a, body := r.get(target + strings.ReplaceAll(huge, ";", "%3B"))
			if !slices.Contains(want, a.status) || len(body) > 400 {
				t.Errorf("%s%.10s…: %d, %d bytes", target, huge, a.status, len(body))
			}
		}
		for _, name := range []string{"Accept", "Accept-Encoding", "Last-Event-ID", "If-None-Match", "X-Forwarded-For", "Authorization"} {
			for _, target := range []string{"/api/sse?limit=1", "/api/latest", "/client/pollux.js"} {
				a, body := r.get(target, name+": "+huge, name+": "+huge[:1000])
				if a.status != 200 || len(body) > 400 || strings.Contains(a.head(t)+body, huge[:100]) {
					t.Errorf("%s %s: %.10s…: %d, %d bytes", target, name, huge, a.status, len(body))
				}
			}
		}
		if a, body := r.get("/api/sse", "Origin: "+huge); a.status != 403 || len(body) > 400 {
			t.Errorf("Origin: %.10s…: %d, %d bytes", huge, a.status, len(body))
		}
	}
}

// Attack: a repeated header, of which a proxy may have checked the other value.
func TestDuplicateHeaders(t *testing.T) {
	r := newRig(t, setup{})
	first, old := r.broadcast("0").String(), r.broadcast("1").String()
	last := r.broadcast("2").String()
	// Of two IDs the greatest position counts, even if a proxy added the other one.
	for _, ids := range [][2]string{{old, old}, {old, "x"}, {"0123456789abcdef-3", old}, {old, first}} {
		r.open("/api/sse", "Last-Event-ID: "+ids[0], "Last-Event-ID: "+ids[1]).expect("2")
	}
	r.open("/api/sse", "Last-Event-ID: y", "Last-Event-ID: x").expect(`reset: {"reason": "invalid"}`, "2")
	// In the query, different values are a mistake of the caller.
	a, _ := r.get("/api/sse?last_event_id=" + old + "&last_event_id=" + last)
	same(t, "two IDs in the query", a.status, 400)
	r.open("/api/sse?last_event_id=" + old + "&lastEventId=" + old).expect("2")
	for _, tokens := range [][2]string{{token, "x"}, {"x", token}, {token, token}} {
		a, _ := r.do(post("default", "3", "Authorization: Bearer "+tokens[0], "Authorization: Bearer "+tokens[1]))
		same(t, "two tokens", a.status, 401)
	}
	for name, raw := range map[string]string{
		"Content-Length": post("default", "3", authorized, "Content-Length: 0"),
		"Host":           request("GET", "/livez", "Host: other"),
	} {
		a, _ := r.do(raw)
		same(t, name, a.status, 400)
	}
	_, body := r.get("/api/latest")
	same(t, "newest", body, "2")
}

// Attack: request smuggling (RFC 9112 section 11.2). Bytes that one parser takes for a
// body, and the next for a request, are answered as neither.
func TestRequestSmuggling(t *testing.T) {
	r := newRig(t, setup{})
	smuggled := post("default", `"smuggled"`, authorized)
	both := []string{"Transfer-Encoding: chunked", fmt.Sprint("Content-Length: ", len("0\r\n\r\n"+smuggled))}
	for name, raw := range map[string]string{
		"a stream, both lengths":   request("GET", "/api/sse", both...) + "0\r\n\r\n" + smuggled,
		"a stream, with a body":    request("GET", "/api/sse", fmt.Sprint("Content-Length: ", len(smuggled))) + smuggled,
		"two codings":              request("POST", "/api/streams/default/events", "Transfer-Encoding: chunked, identity") + smuggled,
		"unknown coding":           request("POST", "/api/streams/default/events", "Transfer-Encoding: xchunked") + smuggled,
		"a body that ends in one":  request("GET", "/api/latest", fmt.Sprint("Content-Length: ", len(smuggled))) + smuggled,
		"space before the colon":   request("GET", "/livez", "Content-Length : 5") + smuggled,
		"a length with a sign":     request("GET", "/livez", "Content-Length: +5") + smuggled,
		"a chunk with a bad size":  request("POST", "/nothing", "Transfer-Encoding: chunked") + "0x0\r\n\r\n" + smuggled,
		"a line folded in headers": "GET /livez HTTP/1.1\r\nHost: x\r\nX: a\r\n Content-Length: 5\r\n\r\n",
	} {
		c := r.dial()
		go func() { _, _ = io.WriteString(c.Conn, raw) }()
		a := c.receive("GET")
		a.text(t)
		if a.header.Get("Connection") == "close" {
			c.expectClosed()
		}
		if latest, _ := r.hub.Latest(""); latest != nil {
			t.Fatalf("%s: %s was published", name, latest.Data())
		}
	}
}

// Attack: a body whose end two parsers see in different places. If net/http hides one
// of the two lengths, the connection ends after the answer, and the bytes after the
// request never become another one (RFC 9112 section 6.1).
func TestConnectionEndsBehindATransferCoding(t *testing.T) {
	r := newRig(t, setup{handlers: handlers.Options{PollNow: func(string) (time.Time, error) { return time.Time{}, nil }}})
	r.broadcast("1")
	next := request("GET", "/livez")
	const chunked = "Transfer-Encoding: chunked"
	for _, test := range []struct {
		name, request string
		status        int
		closes        bool
	}{
		{"chunked", request("GET", "/livez", chunked) + "0\r\n\r\n", 200, true},
		{"chunked, with a body", request("GET", "/api/latest", chunked) + "1\r\nx\r\n0\r\n\r\n", 200, true},
		{"both lengths", request("GET", "/livez", chunked, "Content-Length: 5") + "0\r\n\r\n", 200, true},
		{"both, the other way about", request("GET", "/", "Content-Length: 70", chunked) + "0\r\n\r\n", 200, true},
		{"both, HEAD", request("HEAD", "/", "Content-Length: 5", chunked) + "0\r\n\r\n", 200, true},
		{"both, to a stream", request("GET", "/api/sse", "Content-Length: 5", chunked) + "0\r\n\r\n", 400, true},
		{"both, to nothing", request("GET", "/nothing", "Content-Length: 5", chunked) + "0\r\n\r\n", 404, true},
		{"both, by another method", request("DELETE", "/livez", "Content-Length: 5", chunked) + "0\r\n\r\n", 405, true},
		{"both, to publish", request("POST", "/api/streams/default/events", authorized, "Content-Length: 6", chunked) + "1\r\n1\r\n0\r\n\r\n", 200, true},
		{"both, to publish without a token", request("POST", "/api/streams/default/events", "Content-Length: 6", chunked) + "1\r\n1\r\n0\r\n\r\n", 401, true},
		{"both, to poll", request("POST", "/api/streams/default/poll", "Content-Length: 6", chunked) + "0\r\n\r\n", 403, true},
		{"both, HTTP/1.0", "GET /livez HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, true},
		{"HTTP/1.0", "GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, true},
		{"one length", request("GET", "/livez", "Content-Length: 5") + "hello", 200, false},
		{"none", request("GET", "/livez"), 200, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := r.in(t).dial()
			c.send(test.request + next)
			method, _, _ := strings.Cut(test.request, " ")
			a := c.receive(method)
			a.text(t)
			same(t, "status", a.status, test.status)
			same(t, "says so", a.header.Get("Connection") == "close", test.closes)
			if test.closes {
				c.expectClosed()
				return
			}
			same(t, "the next request", c.receive("GET").status, 200)
		})
	}
}

// Attack: thousands of ranges, or overlapping ones, so that a small request causes a
// large answer (CVE-2011-3192). Ranges are not served.
func TestRangesAreIgnored(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast(`"a document"`)
	for _, target := range []string{"/api/latest", "/client/pollux.js", "/"} {
		plain, whole := r.get(target)
		for _, ranges := range []string{"bytes=0-0", "bytes=-1", "bytes=1-", "bytes=9999-", "bytes=x", "bytes=5-1",
			"bytes=" + strings.Repeat("0-,", 20_000) + "0-"} {
			a, body := r.get(target, "Range: "+ranges, "If-Range: "+plain.header.Get("ETag"))
			same(t, target, a.head(t), plain.head(t))
			same(t, target, body, whole)
		}
		if plain.header.Get("Accept-Ranges") != "" {
			t.Errorf("%s offers ranges", target)
		}
	}
}

// Attack: cache poisoning. An answer that a cache may keep depends only on the URL and
// the headers that Vary lists; a problem is never kept.
func TestCachePoisoning(t *testing.T) {
	for _, origins := range [][]string{nil, {"*"}, {"https://app.example"}} {
		r := newRig(t, setup{handlers: handlers.Options{AllowOrigins: origins}})
		r.broadcast("1")
		varied := len(origins) == 1 && origins[0] != "*"
		for _, target := range []string{"/", "/client/pollux.js", "/api/latest"} {
			plain, plainBody := r.get(target)
			same(t, "Vary", plain.header.Get("Vary") == "Origin", varied)
			for _, header := range []string{"Host: evil.example", "X-Forwarded-Host: evil.example", "X-Forwarded-Scheme: http", "Accept: text/plain",
				"Accept-Encoding: gzip", "Accept-Language: de", "Cookie: a=b", "Authorization: Bearer x", "X-Original-URL: /evil",
				"Origin: https://app.example", "Origin: https://evil.example"} {
				raw := request("GET", target, header)
				if strings.HasPrefix(header, "Host") {
					raw = strings.Replace(request("GET", target), "Host: pollux.test", header, 1)
				}
				a, body := r.do(raw)
				if strings.HasPrefix(header, "Origin") && !slices.Contains(origins, "*") && !slices.Contains(origins, strings.TrimPrefix(header, "Origin: ")) {
					same(t, header, a.status, 403)
					same(t, header, a.header.Get("Cache-Control"), "no-store")
					continue
				}
				same(t, target+" "+header, body, plainBody)
				if varied && strings.HasPrefix(header, "Origin") {
					same(t, "Vary", a.header.Get("Vary"), "Origin")
					continue
				}
				if header == "Accept-Encoding: gzip" && slices.Contains(plain.header["Vary"], "Accept-Encoding") {
					same(t, target+" Vary", a.header["Vary"], plain.header["Vary"])
					continue
				}
				if diff := cmp.Diff(plain.head(t), a.head(t)); diff != "" {
					t.Errorf("%s depends on %q:\n%s", target, header, diff)
				}
			}
		}
		for _, target := range []string{"/nothing", "/api/sse?limit=x", "/api/latest?stream=x", "/api/streams", "/livez"} {
			a, _ := r.get(target)
			same(t, target, a.header.Get("Cache-Control"), "no-store")
		}
	}
}

// Attack: cross-site request forgery. A form of another site can post text that happens
// to be JSON, with all cookies. A foreign origin is refused; a page of an allowed one needs
// the token.
func TestCrossSitePublish(t *testing.T) {
	for _, origins := range [][]string{nil, {"*"}, {"https://evil.example"}} {
		r := newRig(t, setup{handlers: handlers.Options{AllowOrigins: origins}})
		s := r.open("/api/sse")
		for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json"} {
			a, _ := r.do(post("default", `{"a":"="}`, "Origin: https://evil.example", "Content-Type: "+contentType,
				"Cookie: token="+token, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"))
			want := 401
			if origins == nil {
				want = 403
			}
			same(t, contentType, a.status, want)
		}
		a, _ := r.do(request("OPTIONS", "/api/streams/default/events", "Origin: https://evil.example",
			"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization"))
		granted := a.header.Get("Access-Control-Allow-Headers")
		if a.header.Get("Access-Control-Allow-Credentials") != "" || strings.Contains(granted, "*") || origins == nil && granted != "" {
			t.Errorf("granted:\n%s", a.head(t))
		}
		r.broadcast(`"end"`)
		s.expect(`"end"`)
	}
}
