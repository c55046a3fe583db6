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
	for name, c := range map[string]*client{
		"plain": r.open(r.dial(), "heartbeat=event"), "gzip": r.openGzip(r.dial(), "heartbeat=event"),
		"patches": r.open(r.dial(), "heartbeat=event&mode=patch"),
	} {
		var got []string
		last := ""
		for range 4 {
			e := c.next()
			kind := e.Name
			if e.Name == "hb" && strings.Contains(string(e.Data), `"retry"`) {
				kind = "greeting"
			}
			got, last = append(got, kind), e.ID
			if kind == "" || kind == "snapshot" {
				if e.ID != id.String() {
					t.Errorf("%s: the document has ID %s, want %v", name, e.ID, id)
				}
				got[len(got)-1] = "document"
			}
		}
		if want := "greeting document status hb"; strings.Join(got, " ") != want || last != status.String() {
			t.Errorf("%s: got %s, and the position %s, want %s and %v", name, strings.Join(got, " "), last, want, status)
		}
	}
}
