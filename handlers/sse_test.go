package handlers_test

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// The stream, byte for byte: retry, a comment, the newest event.
func TestStreamBegins(t *testing.T) {
	r := newRig(t, setup{})
	s := r.open("/api/sse?limit=1")
	r.broadcast(`{"n":1}`)
	newest := r.broadcast(`{"n": 1.0e0, "s": "\u00e9"}`).String()
	s.expect(`{"n":1}`)
	s.expectEnd()

	_, body := r.get("/api/sse?limit=1")
	if want := "retry: 3500\n: pollux\n\nid: " + newest + "\ndata: {\"n\": 1.0e0, \"s\": \"\\u00e9\"}\n\n"; body != want {
		t.Errorf("got %q, want %q", body, want)
	}
}

// Headers and the first comment come at once, even without a document.
func TestStreamWithoutADocument(t *testing.T) {
	r := newRig(t, setup{})
	s := r.open("/api/sse")
	begin := make([]byte, len("retry: 3500\n: pollux\n\n"))
	if _, err := io.ReadFull(s.body, begin); err != nil {
		t.Fatal(err)
	}
	same(t, "beginning", string(begin), "retry: 3500\n: pollux\n\n")
	r.broadcast("1")
	s.expect("1")
}

// A client that sends the ID of its last event receives every event after it.
func TestResume(t *testing.T) {
	r := newRig(t, setup{})
	var ids []string
	for i := range 5 {
		ids = append(ids, r.broadcast(fmt.Sprint(i)).String())
	}
	header := func(id string) string { return "Last-Event-ID: " + id }
	for _, test := range []struct {
		name, query, header string
		want                []string
	}{
		{"header", "", header(ids[1]), []string{"2", "3", "4"}},
		{"header in lower case", "", "last-event-id: " + ids[1], []string{"2", "3", "4"}},
		{"last_event_id", "last_event_id=" + ids[2], "", []string{"3", "4"}},
		{"lastEventId", "lastEventId=" + ids[2], "", []string{"3", "4"}},
		{"header wins", "last_event_id=" + ids[0] + "&lastEventId=" + ids[0], header(ids[3]), []string{"4"}},
		{"both spellings", "lastEventId=" + ids[3] + "&last_event_id=" + ids[3], "", []string{"4"}},
		{"empty header does not win", "last_event_id=" + ids[3], header(""), []string{"4"}},
		{"empty parameter does not win", "last_event_id=&lastEventId=" + ids[3], "", []string{"4"}},
		{"all empty", "last_event_id=&lastEventId=", header(""), []string{"4"}},
		{"header wins although it is invalid", "last_event_id=" + ids[3], header("x"), []string{`reset: {"reason": "invalid"}`, "4"}},
		{"nothing missed", "last_event_id=" + ids[4], "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := r.in(t)
			var headers []string
			if test.header != "" {
				headers = []string{test.header}
			}
			s := r.open("/api/sse?"+test.query, headers...)
			s.expect(test.want...)
			ids = append(ids[:4], r.broadcast("4").String()) // no other event came in between
			s.expect("4")
		})
	}
}

// A Last-Event-ID after which the stream cannot resume gets a reset and the newest
// event, never an error or silence.
func TestReset(t *testing.T) {
	r := newRig(t, setup{hub: hub.Options{History: 3}})
	first := r.broadcast("0")
	for i := 1; i < 5; i++ {
		r.broadcast(fmt.Sprint(i))
	}
	epoch := first.Epoch()
	for _, test := range []struct{ name, id, reason string }{
		{"evicted", first.String(), "evicted"},
		{"another epoch", "0123456789abcdef-3", "epoch"},
		{"ahead by one", epoch + "-6", "ahead"},
		{"ahead by all", epoch + "-18446744073709551615", "ahead"},
		{"too large a number", epoch + "-18446744073709551616", "invalid"},
		{"before the first", epoch + "-0", "evicted"},
		{"zero, otherwise", epoch + "-00", "invalid"},
		{"negative", epoch + "--1", "invalid"},
		{"no number", epoch + "-", "invalid"},
		{"no epoch", "-1", "invalid"},
		{"a number", "1", "invalid"},
		{"64 kB", strings.Repeat("x", 64<<10), "invalid"},
		{"64 kB of digits", epoch + "-" + strings.Repeat("1", 64<<10), "invalid"},
		{"not ASCII", "\u00e9\u2603", "invalid"},
		{"not UTF-8", "\xff\xfe", "invalid"},
		{"tab", "a\tb", "invalid"},
		{"another document's ETag", `"` + first.String() + `"`, "invalid"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := r.in(t)
			want := []string{`reset: {"reason": "` + test.reason + `"}`, "4"}
			s := r.open("/api/sse?limit=1", "Last-Event-ID: "+test.id)
			s.expect(want...)
			s.expectEnd()
			s = r.open("/api/sse?limit=1&last_event_id=" + url.QueryEscape(test.id))
			s.expect(want...)
			s.expectEnd()
		})
	}
}

// Before the first document, no document follows a reset.
func TestResetWithoutADocument(t *testing.T) {
	r := newRig(t, setup{})
	s := r.open("/api/sse", "Last-Event-ID: 0123456789abcdef-3")
	s.expect(`reset: {"reason": "epoch"}`)
	r.broadcast("1")
	s.expect("1")
}

// Control bytes arrive only in the query. net/http refuses them in a header before any
// handler runs, in plain text. This test shows if that changes.
func TestControlBytesInLastEventID(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast("1")
	for _, control := range []byte{0x00, 0x01, '\b', '\v', '\f', 0x1b, 0x1f, 0x7f} {
		s := r.open("/api/sse?limit=1&last_event_id=a" + url.QueryEscape(string(rune(control))) + "b")
		s.expect(`reset: {"reason": "invalid"}`, "1")
		s.expectEnd()

		c := r.dial()
		c.send("GET /api/sse HTTP/1.1\r\nHost: x\r\nLast-Event-ID: a" + string(rune(control)) + "b\r\n\r\n")
		a := c.receive("GET")
		if a.status != 400 || a.header.Get("Content-Type") != "text/plain; charset=utf-8" || a.header.Get("Connection") != "close" {
			t.Errorf("byte %#x in the header: %s", control, a.head(t))
		}
	}
}

func TestLimit(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast("1")
	for limit, want := range map[string]string{
		"-1":                   "bad",
		"0":                    "bad",
		"1":                    "one",
		"01":                   "one",
		"9223372036854775807":  "endless",
		"9223372036854775808":  "bad",
		"18446744073709551617": "bad",
		"1.0":                  "bad",
		"1e3":                  "bad",
		"0x10":                 "bad",
		"1,2":                  "bad",
		"%201":                 "bad",
		"%D9%A1":               "bad", // an Arabic digit
		"1%00":                 "bad",
		"NaN":                  "bad",
		"":                     "endless",
	} {
		target := "/api/sse?limit=" + limit
		if want == "bad" {
			if a, body := r.get(target); a.status != 400 || !strings.Contains(body, "limit must be a whole number, at least 1.") {
				t.Errorf("%s: %s\n%s", target, a.head(t), body)
			}
			continue
		}
		s := r.open(target)
		s.expect("1")
		if want == "one" {
			s.expectEnd()
			continue
		}
		r.broadcast("1")
		s.expect("1")
	}
}

// The limit counts documents, not resets and statuses.
func TestLimitCountsDocuments(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast("1")
	stale := hub.Status{State: hub.Stale, Since: time.Now(), Error: "timeout"}
	if _, err := r.hub.Publish(t.Context(), hub.Message{Status: &stale}); err != nil {
		t.Fatal(err)
	}
	s := r.open("/api/sse?limit=2", "Last-Event-ID: x")
	s.expect(`reset: {"reason": "invalid"}`, "1")
	if e := s.next(); e.Name != "status" || !strings.HasPrefix(string(e.Data), `{"stream":"default","state":"stale"`) {
		t.Errorf("got %+v, want the status", e)
	}
	r.broadcast("2")
	r.broadcast("3")
	s.expect("2")
	s.expectEnd()
}

func TestHeartbeatParameter(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast("1")
	for _, value := range []string{"", "comment", "event"} {
		s := r.open("/api/sse?limit=1&heartbeat=" + value)
		if value == "event" {
			s.expect(`hb: {"retry":3500,"now":"T","made":{"default":"T"}}`)
		}
		s.expect("1")
		s.expectEnd()
	}
	for _, value := range []string{"Event", "events", "1", "true", "event%0A", "comment,event"} {
		a, body := r.get("/api/sse?heartbeat=" + value)
		if a.status != 400 || !strings.Contains(body, "heartbeat must be event or comment.") {
			t.Errorf("%s: %s\n%s", value, a.head(t), body)
		}
	}
}

func TestStreamsParameter(t *testing.T) {
	r := newRig(t, setup{hub: hub.Options{Streams: hub.Named("a", "b", "default")}})
	r.broadcastTo("a", "1")
	r.broadcastTo("b", "2")
	r.broadcastTo("default", "3")
	for query, want := range map[string][]string{
		"":                      {"3"},
		"stream=default":        {"3"},
		"stream=a":              {"1"},
		"stream=a,a":            {"1"}, // one stream, so the event has no name
		"stream=a&stream=a":     {"1"},
		"stream=,a,":            {"1"},
		"stream=a,b":            {"a: 1", "b: 2"},
		"stream=b&stream=a":     {"a: 1", "b: 2"}, // in the order of the timeline
		"stream=a%2Cb":          {"a: 1", "b: 2"},
		"stream=a,b&stream=b,a": {"a: 1", "b: 2"},
		"stream=a,default,b":    {"a: 1", "b: 2", "default: 3"},
		"%73tream=a":            {"1"},
		"stream=a&unknown=x":    {"1"}, // an unknown parameter does no harm
	} {
		s := r.open(fmt.Sprintf("/api/sse?limit=%d&%s", len(want), query))
		s.expect(want...)
		s.expectEnd()
	}
	for _, query := range []string{"stream=c", "stream=a,c", "stream=A", "stream=%20a", "stream=a%00", "stream=a%0D%0A",
		"stream=%C3%A9", "stream=%FF", "stream=..%2Fa", "stream=*", "stream=status"} {
		for _, path := range []string{"/api/sse?", "/api/latest?"} {
			a, body := r.get(path + query)
			same(t, path+query, a.status, 404)
			same(t, path+query, body, `{"title":"Not Found","status":404,"detail":"No stream has that name.","streams":["a","b","default"]}`)
		}
	}
}

// A hub need not have a stream of the default name. EventSource repeats the name of a
// removed stream for ever, and must not lose the others.
func TestResumeWithAStreamThatWasRemoved(t *testing.T) {
	r := newRig(t, setup{hub: hub.Options{Streams: hub.Named("a", "b")}})
	id := r.broadcastTo("a", "1").String()
	if err := r.hub.SetStreams(hub.Named("a")); err != nil {
		t.Fatal(err)
	}
	r.broadcastTo("a", "2")
	s := r.open("/api/sse?stream=a,b&limit=1", "Last-Event-ID: "+id)
	if e := s.next(); e.Name != "status" || !strings.Contains(string(e.Data), `"stream":"b","state":"down"`) {
		t.Errorf("got %s %s", e.Name, e.Data)
	}
	s.expect("a: 2")
	for target, header := range map[string]string{
		"/api/sse?stream=a,b":          "",
		"/api/sse?stream=b":            "Last-Event-ID: " + id,
		"/api/sse?stream=a,x%0Ay":      "Last-Event-ID: " + id,
		"/api/latest?stream=b":         "",
		"/api/latest?stream=b&wait=1s": "",
	} {
		if a, _ := r.get(target, header); a.status != 404 {
			t.Errorf("%s %q: %s", target, header, a.line)
		}
	}
}

func TestNoDefaultStream(t *testing.T) {
	r := newRig(t, setup{hub: hub.Options{Streams: hub.Named("a")}})
	for _, target := range []string{"/api/sse", "/api/latest"} {
		a, body := r.get(target)
		if a.status != 404 || !strings.Contains(body, `"streams":["a"]`) {
			t.Errorf("%s: %s\n%s", target, a.head(t), body)
		}
	}
}

func TestTooManyStreams(t *testing.T) {
	names := make([]string, 101)
	for i := range names {
		names[i] = fmt.Sprintf("s%d", i)
	}
	r := newRig(t, setup{hub: hub.Options{Streams: hub.Named(names...)}})
	r.broadcastTo("s0", "1")
	all := strings.Join(names, ",")
	s := r.open("/api/sse?limit=1&stream=" + strings.TrimSuffix(all, ",s100") + ",s0")
	s.expect("s0: 1")
	a, body := r.get("/api/sse?stream=" + all)
	same(t, "body", body, `{"title":"Bad Request","status":400,"detail":"A connection can have at most 100 streams."}`)
	same(t, "status", a.status, 400)
}

// A malformed query is refused, because its lost part may have been the position.
func TestMalformedQuery(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast("1")
	for _, query := range []string{"last_event_id=%zz", "last_event_id=100%", "a;b", "limit=1;stream=x", "%"} {
		for _, path := range []string{"/api/sse?", "/api/latest?"} {
			a, body := r.get(path + query)
			if a.status != 400 || !strings.Contains(body, "The query is malformed") {
				t.Errorf("%s: %s\n%s", path+query, a.head(t), body)
			}
		}
	}
}

// net/http waits for a body before its first flush, and here for ever.
func TestStreamRequestWithABody(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast("1")
	for name, raw := range map[string]string{
		"body that does not come": request("GET", "/api/sse", "Content-Length: 5"),
		"body":                    request("GET", "/api/sse", "Content-Length: 5") + "hello",
		"body too large":          request("GET", "/api/sse", "Content-Length: 1000000000000"),
		"chunks":                  request("GET", "/api/sse", "Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n",
		"no chunk":                request("GET", "/api/sse", "Transfer-Encoding: chunked") + "0\r\n\r\n",
		"chunks that do not come": request("GET", "/api/sse", "Transfer-Encoding: chunked"),
		"asked for":               request("GET", "/api/sse", "Content-Length: 5", "Expect: 100-continue"),
	} {
		t.Run(name, func(t *testing.T) {
			r := r.in(t)
			a, body := r.do(raw)
			same(t, "body", body, `{"title":"Bad Request","status":400,"detail":"A request for a stream must not have a body."}`)
			same(t, "head", a.head(t), lines("HTTP/1.1 400 Bad Request", "Cache-Control: no-store", "Connection: close",
				"Content-Length: 92", "Content-Security-Policy: "+csp, "Content-Type: application/problem+json", "Referrer-Policy: no-referrer", "X-Content-Type-Options: nosniff"))
		})
	}
	s := r.open("/api/sse?limit=1", "Content-Length: 0")
	s.expect("1")
	s.expectEnd()
}

// A connection ends with its stream. Pipelined requests are not answered, and a client
// that sends a part of one still gets the stream.
func TestPipelinedBytes(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast("1")
	c := r.dial()
	c.send(request("GET", "/api/sse?limit=2") + request("GET", "/livez") + "GET /healthz HT")
	a := c.receive("GET")
	r.broadcast("2")
	if body := a.text(t); !strings.HasSuffix(body, "data: 2\n\n") {
		t.Errorf("stream %q", body)
	}
	if rest, _ := io.ReadAll(c.read); len(rest) > 0 { // otherwise the connection is reset
		t.Errorf("behind the stream came %q", rest)
	}
}

// The UUID of the client connects the records of the log, and no client gets it.
func TestClientUUIDIsInTheLogOnly(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast("1")
	s := r.open("/api/sse?limit=1&heartbeat=event", "Last-Event-ID: x")
	s.expect(`hb: {"retry":3500,"now":"T","made":{"default":"T"}}`, `reset: {"reason": "invalid"}`, "1")
	s.expectEnd()
	r.await("closed", func() bool { return r.log.Contains("stream closed") })
	var ids []string
	for line := range strings.Lines(r.log.String()) {
		if _, rest, found := strings.Cut(line, `"client":"`); found {
			ids = append(ids, rest[:36])
		}
	}
	if len(ids) != 2 || ids[0] != ids[1] || strings.Count(ids[0], "-") != 4 {
		t.Fatalf("clients %q in the log\n%s", ids, r.log)
	}
	_, list := r.get("/api/streams")
	for _, text := range []string{s.raw.String(), list} {
		if strings.Contains(text, ids[0]) {
			t.Errorf("the UUID %s is in\n%s", ids[0], text)
		}
	}
}
