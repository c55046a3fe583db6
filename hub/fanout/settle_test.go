package fanout_test

import (
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// A script hears where its replay ends and what is new begins, and where it stands
// then, although it cannot hear a block with an ID alone.
func TestScriptsHearWhereTheReplayEnds(t *testing.T) {
	bothWriters(t, testScriptsHearWhereTheReplayEnds)
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
