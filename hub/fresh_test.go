package hub_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
)

// A client asks for a further stream on a connection: it gets the newest document of
// that one, and loses nothing of the others.
func TestFresh(t *testing.T) {
	h, _ := runHub(t, hub.Options{Streams: hub.Named("a", "b", "default"), History: 3})
	publish(t, h, "b", "b1")
	publish(t, h, "b", "b2")
	publish(t, h, "", "d1")
	at := publish(t, h, "a", "a1")
	publish(t, h, "a", "a2")
	for _, test := range []struct {
		name    string
		streams string
		fresh   []string
		id      string
		want    []string
	}{
		{"nothing is fresh", "a b", nil, at.String(), []string{"a2"}},
		{"an older document comes first", "a b", []string{"b"}, at.String(), []string{"b2", "a2"}},
		{"a stream that the client did not ask for", "a", []string{"b", "nobody"}, at.String(), []string{"a2"}},
		{"the default stream by its empty name", "a default", []string{""}, at.String(), []string{"d1", "a2"}},
		{"no ID", "a b", []string{"b"}, "", []string{"b2", "a2"}},
		{"all are fresh", "a b", []string{"a", "b"}, at.String(), []string{"b2", "a2"}},
		{"an invalid ID", "a b", []string{"b"}, "x", []string{`{"reason": "invalid"}`, "b2", "a2"}},
	} {
		s := subscribe(t, h, hub.SubscribeOptions{Streams: strings.Fields(test.streams), Fresh: test.fresh, LastEventID: hub.ParseLastEventID(test.id)})
		if diff := cmp.Diff(test.want, texts(s.Replay())); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
		if s.Position() != h.Position() {
			t.Errorf("%s: position %v, want %v", test.name, s.Position(), h.Position())
		}
		s.Close()
	}

	// The history of a fresh stream need not reach back to the ID.
	for _, data := range []string{"b3", "b4", "b5", "b6"} {
		publish(t, h, "b", data)
	}
	s := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"a", "b"}, Fresh: []string{"b"}, LastEventID: hub.ParseLastEventID(at.String())})
	if diff := cmp.Diff([]string{"a2", "b6"}, texts(s.Replay())); diff != "" {
		t.Error(diff)
	}
	s = subscribe(t, h, hub.SubscribeOptions{Streams: []string{"a", "b"}, Fresh: []string{"a"}, LastEventID: hub.ParseLastEventID(at.String())})
	if diff := cmp.Diff([]string{`{"reason":"evicted","stream":"b"}`, "a2", "b6"}, texts(s.Replay())); diff != "" {
		t.Error(diff)
	}
}

// A fresh stream is fresh until its first document has been replayed, in whichever portion
// that is: it may begin with a newer document, and nothing of it was skipped or lost.
func TestFreshInALaterPortion(t *testing.T) {
	for _, test := range []struct {
		name    string
		replay  hub.Replay
		history int
		before  []string // of b, before the client comes
		between []string // of b, before the next portion
		want    []string // of b
	}{
		{"all", hub.ReplayAll, 9, []string{"b1"}, []string{"b2", "b3"}, []string{"b1", "b2", "b3"}},
		{"all, the first document is gone", hub.ReplayAll, 2, []string{"b1"}, []string{"b2", "b3"}, []string{"b2", "b3"}},
		{"all, without a document before", hub.ReplayAll, 2, nil, []string{"b1", "b2", "b3"}, []string{"b3"}},
		{"latest", hub.ReplayLatest, 9, []string{"b1"}, []string{"b2", "b3"}, []string{"b3"}},
		{"latest, the first document is gone", hub.ReplayLatest, 2, []string{"b1"}, []string{"b2", "b3"}, []string{"b3"}},
		{"latest, without a document before", hub.ReplayLatest, 9, nil, []string{"b1", "b2"}, []string{"b2"}},
	} {
		for _, later := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, later %v", test.name, later), func(t *testing.T) {
				h, _ := runHub(t, hub.Options{Streams: []hub.StreamOptions{
					{Name: "a", History: 1000}, {Name: "b", History: test.history, Replay: test.replay},
				}})
				at := publish(t, h, "a", "a")
				missed := 256 // one portion, after which comes the document of b
				if test.before == nil {
					missed++
				}
				for range missed {
					publish(t, h, "a", "a")
				}
				for _, data := range test.before {
					publish(t, h, "b", data)
				}
				s := subscribe(t, h, hub.SubscribeOptions{
					Streams: []string{"a", "b"}, Fresh: []string{"b"}, Later: later, LastEventID: at.LastEventID(),
				})
				got := texts(s.Replay())
				for _, data := range test.between {
					publish(t, h, "b", data)
				}
				for s.Err() != nil {
					var err error
					if s, err = s.Resume(); err != nil {
						t.Fatal(err)
					}
					got = append(got, texts(s.Replay())...)
				}
				want := append(slices.Repeat([]string{"a"}, missed), test.want...)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
				stats := h.Stats()
				if stats.Losses != 0 || stats.Streams[1].Skipped != 0 {
					t.Errorf("%d losses, %d skipped", stats.Losses, stats.Streams[1].Skipped)
				}
			})
		}
	}
}
