package handlers_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
)

const long = `"filler":"` + "0123456789012345678901234567890123456789012345678901234567890123456789" + `"`

// Numbers and strings arrive as the upstream wrote them, in every format.
func TestShapesOfAStream(t *testing.T) {
	r := newRig(t, setup{hub: hub.Options{Streams: hub.Named("default", "b")}})
	first := r.broadcast(`{"z":9007199254740993,"a":"\u2028` + "\U0001F600" + `",` + long + `}`).String()
	second := r.broadcast(`{"z":1e400,"a":"\u2028` + "\U0001F600" + `",` + long + `}`).String()
	begin := "retry: 3500\n: pollux\n\n"
	newest := `{"z":1e400,"a":"\u2028` + "\U0001F600" + `",` + long + `}`
	for _, test := range []struct{ name, target, accept, kind, want string }{
		{"whole", "?mode=full&limit=1", "", "text/event-stream; charset=utf-8", begin + "id: " + second + "\ndata: " + newest + "\n\n"},
		{"patches begin with a snapshot", "?mode=patch&limit=1", "", "text/event-stream; charset=utf-8", begin + "id: " + second + "\nevent: snapshot\ndata: " + newest + "\n\n"},
		{"what is kept, as patches", "?mode=patch&since=1h&limit=2", "", "text/event-stream; charset=utf-8",
			begin + "id: " + first + "\nevent: snapshot\ndata: " + strings.Replace(newest, "1e400", "9007199254740993", 1) + "\n\n" +
				"id: " + second + "\nevent: patch\ndata: " + `{"base":"` + first + `","ops":[{"op":"replace","path":"/z","value":1e400}]}` + "\n\n"},
		{"as merge patches", "?mode=MERGE&since=1h&limit=2", "", "text/event-stream; charset=utf-8",
			begin + "id: " + first + "\nevent: snapshot\ndata: " + strings.Replace(newest, "1e400", "9007199254740993", 1) + "\n\n" +
				"id: " + second + "\nevent: merge\ndata: " + `{"base":"` + first + `","patch":{"z":1e400}}` + "\n\n"},
		{"a part", "?fields=/z,/nope&limit=1", "", "text/event-stream; charset=utf-8", begin + "id: " + second + "\ndata: {\"z\":1e400}\n\n"},
		{"lines", "?limit=1", "application/x-ndjson", "application/x-ndjson",
			`{"event":"hb","data":{"retry":3500,"now":"T","made":{"default":"T"}}}` + "\n" + `{"event":"message","id":"` + second + `","stream":"default","time":"T","data":` + newest + "}\n"},
		{"lines of parts of several", "?limit=1&stream=default,b&fields=/a", "text/html, application/x-ndjson;q=0.9", "application/x-ndjson",
			`{"event":"hb","data":{"retry":3500,"now":"T","made":{"default":"T"}}}` + "\n" + `{"event":"message","id":"` + second + `","stream":"default","time":"T","data":{"a":"\u2028` + "\U0001F600" + `"}}` + "\n"},
		{"who understands both gets events", "?limit=1&fields=/z", "text/event-stream, application/x-ndjson", "text/event-stream; charset=utf-8",
			begin + "id: " + second + "\ndata: {\"z\":1e400}\n\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			header := []string{}
			if test.accept != "" {
				header = append(header, "Accept: "+test.accept)
			}
			a, body := r.in(t).get("/api/sse"+test.target, header...)
			same(t, "Content-Type", a.header.Get("Content-Type"), test.kind)
			// The fields of an event can come in any order.
			same(t, "body", untimed(body), strings.ReplaceAll(test.want, "\r", ""))
		})
	}
}

func TestUnknownShapes(t *testing.T) {
	r := newRig(t, setup{})
	for query, want := range map[string]string{
		"mode=diff":                           "mode must be full, patch or merge.",
		"fields=price":                        "fields must be JSON Pointers",
		"fields=/a~2":                         "fields must be JSON Pointers",
		"fields=/" + strings.Repeat("x", 256): "fields must be JSON Pointers",
		"since=yesterday":                     "since must be a time",
		"since=-5m":                           "since must be a time",
		"since=10":                            "since must be a time",
		"since=0001-01-01T00:00:00Z":          "since must be a time",
	} {
		a, body := r.get("/api/sse?limit=1&" + query)
		if a.status != http.StatusBadRequest || !strings.Contains(body, want) {
			t.Errorf("%.40s: %s %s", query, a.line, body)
		}
	}
}

func TestTooManyShapes(t *testing.T) {
	r := newRig(t, setup{engine: fanout.Options{MaxViews: 1}})
	r.open("/api/sse?fields=/a")
	a, body := r.get("/api/sse?fields=/b")
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || !strings.Contains(body, "overloaded") {
		t.Errorf("%s %v %s", a.line, a.header, body)
	}
	// An EventSource would give up for good.
	a, body = r.get("/api/sse?fields=/b", "Accept: text/event-stream")
	if a.status != http.StatusOK || !strings.Contains(body, `"error":"overloaded"`) {
		t.Errorf("%s %v %s", a.line, a.header, body)
	}
}

// since is a time, or a duration before now.
func TestSinceParameter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, setup{listener: hubtest.NewPipeListener()})
		defer r.stop()
		for _, data := range []string{"1", "2", "3"} {
			r.broadcast(data)
			time.Sleep(time.Minute)
		}
		newest := r.broadcast("4").String()
		for query, want := range map[string]string{
			"since=2m":                          "2 3 4",
			"since=1000h":                       "1 2 3 4",
			"since=1ms":                         "4",
			"since=2000-01-01T00:01:00Z":        "2 3 4",
			"since=2000-01-01T01:02:00%2B01:00": "3 4",
			"since=2000-01-01T01:02:00+01:00":   "3 4",
			"since=":                            "4",
		} {
			s := r.open("/api/sse?" + query)
			s.expect(strings.Fields(want)...)
			_ = s.conn.Close()
		}
		// EventSource repeats its query when it reconnects, and then sends a position.
		s := r.open("/api/sse?since=1000h", "Last-Event-ID: "+newest)
		r.broadcast("5")
		s.expect("5")
		_ = s.conn.Close()
	})
}
