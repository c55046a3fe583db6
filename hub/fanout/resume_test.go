package fanout_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// A long replay comes whole, in order and once, after at most one reset. It counts as one
// client that resumed, and not as a slow one.
func TestLongReplayComesOnce(t *testing.T) { everyWriter(t, testLongReplayComesOnce) }

func testLongReplayComesOnce(t *testing.T, start starter) {
	const documents = 5
	r := start(hub.Options{Streams: hub.Named("a", "b")}, fanout.Options{})
	begin := r.hub.Position()
	pad := strings.Repeat("x", 690_000)
	for i := range documents {
		r.publishTo("a", fmt.Sprintf(`"a%d %s"`, i, pad))
	}
	c := r.open(r.dial(), "stream=a&stream=b", "Last-Event-ID: "+begin.String())
	for i := range documents {
		if e := c.next(); e.Name != "a" || !strings.HasPrefix(string(e.Data), fmt.Sprintf(`"a%d `, i)) {
			t.Fatalf("document %d is %s %.10s", i, e.Name, e.Data)
		}
	}
	r.publishTo("b", `"b"`)
	c.expect(`"b"`)
	if stats := r.hub.Stats(); stats.Resumed != 1 || stats.Subscribed != 1 || stats.Losses != 0 {
		t.Errorf("the hub counted %+v", stats)
	}
	if stats := r.engine.Stats(); stats.Resubscribed != 0 || stats.Clients != 1 {
		t.Errorf("the engine counted %+v", stats)
	}
}

// The first portion of a replay with since is cut. The next one continues it, although the
// streams begin at different positions.
func TestSinceGoesOnWhereItWasCut(t *testing.T) {
	r := newRig(t, hub.Options{Streams: hub.Named("a", "b")}, fanout.Options{}, nil, handedOver)
	pad := strings.Repeat("x", 600_000)
	r.publishTo("a", `"a0 `+pad+`"`)
	for i := range 3 {
		r.publishTo("b", fmt.Sprintf(`"b%d %s"`, i, pad))
	}
	early, err := r.hub.Latest("b")
	if err != nil {
		t.Fatal(err)
	}
	for time.Now().Compare(early.Time()) <= 0 {
		time.Sleep(time.Millisecond)
	}
	since := time.Now()
	for i := 3; i < 6; i++ {
		r.publishTo("b", fmt.Sprintf(`"b%d %s"`, i, pad))
	}
	client, err := r.engine.Open(httptest.NewRequest(http.MethodGet, "/", nil), fanout.Request{
		Streams: []string{"a", "b"}, Since: since, Limit: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	client.Serve(unlimited{recorder}, httptest.NewRequest(http.MethodGet, "/", nil))
	var got []string
	for line := range strings.Lines(recorder.Body.String()) {
		if data, ok := strings.CutPrefix(line, `data: `); ok {
			got = append(got, data[:min(4, len(data))])
		}
	}
	if text := strings.Join(got, " "); text != `"a0  "b3  "b4  "b5 ` {
		t.Errorf("got %s", text)
	}
	r.open(r.dial(), "stream=a").next() // so that a connection was handed over
}

// unlimited lets a recorder pass for a connection with write deadlines.
type unlimited struct{ *httptest.ResponseRecorder }

func (unlimited) SetWriteDeadline(time.Time) error { return nil }
