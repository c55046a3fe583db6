package handlers_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/polluxhub/pollux/hub"
)

// A client that resumes gets of each stream what the stream says, or what the parameter
// replay says.
func TestReplayParameter(t *testing.T) {
	r := newRig(t, setup{hub: hub.Options{Streams: []hub.StreamOptions{
		{Name: "state", Replay: hub.ReplayAuto, ReplayEvents: 2}, {Name: "events"},
	}}})
	before := make(map[string]string)
	for _, stream := range []string{"state", "events"} {
		before[stream] = r.broadcastTo(stream, "0").String()
		for i := range 3 {
			r.broadcastTo(stream, fmt.Sprint(i+1))
		}
	}
	const skipped = `reset {"reason":"skipped","skipped":2}`
	for _, test := range []struct {
		stream, replay string
		want           []string
	}{
		{"state", "", []string{skipped, "3"}},
		{"state", "&replay=", []string{skipped, "3"}},
		{"state", "&replay=auto", []string{skipped, "3"}},
		{"state", "&replay=latest", []string{skipped, "3"}},
		{"state", "&replay=all", []string{"1", "2", "3"}},
		{"events", "", []string{"1", "2", "3"}},
		{"events", "&replay=auto", []string{"1", "2", "3"}}, // of at most 16 documents
		{"events", "&replay=latest", []string{skipped, "3"}},
	} {
		s := r.open("/api/sse?limit=3&stream=" + test.stream + test.replay + "&last_event_id=" + before[test.stream])
		for _, want := range test.want {
			e := s.next()
			got := string(e.Data)
			if e.Name == "reset" {
				got = "reset " + got
			}
			same(t, test.stream+test.replay, got, want)
		}
		_ = s.conn.Close()
	}
}

// A stream that is named as fresh begins with its newest document, whatever the ID. The
// others resume.
func TestFreshParameter(t *testing.T) {
	r := newRig(t, setup{hub: hub.Options{Streams: hub.Named("default", "a", "b")}})
	r.broadcastTo("b", `"old"`)
	r.broadcastTo("b", `"b"`)
	last := r.broadcastTo("a", `"a1"`)
	next := r.broadcastTo("a", `"a2"`)
	for _, target := range []string{
		"/api/sse?stream=a,b&fresh=b&last_event_id=", "/api/sse?stream=a,b&fresh=b,b&fresh=b&last_event_id=", "/api/sse?stream=a,b&fresh=b&fresh=&last_event_id=",
	} {
		s := r.open(target + last.String())
		for _, want := range []string{`b "b"`, `a "a2"`} {
			e := s.next()
			same(t, target, e.Name+" "+string(e.Data), want)
		}
		_ = s.conn.Close()
	}
	s := r.open("/api/sse?stream=a,b&fresh=b") // of no effect without an ID
	same(t, "first", string(s.next().Data), `"b"`)
	same(t, "second", string(s.next().Data), `"a2"`)
	_ = s.conn.Close()
	r.broadcast("1")
	s = r.open("/api/sse?fresh=default&last_event_id=" + next.String())
	same(t, "default", string(s.next().Data), "1")
	_ = s.conn.Close()
}

func TestReplayAndFreshThatAreRefused(t *testing.T) {
	r := newRig(t, setup{hub: hub.Options{Streams: hub.Named("default", "a", "b")}})
	for target, detail := range map[string]string{
		"/api/sse?replay=none":            "replay must be all, auto or latest.",
		"/api/sse?replay=All":             "replay must be all, auto or latest.",
		"/api/sse?replay=all&replay=auto": "replay has several different values.",
		"/api/sse?stream=a&fresh=b":       "fresh must have names that stream has too.",
		"/api/sse?stream=a,b&fresh=a,c":   "fresh must have names that stream has too.",
		"/api/sse?fresh=a":                "fresh must have names that stream has too.",
		"/api/latest?fresh=a":             "fresh is a parameter of /api/sse, not of /api/latest.",
		"/api/latest?replay=all":          "replay is a parameter of /api/sse, not of /api/latest.",
		"/api/sse?stream=a&freshs=a":      "The query has an unknown parameter. Did you mean fresh?",
		"/api/sse?reply=all&stream=a":     "The query has an unknown parameter. Did you mean replay?",
	} {
		a, body := r.get(target)
		same(t, target, a.status, http.StatusBadRequest)
		same(t, target, body, fmt.Sprintf(`{"title":"Bad Request","status":400,"detail":%q}`, detail))
	}
	r.broadcast("1")
	a, _ := r.get("/api/sse?limit=1&refresh=1") // of a proxy, or of a page that is reloaded
	same(t, "refresh", a.status, http.StatusOK)
}
