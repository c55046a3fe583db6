package handlers_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
)

// The shape of /api/streams, byte for byte, with one stream of each kind.
func TestStreams(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	r := newRig(t, setup{
		hub: hub.Options{Streams: []string{"pushed", "polled", "new", "silent"}},
		handlers: handlers.Options{Upstreams: func() []handlers.Upstream {
			return []handlers.Upstream{
				{
					Name: "polled", Every: 90 * time.Second, NextPoll: at.Add(time.Minute), Requests: 7, Failures: 2,
					Status: hub.Status{State: hub.Stale, Since: at, LastSuccess: at.Add(-time.Hour), Error: "http_503"},
				},
				{Name: "new", Every: 5 * time.Second, Status: hub.Status{State: hub.Live}},
				{Name: "of another hub"},
			}
		}},
	})
	r.broadcastTo("polled", "1")
	polled := r.broadcastTo("polled", "2").String()
	pushed := r.broadcastTo("pushed", "3").String()
	for range 2 {
		r.open("/api/sse?stream=polled,silent")
	}
	r.open("/api/sse?stream=polled")

	const head = `{"name":"%s","state":"%s","since":%s,"every":%s,"clients":%d,"events":%d,` +
		`"lastEventId":%s,"lastSuccess":%s,"nextPoll":%s,"requests":%d,"failures":%d,"error":%s}`
	want := `{"streams":[` +
		fmt.Sprintf(head, "new", "live", "null", `"5s"`, 0, 0, "null", "null", "null", 0, 0, "null") + "," +
		fmt.Sprintf(head, "polled", "stale", `"2026-03-01T11:00:00.123Z"`, `"1m30s"`, 3, 2, `"`+polled+`"`,
			`"2026-03-01T10:00:00.123Z"`, `"2026-03-01T11:01:00.123Z"`, 7, 2, `"http_503"`) + "," +
		fmt.Sprintf(head, "pushed", "live", "null", "null", 0, 1, `"`+pushed+`"`, "null", "null", 0, 0, "null") + "," +
		fmt.Sprintf(head, "silent", "live", "null", "null", 2, 0, "null", "null", "null", 0, 0, "null") + `]}`
	_, body := r.get("/api/streams")
	same(t, "streams", body, want)
}

// Clients are counted while they listen.
func TestStreamsCountsClients(t *testing.T) {
	r := newRig(t, setup{})
	s := r.open("/api/sse")
	same(t, "clients", r.hub.Stats().Streams[0].Subscribers, 1)
	_ = s.conn.Close()
	r.await("client is gone", func() bool { return r.hub.Stats().Streams[0].Subscribers == 0 })
}
