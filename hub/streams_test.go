package hub_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
)

// A reload adds and removes streams, and does not disturb the others.
func TestStreamsComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := runHub(t, hub.Options{Streams: hub.Named("a", "b")})
		before := publish(t, h, "a", "1")
		onA := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"a"}})
		onBoth := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"b", "a"}})
		onB := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"b"}})
		onBoth.Replay()

		if err := h.SetStreams(hub.Named("a", "c")); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(h.StreamNames(), " "); got != "a c" || h.HasStream("b") || !h.HasStream("c") {
			t.Errorf("the streams are %s", got)
		}
		publish(t, h, "a", "2")
		publish(t, h, "c", "3")

		notice := string((<-onB.Events()).Data())
		if want := `{"stream":"b","state":"down","since":"2000-01-01T00:00:00.000Z","lastSuccess":null,"error":"removed"}`; notice != want {
			t.Errorf("who had nothing else was told %s, want %s", notice, want)
		}
		if _, open := <-onB.Events(); open || !errors.Is(onB.Err(), hub.ErrUnknownStream) {
			t.Errorf("who had nothing else goes on, %v", onB.Err())
		}
		if _, err := onB.Resume(); !errors.Is(err, hub.ErrUnknownStream) {
			t.Errorf("who had nothing else resumes: %v", err)
		}
		onB.Close()
		if e := <-onBoth.Events(); string(e.Data()) != notice || !e.ID().IsZero() {
			t.Errorf("who had another too was told %s, ID %v", e.Data(), e.ID())
		}
		for name, s := range map[string]*hub.Subscription{"who has another": onBoth, "who never had it": onA} {
			if e := <-s.Events(); string(e.Data()) != "2" {
				t.Errorf("%s got %s, want 2", name, e.Data())
			}
		}
		if n := h.Stats().Subscribers; n != 2 {
			t.Errorf("%d subscribers, want 2", n)
		}

		_, err := h.Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{"b"}})
		if !errors.Is(err, hub.ErrUnknownStream) {
			t.Errorf("somebody subscribes to a stream that is gone: %v", err)
		}
		if _, err := h.Publish(t.Context(), hub.Message{Stream: "b", Data: []byte("x")}); !errors.Is(err, hub.ErrUnknownStream) {
			t.Errorf("somebody publishes to a stream that is gone: %v", err)
		}
		// A client that resumes continues with the streams that are left.
		again := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"b", "a"}, LastEventID: before.LastEventID(), SkipUnknown: true})
		if diff := cmp.Diff([]string{notice, "2"}, texts(again.Replay())); diff != "" {
			t.Error(diff)
		}
		if got := strings.Join(again.Streams(), " "); got != "a" {
			t.Errorf("who came back has the streams %q", got)
		}
		if _, err := h.Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{"b"}, LastEventID: before.LastEventID(), SkipUnknown: true}); !errors.Is(err, hub.ErrUnknownStream) {
			t.Errorf("goes on with nothing: %v", err)
		}
		if _, err := h.Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{"a", "c\nd"}, SkipUnknown: true}); !errors.Is(err, hub.ErrInvalidStream) {
			t.Errorf("a name that would reach the wire: %v", err)
		}

		// The events of an earlier stream with the same name are not known any more.
		if err := h.SetStreams(hub.Named("a", "b")); err != nil {
			t.Fatal(err)
		}
		anew := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"b"}, LastEventID: before.LastEventID()})
		if diff := cmp.Diff([]string{`{"reason": "evicted"}`}, texts(anew.Replay())); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSetStreamsChangesNothingAfterAnError(t *testing.T) {
	h := newHub(t, hub.Options{Streams: hub.Named("a")})
	err := h.SetStreams(hub.Named("b", "b", "c d"))
	if err == nil || !strings.Contains(err.Error(), `"b" is named twice`) || !strings.Contains(err.Error(), `"c d"`) {
		t.Errorf("got %v", err)
	}
	if !h.HasStream("a") || h.HasStream("b") {
		t.Error("something has changed")
	}
}

// A poller that polls on demand learns of the first listener and of the end of the last
// one.
func TestDemand(t *testing.T) {
	h, _ := runHub(t, hub.Options{})
	demand, err := h.Demand("")
	if err != nil {
		t.Fatal(err)
	}
	changed := func() bool {
		select {
		case <-demand.Changed():
			return true
		default:
			return false
		}
	}
	if demand.Listeners() != 0 || changed() {
		t.Error("somebody listens before anybody came")
	}
	one := subscribe(t, h, hub.SubscribeOptions{})
	if demand.Listeners() != 1 || !changed() {
		t.Error("the first one was not told")
	}
	two := subscribe(t, h, hub.SubscribeOptions{})
	one.Close()
	if demand.Listeners() != 1 || changed() {
		t.Error("one of two makes a difference")
	}
	two.Close()
	if demand.Listeners() != 0 || !changed() {
		t.Error("the end of the last was not told")
	}
	if _, err := h.Demand("nobody"); !errors.Is(err, hub.ErrUnknownStream) {
		t.Errorf("demand for an unknown stream: %v", err)
	}
}

func TestSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := runHub(t, hub.Options{Streams: hub.Named("a", "b"), History: 3})
		start := time.Now()
		for _, data := range []string{"a1", "a2", "a3"} {
			publish(t, h, "a", data)
			time.Sleep(time.Minute)
		}
		publish(t, h, "b", "b1") // 3 minutes after the start
		for _, test := range []struct {
			name   string
			after  time.Duration
			stream string
			want   []string
		}{
			{"from the beginning", 0, "a", []string{"a1", "a2", "a3"}},
			{"from before the beginning", -time.Hour, "a", []string{"a1", "a2", "a3"}},
			{"from an event on", time.Minute, "a", []string{"a2", "a3"}},
			{"from between two", time.Minute + 1, "a", []string{"a3"}},
			{"from the future: the newest", time.Hour, "a", []string{"a3"}},
			{"of two streams, in order", 2 * time.Minute, "a b", []string{"a3", "b1"}},
		} {
			s := subscribe(t, h, hub.SubscribeOptions{Streams: strings.Fields(test.stream), Since: start.Add(test.after)})
			if diff := cmp.Diff(test.want, texts(s.Replay())); diff != "" {
				t.Errorf("%s: %s", test.name, diff)
			}
			s.Close()
		}
		publish(t, h, "a", "a4") // and a1 is evicted
		s := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"a"}, Since: start})
		if diff := cmp.Diff([]string{`{"reason": "evicted"}`, "a2", "a3", "a4"}, texts(s.Replay())); diff != "" {
			t.Errorf("history does not reach back: %s", diff)
		}
		s = subscribe(t, h, hub.SubscribeOptions{Streams: []string{"a"}, Since: start.Add(time.Minute + 1)})
		if diff := cmp.Diff([]string{"a3", "a4"}, texts(s.Replay())); diff != "" {
			t.Errorf("history reaches back far enough: %s", diff)
		}
		newest, err := h.Latest("a")
		if err != nil {
			t.Fatal(err)
		}
		s = subscribe(t, h, hub.SubscribeOptions{Streams: []string{"a"}, Since: start, LastEventID: newest.ID().LastEventID()})
		if replay := s.Replay(); len(replay) != 0 {
			t.Errorf("a position is not heeded: %q", texts(replay))
		}
	})
}

// A stream that is hidden from a subscriber is to it as one that does not exist.
func TestHiddenStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := runHub(t, hub.Options{Streams: hub.Named("a", "secret")})
		publish(t, h, "a", "1")
		publish(t, h, "secret", "2")
		told := func(name string, hidden ...string) []string {
			t.Helper()
			s := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"a", name}, Hidden: hidden, SkipUnknown: true})
			defer s.Close()
			publish(t, h, "secret", "3")
			synctest.Wait()
			if n := len(s.Events()); n != 0 {
				t.Errorf("%s: %d events of a stream that it does not have", name, n)
			}
			return texts(s.Replay())
		}
		missing, secret := told("missed"), told("secret", "secret", "another")
		missing[0] = strings.Replace(missing[0], "missed", "secret", 1)
		if diff := cmp.Diff(missing, secret); diff != "" || len(secret) != 2 {
			t.Errorf("it is told:\n%s", diff)
		}
		for _, opts := range []hub.SubscribeOptions{{Streams: []string{"a", "secret"}}, {Streams: []string{"secret"}, SkipUnknown: true}} {
			opts.Hidden = []string{"secret"}
			if _, err := h.Subscribe(t.Context(), opts); !errors.Is(err, hub.ErrUnknownStream) {
				t.Errorf("%v: %v", opts.Streams, err)
			}
		}
	})
}
