package handlers_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// The answer of /api/streams, byte for byte, with one stream of each kind.
func TestStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 3, 1, 11, 0, 0, 623_999_999, time.UTC)))
		at := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("", 3600))
		r := newRig(t, setup{
			listener: hubtest.NewPipeListener(),
			hub:      hub.Options{Streams: hub.Named("pushed", "polled", "new", "silent")},
			handlers: handlers.Options{Upstreams: func() []hub.Upstream {
				return []hub.Upstream{
					{
						Saved: 12, Idle: true, NotBefore: at.Add(2 * time.Minute), NotBeforeReason: "Retry-After",
						Name: "polled", Every: 90 * time.Second, NextPoll: at.Add(time.Minute), Polls: 7, Failures: map[string]uint64{"timeout": 1, "dns": 1},
						Status: hub.Status{State: hub.Stale, Since: at, LastSuccess: at.Add(-time.Hour), Error: "http_503"},
					},
					{Name: "new", Every: 5 * time.Second, Status: hub.Status{State: hub.Live}},
					{Name: "of another hub"},
				}
			}},
		})
		defer r.stop()
		r.broadcastTo("polled", "1")
		polled := r.broadcastTo("polled", "2").String()
		pushed := r.broadcastTo("pushed", "3").String()
		for range 2 {
			r.open("/api/sse?stream=polled,silent")
		}
		r.open("/api/sse?stream=polled")

		// A millisecond may have passed while the rig was set up.
		age := strconv.FormatFloat(float64(time.Since(at.Add(-time.Hour)).Milliseconds())/1000, 'f', -1, 64)
		const head = `{"name":"%s","state":"%s","since":%s,"every":%s,"clients":%d,"events":%d,` +
			`"lastEventId":%s,"lastSuccess":%s,"nextPoll":%s,"requests":%d,"failures":%d,"error":%s,"age":%s,"requestsSaved":%d,"idle":%t,"waiting":%t,"notBefore":%s,"notBeforeReason":%s}`
		want := `{"streams":[` +
			fmt.Sprintf(head, "new", "live", "null", `"5s"`, 0, 0, "null", "null", "null", 0, 0, "null", "null", 0, false, true, "null", "null") + "," +
			fmt.Sprintf(head, "polled", "stale", `"2026-03-01T11:00:00.123Z"`, `"1m30s"`, 3, 2, `"`+polled+`"`,
				`"2026-03-01T10:00:00.123Z"`, `"2026-03-01T11:01:00.123Z"`, 7, 2, `"http_503"`,
				age, 12, true, false, `"2026-03-01T11:02:00.123Z"`, `"Retry-After"`) + "," +
			fmt.Sprintf(head, "pushed", "live", "null", "null", 0, 1, `"`+pushed+`"`, "null", "null", 0, 0, "null", "null", 0, false, false, "null", "null") + "," +
			fmt.Sprintf(head, "silent", "live", "null", "null", 2, 0, "null", "null", "null", 0, 0, "null", "null", 0, false, false, "null", "null") + `]}`
		_, body := r.get("/api/streams")
		same(t, "streams", body, want)
	})
}

// An age is never negative, even if the clock was set back.
func TestStreamsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		r := newRig(t, setup{listener: hubtest.NewPipeListener(), handlers: handlers.Options{Upstreams: func() []hub.Upstream {
			return []hub.Upstream{{Name: "default", Status: hub.Status{State: hub.Live, LastSuccess: begin.Add(time.Second)}}}
		}}})
		defer r.stop()
		for _, step := range []struct {
			after time.Duration
			want  string
		}{{0, "0"}, {time.Second, "0"}, {time.Millisecond, "0.001"}, {time.Microsecond, "0.001"}, {time.Second, "1.001"}, {1e6 * time.Hour, "3600000001.001"}} {
			time.Sleep(step.after)
			_, body := r.get("/api/streams")
			if want := `"age":` + step.want + ","; !strings.Contains(body, want) {
				t.Errorf("after %v: no %s in %s", step.after, want, body)
			}
		}
	})
}

// Clients count while they listen.
func TestStreamsCountsClients(t *testing.T) {
	r := newRig(t, setup{})
	s := r.open("/api/sse")
	same(t, "clients", r.hub.Stats().Streams[0].Subscribers, 1)
	_ = s.conn.Close()
	r.await("client is gone", func() bool { return r.hub.Stats().Streams[0].Subscribers == 0 })
}
