package handlers_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub"
)

// Whatever a client asks for, it gets a stream that begins like every stream, or a
// problem about its request: never a panic or a 5xx, and never what it sent.
func FuzzStreamRequest(f *testing.F) {
	r := newRig(f, setup{hub: hub.Options{Streams: hub.Named("default", "a", "b"), History: 2}})
	var ids []string
	for _, document := range []string{"1", "2", "3"} {
		ids = append(ids, r.broadcast(document).String())
	}
	for _, accept := range []string{"*/*", "application/x-ndjson", "text/event-stream;q=0.1, application/x-ndjson; q = 0.2", `a/b;c="\", ;q=2`} {
		f.Add("", "", accept)
	}
	for _, seed := range [][2]string{
		{"", ""}, {"", ids[0]}, {"", ids[2]}, {"last_event_id=" + ids[1], ""}, {"lastEventId=x&last_event_id=%00", "y"},
		{"stream=a,b&limit=1", "\x00\r\n"}, {"stream=a&stream=b&stream=c", ""}, {"limit=0", ""}, {"limit=99999999999999999999", ""},
		{"heartbeat=event&limit=2", "0123456789abcdef-1"}, {"heartbeat=nonsense", ""}, {"%", ""}, {"a;b", ""}, {"stream=%ff%fe", "\xff"},
		{"limit=1&limit=2", ""}, {"streams=a", ""}, {"last_event_id=a&lastEventId=b", "x"}, {"stream=", ids[0] + "," + ids[1]},
		{"stream=,,,", "18446744073709551616-18446744073709551616"}, {strings.Repeat("&", 20_000), strings.Repeat("-", 70_000)},
	} {
		f.Add(seed[0], seed[1], "")
	}
	f.Fuzz(func(t *testing.T, query, lastEventID, accept string) {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		w := recorder{httptest.NewRecorder(), leave} // the client leaves at the first bytes
		request := (&http.Request{
			Method: http.MethodGet, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			URL:    &url.URL{Path: "/api/sse", RawQuery: query},
			Header: http.Header{"Last-Event-Id": {lastEventID}, "Accept": {accept}},
			Body:   http.NoBody,
		}).WithContext(ctx)
		r.handler.ServeHTTP(w, request)
		body := w.Body.String()
		switch w.Code {
		case http.StatusOK:
			if w.Header().Get("Content-Type") == "application/x-ndjson" {
				for line := range strings.Lines(body) {
					if !json.Valid([]byte(line)) {
						t.Errorf("line %q", line)
					}
				}
			} else if !strings.HasPrefix(body, "retry: 3500\n: ") || !strings.HasSuffix(body, "\n\n") {
				t.Errorf("stream %q", body)
			}
		case http.StatusBadRequest, http.StatusNotFound, http.StatusNotAcceptable: // the last one without a template for HTML
			var problem struct {
				Title, Detail string
				Status        int
			}
			if err := json.Unmarshal([]byte(body), &problem); err != nil || problem.Status != w.Code || problem.Detail == "" {
				t.Errorf("problem %q: %v", body, err)
			}
		default:
			t.Errorf("status %d", w.Code)
		}
		if n := r.hub.Stats().Subscribers; n != 0 {
			t.Errorf("%d subscribers are left", n)
		}
	})
}
