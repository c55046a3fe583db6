package handlers_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

const eventSource = "Accept: text/event-stream"

// An EventSource gives up for good at any status but 200, so it gets a stream that
// tells when to return.
func TestRefusedEventSource(t *testing.T) {
	for _, test := range []struct {
		class, connection string
		low, high         time.Duration
	}{
		{"overloaded", "close", 30 * time.Second, 60 * time.Second},
		{"draining", "close", 20 * time.Second, 80 * time.Second}, // see [rig.drain], and Engine.ReturnWithin
	} {
		t.Run(test.class, func(t *testing.T) {
			r := newRig(t, setup{hub: hub.Options{Streams: hub.Named("default", "a", "b")}, engine: fanout.Options{MaxClients: 1}})
			r.broadcast("1")
			other := r.open("/api/sse")
			other.expect("1")
			if test.class == "draining" {
				r.drain()
			}
			waits := make(map[time.Duration]bool)
			for query, streams := range map[string][]string{
				"": {"default"}, "stream=a": {"a"}, "stream=b,a": {"b", "a"}, "limit=1": {"default"}, "last_event_id=x": {"default"},
			} {
				for _, accept := range []string{eventSource, "Accept: text/html, Text/Event-Stream;q=0.9", "Accept: */*\r\n" + eventSource} {
					s := r.open("/api/sse?"+query, accept)
					same(t, "head", s.head(t), lines("HTTP/1.1 200 OK", "Cache-Control: no-cache, no-transform", "Connection: "+test.connection,
						"Content-Length: "+s.header.Get("Content-Length"), "Content-Type: text/event-stream; charset=utf-8",
						"Incremental: ?1", "X-Accel-Buffering: no", "X-Content-Type-Options: nosniff"))
					for _, stream := range streams {
						e := s.next()
						want := regexp.MustCompile(`^\{"stream":"` + stream + `","state":"down","since":"20[^"]{21}Z","lastSuccess":null,"error":"` + test.class + `"\}$`)
						if e.Name != "status" || e.ID != "" || !want.Match(e.Data) {
							t.Errorf("got %+v %s, want a status like %s", e, e.Data, want)
						}
					}
					s.expectEnd()
					retry, ok := s.Retry()
					if !ok || retry < test.low || retry >= test.high {
						t.Errorf("retry is %v, %v, want %v to %v", retry, ok, test.low, test.high)
					}
					waits[retry] = true
				}
			}
			if len(waits) < 2 {
				t.Errorf("all were told to return in step: %v", waits)
			}
			r.broadcast("2")
			other.expect("2")
		})
	}
}

// A caller that is not an EventSource gets a status.
func TestRefusedCaller(t *testing.T) {
	for class, bounds := range map[string][2]int{"overloaded": {30, 60}, "draining": {20, 80}} {
		r := newRig(t, setup{engine: fanout.Options{MaxClients: 1}})
		other := r.open("/api/sse")
		if class == "draining" {
			r.drain()
		}
		for _, accept := range []string{"Accept: */*", "Accept: application/json", "X-Nothing: 1"} {
			a, body := r.get("/api/sse", accept)
			same(t, "status", a.status, 503)
			same(t, "body", body, `{"title":"Service Unavailable","status":503,"detail":"The server admits no new streams now: `+class+`."}`)
			after, err := strconv.Atoi(a.header.Get("Retry-After"))
			if err != nil || after < bounds[0] || after > bounds[1] {
				t.Errorf("Retry-After %q, want %v", a.header.Get("Retry-After"), bounds)
			}
			same(t, class+": Connection", a.header.Get("Connection"), "close")
		}
		r.broadcast("2")
		other.expect("2")
	}
}

// A request is refused only if it is valid: an invalid one gets its problem, and
// nothing unchecked is repeated.
func TestRefusalOfInvalidRequests(t *testing.T) {
	r := newRig(t, setup{engine: fanout.Options{MaxClients: 1}})
	r.open("/api/sse")
	r.drain()
	for query, status := range map[string]int{"stream=x": 404, "limit=0": 400, "heartbeat=x": 400, "limit=%": 400} {
		a, _ := r.get("/api/sse?"+query, eventSource)
		same(t, query, a.status, status)
	}
}

// HEAD is refused like GET.
func TestRefusedHead(t *testing.T) {
	r := newRig(t, setup{engine: fanout.Options{MaxClients: 1}})
	r.open("/api/sse")
	for accept, status := range map[string]int{eventSource: 200, "Accept: */*": 503} {
		c := r.dial()
		c.send(request("HEAD", "/api/sse", accept))
		same(t, "status", c.receive("HEAD").status, status)
		c.expectClosed()
	}
}

// JavaScript, which cannot read a retry field, gets the time in an event.
func TestRefusedScript(t *testing.T) {
	r := newRig(t, setup{engine: fanout.Options{MaxClients: 1}})
	r.open("/api/sse")
	s := r.open("/api/sse?heartbeat=event", eventSource)
	e := s.next()
	retry, _ := s.Retry()
	if e.Name != "hb" || string(e.Data) != fmt.Sprintf(`{"retry": %d}`, retry.Milliseconds()) {
		t.Errorf("got %+v, want an hb with %v", e, retry)
	}
	if e := s.next(); e.Name != "status" {
		t.Errorf("got %+v, want a status", e)
	}
	s.expectEnd()
	if want := fmt.Sprintf("retry: %d\n: overloaded\n\nevent: hb\n", retry.Milliseconds()); !strings.Contains(s.raw.String(), want) {
		t.Errorf("got %q, want it to begin with %q", s.raw, want)
	}
}

// A place that becomes free is used again.
func TestRoomAgain(t *testing.T) {
	r := newRig(t, setup{engine: fanout.Options{MaxClients: 1}})
	r.broadcast("1")
	for range 3 {
		s := r.open("/api/sse?limit=1", eventSource)
		s.expect("1")
		s.expectEnd()
		r.await("free", r.isEmpty)
	}
}
