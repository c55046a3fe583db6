package handlers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub"
)

// A request that would get another answer than intended is refused, with a description
// of a valid one.
func TestParametersThatAreRefused(t *testing.T) {
	r := newRig(t, setup{hub: hub.Options{Streams: hub.Named("default", "a")}})
	id := r.broadcast("1").String()
	twice := func(name string) string { return name + " has several different values." }
	nearest := func(name string) string { return "The query has an unknown parameter. Did you mean " + name + "?" }
	const empty = "stream has an empty name. Leave the parameter out for the stream default."
	for target, detail := range map[string]string{
		// Repeated parameters.
		"/api/sse?limit=1&limit=2":                            twice("limit"),
		"/api/sse?limit=&limit=1&limit=2":                     twice("limit"),
		"/api/sse?since=1m&since=2m":                          twice("since"),
		"/api/sse?mode=patch&mode=full":                       twice("mode"),
		"/api/sse?heartbeat=event&heartbeat=comment":          twice("heartbeat"),
		"/api/sse?last_event_id=" + id + "&last_event_id=x":   twice("last_event_id (or lastEventId)"),
		"/api/sse?lastEventId=" + id + "&lastEventId=x":       twice("last_event_id (or lastEventId)"),
		"/api/sse?last_event_id=" + id + "&lastEventId=other": twice("last_event_id (or lastEventId)"),
		"/api/latest?wait=1s&wait=2s":                         twice("wait"),
		"/api/latest?after=" + id + "&after=x":                twice("after"),
		// An empty name of a stream.
		"/api/sse?stream=":             empty,
		"/api/sse?stream":              empty,
		"/api/sse?stream=,":            empty,
		"/api/sse?stream=a&stream=":    empty,
		"/api/latest?stream=":          empty,
		"/api/latest?stream=&stream=a": empty,
		// Slips.
		"/api/sse?streams=a":                  nearest("stream"),
		"/api/sse?streams":                    nearest("stream"),
		"/api/sse?stream%5B%5D=a":             nearest("stream"),
		"/api/sse?Stream=a":                   nearest("stream"),
		"/api/sse?STREAM=a":                   nearest("stream"),
		"/api/sse?tsream=a":                   nearest("stream"),
		"/api/sse?ztream=a":                   nearest("stream"),
		"/api/sse?strm=a&limit=1":             "", // 2 of 4 letters
		"/api/sse?stream=a&filds=/x":          nearest("fields"),
		"/api/sse?field=/x":                   nearest("fields"),
		"/api/sse?last-event-id=" + id:        nearest("last_event_id"),
		"/api/sse?Last-Event-ID=" + id:        nearest("last_event_id"),
		"/api/sse?lastEventID=" + id:          nearest("lastEventId"),
		"/api/sse?last_eventid=" + id:         nearest("last_event_id"),
		"/api/sse?zince=1m":                   nearest("since"),
		"/api/sse?limits=1":                   nearest("limit"),
		"/api/sse?lmiit=1":                    nearest("limit"),
		"/api/sse?mod=patch":                  nearest("mode"),
		"/api/sse?mdoe=patch":                 nearest("mode"),
		"/api/sse?heartbeats=event":           nearest("heartbeat"),
		"/api/sse?hartbeet=event":             nearest("heartbeat"),
		"/api/latest?steam=a":                 nearest("stream"),
		"/api/latest?fields%20=/x":            nearest("fields"),
		"/api/latest?waits=1s":                nearest("wait"),
		"/api/latest?await=1s":                nearest("wait"),
		"/api/latest?aftr=" + id:              nearest("after"),
		"/api/latest?stream=a&streams=a&wt=1": nearest("stream"),
		// Parameters of the other route.
		"/api/sse?wait=1s":              "wait is a parameter of /api/latest, not of /api/sse.",
		"/api/sse?after=" + id:          "after is a parameter of /api/latest, not of /api/sse.",
		"/api/latest?since=1m":          "since is a parameter of /api/sse, not of /api/latest.",
		"/api/latest?mode=patch":        "mode is a parameter of /api/sse, not of /api/latest.",
		"/api/latest?limit=1":           "limit is a parameter of /api/sse, not of /api/latest.",
		"/api/latest?heartbeat=event":   "heartbeat is a parameter of /api/sse, not of /api/latest.",
		"/api/latest?lastEventId=" + id: "lastEventId is a parameter of /api/sse, not of /api/latest.",
	} {
		a, body := r.do(request("GET", target, "Connection: close"))
		if detail == "" {
			same(t, target, a.status, http.StatusOK)
			continue
		}
		same(t, target, a.status, http.StatusBadRequest)
		same(t, target, body, fmt.Sprintf(`{"title":"Bad Request","status":400,"detail":%q}`, detail))
	}
}

// Parameters that others add to URLs do no harm, nor do equal repetitions.
func TestIgnoredParameters(t *testing.T) {
	r := newRig(t, setup{hub: hub.Options{Streams: hub.Named("default", "a")}})
	r.broadcast("1")
	id := r.broadcast("2").String()
	for _, query := range []string{
		"_=123", "t=1", "ts=1", "_t=1", "v=2", "ver=2", "version=2", "r=0.5", "rnd=1", "rand=1", "cb=1", "nc=1", "nocache=1", "cache=0",
		"time=1", "date=1", "now=1", "timestamp=1", "nonce=1", "id=1", "sid=1", "key=1", "token=x", "code=x", "node=7", "model=x", "later=1", "lang=de",
		"utm_source=x", "utm_medium=x", "fbclid=x", "gclid=x", "ref=x", "q=x", "name=x", "user=x", "page=1", "size=1", "sort=x", "list=1",
		"heartbxyz=x", "format=json", "callback=x", "x=1&y=2", "=x", "=", "a", "%00=1", "%0d%0a=1", strings.Repeat("stream", 10_000) + "=x",
	} {
		for _, target := range []string{"/api/sse?limit=1&" + query, "/api/latest?" + query} {
			a, body := r.get(target)
			if a.status != 200 || !strings.HasSuffix(strings.TrimSpace(body), "2") {
				t.Errorf("%.80s: %s %s", target, a.line, body)
			}
		}
	}
	for _, query := range []string{
		"limit=1&limit=1", "limit=1&limit=", "limit=&limit=1", "limit=1&since=&mode=&fields=&heartbeat=", "limit=1&heartbeat=comment&heartbeat=comment",
		"limit=1&stream=default&stream=default", "limit=1&fields=&fields=", "limit=1&wait=&after=",
	} {
		a, body := r.get("/api/sse?" + query)
		if a.status != 200 || !strings.HasSuffix(body, "data: 2\n\n") {
			t.Errorf("%s: %s %s", query, a.line, body)
		}
	}
	a, _ := r.get("/api/latest?after=" + id + "&after=" + id + "&limit=&since=&mode=")
	same(t, "after, twice", a.status, http.StatusNotModified)
	// A route without parameters ignores them.
	for _, target := range []string{"/?streams=a&stream=", "/livez?limit=1&limit=2", "/api/streams?streams=a", "/client/pollux.js?stream="} {
		a, _ := r.get(target)
		same(t, target, a.status, 200)
	}
}
