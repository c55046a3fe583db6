package hub_test

import (
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
	if diff := cmp.Diff([]string{`{"reason": "evicted"}`, "a2", "b6"}, texts(s.Replay())); diff != "" {
		t.Error(diff)
	}
}
