package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/markup"
)

// newHTMLRig has the streams default and failing with a template, and plain without.
func newHTMLRig(t *testing.T) *rig {
	t.Helper()
	made := make(map[string]*markup.Template)
	for name, text := range map[string]string{"default": "<b>{{.n}}</b>\n", "failing": "{{index .n 5}}"} {
		template, err := markup.New(text, markup.Options{})
		if err != nil {
			t.Fatal(err)
		}
		made[name] = template
	}
	return newRig(t, setup{
		hub:    hub.Options{Streams: hub.Named("default", "failing", "plain")},
		engine: fanout.Options{Template: func(stream string) *markup.Template { return made[stream] }},
	})
}

// format=html has the template of the stream render each document, with the IDs that they
// have in every form.
func TestStreamOfHTML(t *testing.T) {
	r := newHTMLRig(t)
	first := r.broadcast(`{"n":"<script>"}`)
	s := r.open("/api/sse?format=html", eventSource)
	s.expect("<b>&lt;script&gt;</b>\n")
	second := r.broadcast(`{"n":1.50}`)
	s.expect("<b>1.50</b>\n")
	if s.LastEventID() != second.String() {
		t.Errorf("the client stands at %s, want %s", s.LastEventID(), second)
	}
	back := r.open("/api/sse?format=html&limit=1", eventSource, "Last-Event-ID: "+first.String())
	back.expect("<b>1.50</b>\n")
	back.expectEnd()
	lost := r.open("/api/sse?format=html&limit=1", eventSource, "Last-Event-ID: 0123456789abcdef-3")
	lost.expect(`reset: <span class="pollux-reset" data-reason="epoch"></span>`, "<b>1.50</b>\n")
	r.open("/api/sse?format=json&limit=1").expect(`{"n":1.50}`)

	// A stream that does not exist is told beside one that does.
	both := r.open("/api/sse?format=html&stream=default,none&limit=1", eventSource)
	for range 2 {
		switch e := both.next(); e.Name {
		case "status":
			if !strings.Contains(string(e.Data), `data-stream="none" data-state="down" data-error="removed"`) {
				t.Errorf("got %s", e.Data)
			}
		case "default":
			same(t, "the document", string(e.Data), "<b>1.50</b>\n")
		default:
			t.Errorf("got %s: %s", e.Name, e.Data)
		}
	}
}

// What cannot be HTML is refused in words that say why.
func TestRefusedHTML(t *testing.T) {
	r := newHTMLRig(t)
	for _, stream := range []string{"default", "plain", "failing"} {
		r.broadcastTo(stream, `{"n":1}`)
	}
	for _, test := range []struct {
		target string
		header string
		status int
		detail string
	}{
		{"/api/sse?format=html&stream=plain", eventSource, 406, "no template"},
		{"/api/sse?format=html&stream=default,plain", eventSource, 406, "no template"},
		{"/api/latest?format=html&stream=plain", "", 406, "no template"},
		{"/api/sse?format=xml", eventSource, 400, "format must be json or html"},
		{"/api/latest?format=xml", "", 400, "format must be json or html"},
		{"/api/sse?format=html&mode=patch", eventSource, 400, "neither mode nor fields"},
		{"/api/sse?format=html&fields=/n", eventSource, 400, "neither mode nor fields"},
		{"/api/latest?format=html&fields=/n", "", 400, "does not go with fields"},
		{"/api/sse?format=html", "Accept: application/x-ndjson", 406, "text/event-stream"},
		{"/api/sse?formt=html", eventSource, 400, "Did you mean format?"},
		{"/api/sse?format=html&format=json", eventSource, 400, "several different values"},
		{"/api/latest?format=html&stream=failing", "", 500, "does not fit its newest document"},
		{"/api/sse?format=html&stream=none", eventSource, 404, "No stream has that name"},
	} {
		var header []string
		if test.header != "" {
			header = append(header, test.header)
		}
		if a, body := r.get(test.target, header...); a.status != test.status || !strings.Contains(body, test.detail) {
			t.Errorf("%s: got %d %s, want %d and %q", test.target, a.status, body, test.status, test.detail)
		}
	}
}

// The newest document comes as HTML to a client that says so, or prefers that.
func TestLatestHTML(t *testing.T) {
	r := newHTMLRig(t)
	id := r.broadcast(`{"n":1.50}`).String()
	a, body := r.get("/api/latest?format=html")
	same(t, "body", body, "<b>1.50</b>\n")
	tag := a.header.Get("ETag")
	same(t, "head", a.head(t), lines("HTTP/1.1 200 OK", "Cache-Control: no-cache", "Content-Length: 12",
		"Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; sandbox",
		"Content-Type: text/html; charset=utf-8", "Etag: "+tag, "Pollux-Event-Time: TIME", "Pollux-Now: TIME",
		"Referrer-Policy: no-referrer", "Vary: Accept-Encoding", "X-Content-Type-Options: nosniff"))
	if !strings.HasPrefix(tag, `"`+id+"~") {
		t.Errorf("the tag is %s, want one that begins with the ID and differs from that of JSON", tag)
	}

	browser := "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for _, test := range []struct{ target, accept, contentType string }{
		{"/api/latest", browser, "text/html; charset=utf-8"},
		{"/api/latest", "Accept: text/html", "text/html; charset=utf-8"},
		{"/api/latest", "Accept: */*", "application/json"},
		{"/api/latest", "Accept: text/*", "application/json"},
		{"/api/latest", "Accept: text/html;q=0.5, application/json", "application/json"},
		{"/api/latest", "Accept: text/html, application/json", "application/json"},
		{"/api/latest?format=json", browser, "application/json"},
		{"/api/latest?format=html", "Accept: application/json", "text/html; charset=utf-8"},
		{"/api/latest?fields=/n", browser, "application/json"},
	} {
		a, _ := r.get(test.target, test.accept)
		same(t, test.target+" "+test.accept, a.header.Get("Content-Type"), test.contentType)
		negotiated := strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Accept,") || a.header.Values("Vary")[0] == "Accept"
		same(t, "Vary of "+test.target, negotiated, test.target == "/api/latest")
	}
	r.broadcastTo("plain", "1")
	plain, _ := r.get("/api/latest?stream=plain", browser)
	same(t, "a stream without a template", plain.header.Get("Content-Type"), "application/json")

	// A tag is of one of the two.
	for _, test := range []struct {
		target, tag string
		status      int
	}{
		{"/api/latest?format=html", tag, 304},
		{"/api/latest?format=html", `"` + id + `"`, 200},
		{"/api/latest", `"` + id + `"`, 304},
		{"/api/latest", tag, 200},
		{"/api/latest?format=html", "*", 304},
		{"/api/latest?format=html&after=" + id, `""`, 304},
	} {
		a, _ := r.get(test.target, "If-None-Match: "+test.tag)
		same(t, test.target+" with "+test.tag, a.status, test.status)
	}
	waited, _ := r.get("/api/latest?format=html&wait=1ms", "If-None-Match: "+tag)
	same(t, "wait", waited.status, 304)
	news, _ := r.get("/api/latest?format=html&wait=60s", `If-None-Match: "`+id+`"`)
	same(t, "wait of a client that has JSON", news.status, 200)
}

// The HTML of a large document is compressed, apart from the JSON of the same event.
func TestLatestHTMLIsCompressed(t *testing.T) {
	r := newHTMLRig(t)
	r.broadcast(`{"n":"` + strings.Repeat("a<", 4000) + `"}`)
	for _, target := range []string{"/api/latest?format=html", "/api/latest"} {
		a, body := r.get(target, "Accept-Encoding: gzip")
		same(t, target, a.header.Get("Content-Encoding"), "gzip")
		text := gunzip(t, body)
		if strings.Contains(text, "&lt;") != (target != "/api/latest") {
			t.Errorf("%s: got %.60q", target, text)
		}
	}
}

// A client that is not admitted is told so as HTML too.
func TestRefusalAsHTML(t *testing.T) {
	template, err := markup.New("{{.}}", markup.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, setup{engine: fanout.Options{MaxClients: 1, Template: func(string) *markup.Template { return template }}, handlers: handlers.Options{}})
	r.open("/api/sse?format=html", eventSource)
	refused := r.open("/api/sse?format=html", eventSource)
	refused.expect(`status: <span class="pollux-status" data-stream="default" data-state="down" data-error="overloaded">down: overloaded</span>`)
	refused.expectEnd()
	a, _ := r.get("/api/sse?format=html")
	same(t, "a client without an event stream", a.status, http.StatusServiceUnavailable)
}
