package fanout_test

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// A script sees where its replay ends and new events begin, and its position there,
// although it does not receive a block that is only an ID.
func TestScriptsHearWhereTheReplayEnds(t *testing.T) {
	everyWriter(t, testScriptsHearWhereTheReplayEnds)
}

func testScriptsHearWhereTheReplayEnds(t *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{})
	r.publish("0")
	id := r.publish("1")
	status, err := r.hub.Publish(t.Context(), hub.Message{Status: &hub.Status{State: hub.Stale, Error: "timeout"}})
	if err != nil {
		t.Fatal(err)
	}
	clients := map[string]*client{
		"plain": r.open(r.dial(), "heartbeat=event"), "gzip": r.openGzip(r.dial(), "heartbeat=event"),
		"patches": r.open(r.dial(), "heartbeat=event&mode=patch"),
	}
	for name, c := range clients {
		if e := c.next(); e.Name != "hb" || !strings.HasPrefix(string(e.Data), `{"retry":`) {
			t.Errorf("%s begins with %s %s", name, e.Name, e.Data)
		}
		c.expect("1")
		if e := c.next(); e.Name != "status" || e.ID != id.String() {
			t.Errorf("%s goes on with %s, and the ID %s, want a status and %v", name, e.Name, e.ID, id)
		}
	}
	r.publish("2")
	for name, c := range clients {
		if e := c.next(); e.Name != "hb" || !strings.HasPrefix(string(e.Data), `{"now":`) || e.ID != status.String() {
			t.Errorf("%s: behind the replay comes %s %s, and the ID %s, want a heartbeat and %v", name, e.Name, e.Data, e.ID, status)
		}
		if e := c.next(); e.Name == "hb" {
			t.Errorf("%s: then comes %s", name, e.Data)
		}
	}
}

// A script that was slow gets the events that it missed, and after them how old they are.
// A pipe has no buffer, so a client that does not read is slow soon.
func TestSlowScriptsHearWhereTheBacklogEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, hub.Options{Buffer: 1}, fanout.Options{}, hubtest.NewPipeListener(), portable)
		defer r.stop()
		c := r.open(r.dial(), "heartbeat=event")
		for range 2 {
			if e := c.next(); e.Name != "hb" {
				t.Fatalf("it begins with %s %s", e.Name, e.Data)
			}
		}
		const events = 9
		var last hub.ID
		for n := range events {
			last = r.publish(strconv.Itoa(n))
			synctest.Wait()
		}
		time.Sleep(3 * time.Second)
		for n := range events {
			c.expect(strconv.Itoa(n))
		}
		begin := time.Now()
		e := c.next()
		if e.Name != "hb" || e.ID != last.String() || time.Since(begin) != 0 {
			t.Errorf("behind the backlog comes %s %s after %v, and the ID %s, want a heartbeat at once and %v", e.Name, e.Data, time.Since(begin), e.ID, last)
		}
		if stats := r.engine.Stats(); stats.Resubscribed == 0 {
			t.Errorf("nobody was slow: %+v", stats)
		}
	})
}
