package handlers_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
)

// The answer to a publisher has the ID of the event that clients get. The document
// arrives compact and otherwise unchanged.
func TestPublish(t *testing.T) {
	r := newRig(t, setup{hub: hub.Options{Streams: hub.Named("default", "a.B-c_1")}})
	s := r.open("/api/sse?stream=default,a.B-c_1")
	for _, test := range []struct{ stream, body, want string }{
		{"default", `{"n": 1.0e0, "n": 12345678901234567890}`, `{"n":1.0e0,"n":12345678901234567890}`},
		{"default", " [ 1 ,\r\n\t2 ] ", "[1,2]"},
		{"default", "null", "null"},
		{"default", `""`, `""`},
		{"default", "\xef\xbb\xbf\"BOM\"", `"BOM"`},
		{"default", `"\u0000\u2028\n"`, `"\u0000\u2028\n"`},
		{"a.B-c_1", `"é☃😀"`, `"é☃😀"`},
	} {
		a, body := r.do(post(test.stream, test.body, authorized))
		same(t, "status", a.status, 200)
		e := s.next()
		same(t, "document", string(e.Data), test.want)
		same(t, "stream", e.Name, test.stream)
		same(t, "answer", body, `{"id":"`+e.ID+`"}`)
	}
}

// The scheme is case-insensitive (RFC 9110 section 11.1), the token is not.
func TestPublishToken(t *testing.T) {
	r := newRig(t, setup{})
	s := r.open("/api/sse")
	for _, test := range []struct {
		name   string
		header []string
		want   int
	}{
		{"right", []string{authorized}, 200},
		{"scheme in lower case", []string{"Authorization: bearer " + token}, 200},
		{"scheme in capitals", []string{"authorization: BEARER " + token}, 200},
		{"more spaces", []string{"Authorization:   Bearer   " + token + "  "}, 200},
		{"none", nil, 401},
		{"empty", []string{"Authorization:"}, 401},
		{"scheme alone", []string{"Authorization: Bearer"}, 401},
		{"scheme and space", []string{"Authorization: Bearer "}, 401},
		{"token alone", []string{"Authorization: " + token}, 401},
		{"another scheme", []string{"Authorization: Basic " + token}, 401},
		{"no space", []string{"Authorization: Bearer" + token}, 401},
		{"tab", []string{"Authorization: Bearer\t" + token}, 401},
		{"wrong", []string{"Authorization: Bearer wrong-token"}, 401},
		{"in capitals", []string{"Authorization: Bearer " + strings.ToUpper(token)}, 401},
		{"beginning", []string{"Authorization: Bearer " + token[:len(token)-1]}, 401},
		{"longer", []string{authorized + "x"}, 401},
		{"twice in one", []string{authorized + " " + token}, 401},
		{"two tokens", []string{authorized + "," + token}, 401},
		{"quoted", []string{`Authorization: Bearer "` + token + `"`}, 401},
		{"60 kB", []string{"Authorization: Bearer " + strings.Repeat("x", 60<<10)}, 401},
		{"as Proxy-Authorization", []string{"Proxy-Authorization: Bearer " + token}, 401},
		{"as cookie", []string{"Cookie: Authorization=Bearer " + token}, 401},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := r.in(t)
			a, body := r.do(post("default", `"body"`, test.header...))
			same(t, "status", a.status, test.want)
			if a.status == 200 {
				s.expect(`"body"`)
				return
			}
			if challenge := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, `Bearer realm="pollux"`) {
				t.Errorf("WWW-Authenticate: %q", challenge)
			}
			if strings.Contains(body, token) || strings.Contains(a.head(t), token) {
				t.Errorf("the answer holds the token: %s", a.raw)
			}
		})
	}
	for _, target := range []string{"?access_token=" + token, "?token=" + token} { // which RFC 6750 section 2.3 advises against
		a, _ := r.do(request("POST", "/api/streams/default/events"+target, "Content-Length: 1") + "1")
		same(t, target, a.status, 401)
	}
	r.broadcast(`"end"`)
	s.expect(`"end"`) // so no refused document was broadcast
	for _, secret := range []string{token, strings.ToUpper(token), "wrong-token"} {
		if r.log.Contains(secret) {
			t.Errorf("%s is in the log:\n%s", secret, r.log)
		}
	}
}

// Without a configured token each token is refused.
func TestPublishIsOff(t *testing.T) {
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, unset := range []auth.Bearer{{}, auth.NewBearer(""), auth.NewBearer(" \n")} {
		r := newRig(t, setup{})
		r.handler, err = handlers.New(handlers.Options{Hub: h, Engine: r.engine, Assets: assets, Publish: unset})
		if err != nil {
			t.Fatal(err)
		}
		for _, header := range []string{"", "Bearer", "Bearer ", "Bearer " + token} {
			a, body := serve(t, r.handler, "POST", "/api/streams/default/events", header, "1")
			same(t, "status", a, 403)
			same(t, "body", body, `{"title":"Forbidden","status":403,"detail":"Publishing is off. The operator can turn it on with POLLUX_PUBLISH_TOKEN."}`)
		}
	}
	if latest, err := h.Latest(""); latest != nil || err != nil {
		t.Errorf("published %v, %v", latest, err)
	}
}

// A body that is not a document is refused with the reason, and no client sees any of it.
func TestPublishRefuses(t *testing.T) {
	r := newRig(t, setup{handlers: handlers.Options{MaxBody: 40}})
	s := r.open("/api/sse")
	json := func(reason string) string { return "The body must be one JSON document: " + reason + "." }
	chunks := func(body string) string {
		return request("POST", "/api/streams/default/events", authorized, "Transfer-Encoding: chunked") +
			fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	}
	at := func(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }
	deep := strings.Repeat("[", 40)
	for _, test := range []struct {
		name, request string
		status        int
		detail        string
	}{
		{"empty", post("default", "", authorized), 400, json("empty: at byte 0")},
		{"white space", post("default", " \n", authorized), 400, json("empty: at byte 2")},
		{"BOM alone", post("default", "\xef\xbb\xbf", authorized), 400, json("empty: at byte 3")},
		{"half", post("default", `{"hidden":`, authorized), 400, json("ends too early: at byte 10, want a value")},
		{"no JSON", post("default", "hidden", authorized), 400, json("not JSON: at byte 0, want a value")},
		{"two documents", post("default", "1 2", authorized), 400, json("more than one document: at byte 2, want the end")},
		{"a comma behind", post("default", "1,", authorized), 400, json("more than one document: at byte 1, want the end")},
		{"NDJSON", post("default", "{}\n{}\n", authorized), 400, json("more than one document: at byte 3, want the end")},
		{"NaN", post("default", "NaN", authorized), 400, json("not JSON: at byte 0, want a value")},
		{"comment", post("default", "1 // hidden", authorized), 400, json("more than one document: at byte 2, want the end")},
		{"NUL", post("default", "1\x00", authorized), 400, json("more than one document: at byte 1, want the end")},
		{"raw newline in a string", post("default", "\"a\nid: x\"", authorized), 400, ""},
		{"invalid UTF-8", post("default", "\"\xff\"", authorized), 400, json("invalid UTF-8: at byte 1")},
		{"surrogate", post("default", "\"\xed\xa0\x80\"", authorized), 400, json("invalid UTF-8: at byte 1")},
		{"overlong", post("default", "\"\xc0\xaf\"", authorized), 400, json("invalid UTF-8: at byte 1")},
		{"UTF-16", post("default", "\xff\xfe1\x00", authorized), 400, ""},
		{"a form", post("default", "data=1", authorized, "Content-Type: application/x-www-form-urlencoded"), 400, ""},
		{"deep", post("default", deep, authorized), 400, ""},
		{"gzip", post("default", "\x1f\x8b", authorized, "Content-Encoding: gzip"), 415, "The body must not be compressed."},
		{"several encodings", post("default", "1", authorized, "Content-Encoding: identity, br"), 415, "The body must not be compressed."},
		{"gzip without saying so", post("default", "\x1f\x8b", authorized), 400, ""},
		{"limit + 1", post("default", at(41), authorized), 413, "A document must have at most 40 bytes."},
		{"limit + 1 of white space", post("default", "1"+strings.Repeat(" ", 40), authorized), 413, ""},
		{"limit + 1 in chunks", chunks(at(41)), 413, "A document must have at most 40 bytes."},
		{"a terabyte announced", request("POST", "/api/streams/default/events", authorized, "Content-Length: 1000000000000"), 413, ""},
		{"a megabyte asked for", request("POST", "/api/streams/default/events", authorized, "Content-Length: 1000000", "Expect: 100-continue"), 413, ""},
		{"broken chunks", request("POST", "/api/streams/default/events", authorized, "Transfer-Encoding: chunked") + "1\r\n1\r\nxyz\r\n", 400, "The body ended early."},
		{"unknown stream", post("other", "1", authorized), 404, "No stream has that name."},
		{"name encoded twice", post("%2564efault", "1", authorized), 404, ""},
		{"empty name", request("POST", "/api/streams//events", authorized), 404, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := r.in(t)
			a, body := r.do(test.request)
			same(t, "status", a.status, test.status)
			if !strings.Contains(body, `"detail":"`+test.detail) || strings.Contains(body, "hidden") {
				t.Errorf("body %s\nwant detail %s", body, test.detail)
			}
		})
	}
	for name, good := range map[string]string{
		"limit - 1": post("default", at(39), authorized), "limit": post("default", at(40), authorized),
		"limit - 1 in chunks": chunks(at(39)), "limit in chunks": chunks(at(40)),
		"identity": post("default", at(40), authorized, "Content-Encoding: identity"),
	} {
		a, body := r.do(good)
		if a.status != 200 {
			t.Errorf("%s: %s %s", name, a.line, body)
		}
		if e := s.next(); string(e.Data) != at(39) && string(e.Data) != at(40) {
			t.Errorf("a subscriber saw %q", e.Data)
		}
	}
	if r.log.Contains("hidden") {
		t.Errorf("a body is in the log:\n%s", r.log)
	}
}

// A body that ends early is not published, even if the part that arrived is a document.
func TestPublishBodyBreaksOff(t *testing.T) {
	r := newRig(t, setup{})
	s := r.open("/api/sse")
	c := r.dial()
	c.send(request("POST", "/api/streams/default/events", authorized, "Content-Length: 2") + "1")
	if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	a := c.receive("POST")
	same(t, "status", a.status, 400)
	same(t, "body", a.text(t), `{"title":"Bad Request","status":400,"detail":"The body ended early."}`)
	r.broadcast("2")
	s.expect("2")
}

// failingLog is a log with another Append.
type failingLog struct {
	*hub.MemoryLog
	append func(context.Context, hub.Message) (hub.ID, error)
}

func (l *failingLog) Append(ctx context.Context, m hub.Message) (hub.ID, error) {
	return l.append(ctx, m)
}

// Operators get the cause, publishers get what to do.
func TestPublishWhenTheLogFails(t *testing.T) {
	for _, test := range []struct {
		err    error
		status int
		detail string
	}{
		{fmt.Errorf("10.0.0.7: %w", hub.ErrLogFull), 507, `,"detail":"The server has no room to store documents."`},
		{fmt.Errorf("10.0.0.7: %w", hub.ErrLogUnavailable), 503, `,"detail":"The server cannot store documents now."`},
		{fmt.Errorf("10.0.0.7 refused: %w", hub.ErrLogClosed), 503, `,"detail":"The server is shutting down."`},
		{fmt.Errorf("10.0.0.7 refused: %w", hub.ErrClosed), 503, `,"detail":"The server is shutting down."`},
		{errors.New("10.0.0.7 refused"), 500, ""},
	} {
		r := newRig(t, setup{hub: hub.Options{Log: &failingLog{hub.NewMemoryLog(), func(context.Context, hub.Message) (hub.ID, error) {
			return hub.ID{}, test.err
		}}}})
		a, body := r.do(post("default", "1", authorized))
		same(t, "body", body, fmt.Sprintf(`{"title":%q,"status":%d%s}`, http.StatusText(test.status), test.status, test.detail))
		same(t, "status", a.status, test.status)
		same(t, "Retry-After", a.header.Get("Retry-After") != "", test.status != 500)
		same(t, "cause in the log", r.log.Contains("10.0.0.7"), test.status == 500)
	}
}

// The limit of the hub can be smaller than that of bodies.
func TestPublishOverTheHubsLimit(t *testing.T) {
	r := newRig(t, setup{hub: hub.Options{MaxData: 3}})
	a, _ := r.do(post("default", "123 ", authorized)) // 3 bytes of document
	same(t, "status", a.status, 200)
	a, body := r.do(post("default", "1234", authorized))
	same(t, "status", a.status, 413)
	same(t, "body", body, `{"title":"Request Entity Too Large","status":413,"detail":"The document is larger than the limit of the stream."}`)
}

// A document is published even if the caller hangs up after its last byte.
func TestPublishAndHangUp(t *testing.T) {
	log := &failingLog{MemoryLog: hub.NewMemoryLog()}
	requests := make(chan *http.Request, 2)
	log.append = func(ctx context.Context, m hub.Message) (hub.ID, error) {
		<-(<-requests).Context().Done() // net/http knows that the client is gone
		return log.MemoryLog.Append(ctx, m)
	}
	r := newRig(t, setup{hub: hub.Options{Log: log}, wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				requests <- r
			}
			next.ServeHTTP(w, r)
		})
	}})
	s := r.open("/api/sse")
	c := r.dial()
	c.send(post("default", `"kept"`, authorized))
	_ = c.Close()
	s.expect(`"kept"`)
}

// Each stream has one publisher. A caller with the token gets the names of the streams
// that take documents; any other caller gets no names.
func TestPublishToAPolledStream(t *testing.T) {
	polled := func(name string) bool { return name == "prices" } // the canary belongs to Pollux nevertheless
	const (
		upstream = "This stream is polled, so nobody can publish to it."
		own      = "Only Pollux itself publishes to this stream."
		there    = ` These streams take documents: events, push.","streams":["events","push"]}`
		nowhere  = ` No stream takes published documents."}`
	)
	begin := func(why string) string { return `{"title":"Conflict","status":409,"detail":"` + why }
	for _, test := range []struct {
		streams      []string
		stream, body string
	}{
		{[]string{"push", "prices", "events", "_canary"}, "prices", begin(upstream) + there},
		{[]string{"push", "prices", "events", "_canary"}, "_canary", begin(own) + there},
		{[]string{"prices", "_canary"}, "prices", begin(upstream) + nowhere},
		{[]string{"prices", "_canary"}, "_canary", begin(own) + nowhere},
	} {
		r := newRig(t, setup{hub: hub.Options{Streams: hub.Named(test.streams...)}, handlers: handlers.Options{Polled: polled}})
		r.broadcastTo(test.stream, `"upstream"`)
		a, body := r.do(post(test.stream, `"published"`, authorized))
		same(t, "status", a.status, http.StatusConflict)
		same(t, "body", body, test.body)
		a, _ = r.do(post(test.stream, `"published"`))
		same(t, "without a token", a.status, http.StatusUnauthorized)
		_, latest := r.get("/api/latest?stream=" + test.stream)
		same(t, "document", latest, `"upstream"`)
		if len(test.streams) > 2 {
			a, _ = r.do(post("push", `"published"`, authorized))
			same(t, "to one that takes documents", a.status, http.StatusOK)
		}
	}
}

// later takes documents and publishes none of them.
type later struct{ took []hub.Message }

func (l *later) Publish(_ context.Context, m hub.Message) (hub.ID, error) {
	l.took = append(l.took, m)
	return hub.ID{}, nil
}

// A document that waits to be published is accepted, and has no ID yet.
func TestPublishLater(t *testing.T) {
	publisher := new(later)
	r := newRig(t, setup{handlers: handlers.Options{Publisher: publisher}})
	a, body := r.do(post("default", `{"a":  1}`, authorized))
	same(t, "status", a.status, 202)
	same(t, "body", body, `{"id":null}`)
	if len(publisher.took) != 1 || publisher.took[0].Stream != "default" || string(publisher.took[0].Data) != `{"a":1}` {
		t.Errorf("published %+v", publisher.took)
	}
}
