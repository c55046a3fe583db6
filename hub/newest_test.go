package hub_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// What a client gets that missed documents, at each boundary of the policy.
func TestReplay(t *testing.T) {
	text := func(bytes int) string { return strings.Repeat("1", bytes) }
	numbers := func(n int) (list []string) {
		for i := range n {
			list = append(list, strconv.Itoa(i))
		}
		return list
	}
	skipped := func(n int) string { return fmt.Sprintf(`{"reason":"skipped","skipped":%d}`, n) }
	for _, test := range []struct {
		name   string
		stream hub.StreamOptions
		asked  hub.Replay
		missed []string
		want   []string
	}{
		{"all, many", hub.StreamOptions{}, 0, numbers(50), numbers(50)},
		{"auto, none", hub.StreamOptions{Replay: hub.ReplayAuto}, 0, nil, []string{}},
		{"auto, 16", hub.StreamOptions{Replay: hub.ReplayAuto}, 0, numbers(16), numbers(16)},
		{"auto, 17", hub.StreamOptions{Replay: hub.ReplayAuto}, 0, numbers(17), []string{skipped(16), "16"}},
		{"auto, two of 64 kB", hub.StreamOptions{Replay: hub.ReplayAuto}, 0, []string{text(32 << 10), text(32 << 10)}, []string{text(32 << 10), text(32 << 10)}},
		{"auto, two of a byte more", hub.StreamOptions{Replay: hub.ReplayAuto}, 0, []string{text(32 << 10), text(32<<10 + 1)}, []string{skipped(1), text(32<<10 + 1)}},
		{"auto, one large", hub.StreamOptions{Replay: hub.ReplayAuto}, 0, []string{text(1 << 18)}, []string{text(1 << 18)}},
		{"auto, other bounds, 2", hub.StreamOptions{Replay: hub.ReplayAuto, ReplayEvents: 2, ReplayBytes: 2}, 0, numbers(2), numbers(2)},
		{"auto, other bounds, 3", hub.StreamOptions{Replay: hub.ReplayAuto, ReplayEvents: 2}, 0, numbers(3), []string{skipped(2), "2"}},
		{"auto, other bounds, a byte more", hub.StreamOptions{Replay: hub.ReplayAuto, ReplayBytes: 1}, 0, numbers(2), []string{skipped(1), "1"}},
		{"latest, 1", hub.StreamOptions{Replay: hub.ReplayLatest}, 0, numbers(1), numbers(1)},
		{"latest, 2", hub.StreamOptions{Replay: hub.ReplayLatest}, 0, numbers(2), []string{skipped(1), "1"}},
		{"all, and the client asks for latest", hub.StreamOptions{Replay: hub.ReplayAll}, hub.ReplayLatest, numbers(3), []string{skipped(2), "2"}},
		{"latest, and the client asks for all", hub.StreamOptions{Replay: hub.ReplayLatest}, hub.ReplayAll, numbers(30), numbers(30)},
		{"all, and the client asks for auto", hub.StreamOptions{ReplayEvents: 2}, hub.ReplayAuto, numbers(3), []string{skipped(2), "2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.stream.Name = hub.DefaultStream
			h, _ := runHub(t, hub.Options{Streams: []hub.StreamOptions{test.stream}, History: 100})
			at := publish(t, h, "", `"before"`)
			for _, data := range test.missed {
				publish(t, h, "", data)
			}
			s := subscribe(t, h, hub.SubscribeOptions{LastEventID: hub.ParseLastEventID(at.String()), Replay: test.asked})
			if diff := cmp.Diff(test.want, texts(s.Replay())); diff != "" {
				t.Error(diff)
			}
			if s.Position() != h.Position() {
				t.Errorf("position %v, want %v", s.Position(), h.Position())
			}
			stats := h.Stats()
			left := len(test.missed) - len(test.want) + 1
			if len(test.want) == 0 || !strings.Contains(test.want[0], "skipped") {
				left = 0
			}
			if got := stats.Streams[0].Skipped; got != uint64(left) {
				t.Errorf("%d documents were skipped, want %d", got, left)
			}
			if got, want := stats.Resets[hub.ReasonSkipped], min(uint64(left), 1); got != want || stats.Resumed != 1-want {
				t.Errorf("%d resets and %d resumed, want %d and %d", got, stats.Resumed, want, 1-want)
			}
		})
	}
}

// A stream of which documents were evicted does not make the others of the connection
// begin anew.
func TestReplayOfSeveralStreams(t *testing.T) {
	h, _ := runHub(t, hub.Options{Streams: []hub.StreamOptions{
		{Name: "short", History: 3, Replay: hub.ReplayAuto},
		{Name: "auto", History: 100, Replay: hub.ReplayAuto, ReplayEvents: 4},
		{Name: "all", History: 100},
		{Name: "lossy", History: 3},
	}})
	at := hub.ParseLastEventID(publish(t, h, "all", `"before"`).String())
	for i := range 5 {
		for _, name := range []string{"short", "auto", "all", "lossy"} {
			publish(t, h, name, fmt.Sprintf(`"%s %d"`, name, i))
		}
	}
	s := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"short", "auto", "all", "lossy"}, LastEventID: at})
	replay := s.Replay()
	if diff := cmp.Diff([]string{
		`{"reason":"evicted","stream":"short"}`, `{"reason":"skipped","skipped":4,"stream":"auto"}`, `{"reason":"evicted","stream":"lossy"}`,
		`"all 0"`, `"all 1"`, `"all 2"`, `"all 3"`, `"short 4"`, `"auto 4"`, `"all 4"`, `"lossy 4"`,
	}, texts(replay)); diff != "" {
		t.Error(diff)
	}
	if replay[0].Stream() != "short" || replay[1].Stream() != "auto" || replay[1].Skipped() != 4 {
		t.Errorf("resets of %q and %q with %d", replay[0].Stream(), replay[1].Stream(), replay[1].Skipped())
	}
	if stats := h.Stats(); stats.Resets[hub.ReasonEvicted] != 1 || stats.Resets[hub.ReasonSkipped] != 0 || stats.Resumed != 0 {
		t.Errorf("counted %+v", stats)
	}
	// Alone, a stream begins anew as ever.
	for _, name := range []string{"short", "lossy"} {
		alone := subscribe(t, h, hub.SubscribeOptions{Streams: []string{name}, LastEventID: at})
		if diff := cmp.Diff([]string{`{"reason": "evicted"}`, `"` + name + ` 4"`}, texts(alone.Replay())); diff != "" {
			t.Error(diff)
		}
	}
}

// The same holds for a client that is slow.
func TestResumeOfSeveralStreams(t *testing.T) {
	h, _ := runHub(t, hub.Options{Buffer: 2, Streams: []hub.StreamOptions{{Name: "all", History: 100}, {Name: "lossy", History: 3}}})
	s := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"all", "lossy"}})
	for i := range 5 {
		publish(t, h, "all", fmt.Sprintf(`"all %d"`, i))
		publish(t, h, "lossy", fmt.Sprintf(`"lossy %d"`, i))
	}
	var got []string
	for e := range s.Events() {
		got = append(got, string(e.Data()))
	}
	s, err := s.Resume()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{
		`"all 0"`, `"lossy 0"`, `{"reason":"evicted","stream":"lossy"}`, `"all 1"`, `"all 2"`, `"all 3"`, `"all 4"`, `"lossy 4"`,
	}, append(got, texts(s.Replay())...)); diff != "" {
		t.Error(diff)
	}
	if losses := h.Stats().Losses; losses != 1 {
		t.Errorf("%d losses", losses)
	}
}

// A reload that removes a stream, and another one that brings the name back, perhaps as
// a stream of another kind, cost the other streams of a connection nothing. With ReplayAll
// a client is told even if the new stream has no document yet: the last ones of the old
// stream may be missing.
func TestReplayAfterOneStreamIsAnother(t *testing.T) {
	pattern, err := hub.NewKeyPattern("[0-9]+")
	if err != nil {
		t.Fatal(err)
	}
	for _, replay := range []hub.Replay{hub.ReplayAll, hub.ReplayAuto} {
		for _, published := range []bool{false, true} {
			h, _ := runHub(t, hub.Options{Streams: []hub.StreamOptions{{Name: "same"}, {Name: "other", Replay: replay}}})
			at := publish(t, h, "other", `"old"`).LastEventID()
			publish(t, h, "same", "1")
			publish(t, h, "other", `"missed"`)
			publish(t, h, "same", "2")
			for _, streams := range [][]hub.StreamOptions{
				{{Name: "same"}, {Name: "other", Keys: &hub.KeyOptions{Match: pattern}}},
				{{Name: "same"}, {Name: "other", Replay: replay}},
			} {
				if err := h.SetStreams(streams); err != nil {
					t.Fatal(err)
				}
			}
			want := []string{"1", "2"}
			if published {
				publish(t, h, "other", `"new"`)
				want = append(want, `"new"`)
			}
			if published || replay == hub.ReplayAll {
				want = append([]string{`{"reason":"evicted","stream":"other"}`}, want...)
			}
			s := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"other", "same"}, LastEventID: at})
			if diff := cmp.Diff(want, texts(s.Replay())); diff != "" {
				t.Errorf("%v, published %v: %s", replay, published, diff)
			}
		}
	}
}

// Documents from before a gap in the log are lost to nobody who joins after it: a replay
// of several portions does not begin anew with each portion, for ever.
func TestPortionsAfterAGap(t *testing.T) {
	for _, test := range []struct {
		name    string
		streams string
		asked   hub.SubscribeOptions
		want    []string
	}{
		{"one", "a", hub.SubscribeOptions{}, []string{"a", "status"}},
		{"several", "a b", hub.SubscribeOptions{}, []string{"a", "b", "status"}},
		{"several, the newest", "a b", hub.SubscribeOptions{Replay: hub.ReplayLatest}, []string{"a", "b", "status"}},
		{"an ID before", "a b", hub.SubscribeOptions{LastEventID: hub.ParseLastEventID("one-0")}, []string{"evicted a", "evicted b", "a", "b", "status"}},
		{"an ID before, and fresh", "a b", hub.SubscribeOptions{LastEventID: hub.ParseLastEventID("one-0"), Fresh: []string{"a"}}, []string{"evicted b", "a", "b", "status"}},
		{"an ID before, alone", "a", hub.SubscribeOptions{LastEventID: hub.ParseLastEventID("one-0")}, []string{"evicted ", "a", "status"}},
		{"the ID between", "a b", hub.SubscribeOptions{LastEventID: hub.ParseLastEventID("one-1")}, []string{"evicted a", "evicted b", "b", "status"}},
		{"the ID between, the newest", "a b", hub.SubscribeOptions{LastEventID: hub.ParseLastEventID("one-1"), Replay: hub.ReplayLatest}, []string{"evicted b", "b", "status"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			log := hubtest.NewScript("one")
			h, _ := runHub(t, hub.Options{Log: log, Streams: hub.Named("a", "b", "c")})
			for _, name := range []string{"a", "b"} {
				publish(t, h, name, `"`+strings.Repeat(name, 1<<20-2)+`"`) // a portion of its own
			}
			log.Lose(3)
			publish(t, h, "c", "1")
			if _, err := h.Publish(t.Context(), hub.Message{Stream: "a", Status: &hub.Status{State: hub.Stale}}); err != nil {
				t.Fatal(err)
			}
			test.asked.Streams = strings.Fields(test.streams)
			s := subscribe(t, h, test.asked)
			var got []string
			for range 10 {
				for _, e := range s.Replay() {
					switch e.Kind() {
					case hub.KindData:
						got = append(got, e.Stream())
					case hub.KindStatus:
						got = append(got, "status")
					case hub.KindReset:
						got = append(got, "evicted "+e.Stream())
					}
				}
				if s.Err() == nil {
					break
				}
				var err error
				if s, err = s.Resume(); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A stream that has begun has not nothing again because documents of it were left out:
// what is left out of a later portion is told as well.
func TestEachPortionTellsWhatItLeavesOut(t *testing.T) {
	h, _ := runHub(t, hub.Options{MaxData: 2 << 20, Streams: []hub.StreamOptions{
		{Name: "state", Replay: hub.ReplayLatest}, {Name: "all", History: 1000},
	}})
	publish(t, h, "state", "1")
	publish(t, h, "all", `"`+strings.Repeat("x", 1<<20)+`"`) // a portion of its own
	s := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"state", "all"}})
	got := texts(s.Replay())
	for range 300 {
		publish(t, h, "all", "0")
	}
	for _, data := range []string{"2", "3", "4", "5"} {
		publish(t, h, "state", data)
		if data == "2" {
			continue // two documents before the next portion
		}
		var err error
		if s, err = s.Resume(); err != nil {
			t.Fatal(err)
		}
		got = append(got, texts(s.Replay())...)
	}
	got = slices.DeleteFunc(got, func(text string) bool { return text == "0" || len(text) > 100 })
	if diff := cmp.Diff([]string{"1", `{"reason":"skipped","skipped":1,"stream":"state"}`, `{"reason":"skipped","skipped":1,"stream":"state"}`, `{"reason":"skipped","skipped":1,"stream":"state"}`, "5"}, got); diff != "" {
		t.Error(diff)
	}
	if skipped := h.Stats().Streams[1].Skipped; skipped != 3 {
		t.Errorf("%d skipped", skipped)
	}
}

// History is what Since asks for.
func TestSinceIsNotSkipped(t *testing.T) {
	h, _ := runHub(t, hub.Options{Streams: []hub.StreamOptions{{Name: hub.DefaultStream, Replay: hub.ReplayLatest}}})
	var want []string
	for i := range 300 { // more than one portion
		want = append(want, strconv.Itoa(i))
		publish(t, h, "", strconv.Itoa(i))
	}
	e, err := h.Latest(hub.DefaultStream)
	if err != nil {
		t.Fatal(err)
	}
	s := subscribe(t, h, hub.SubscribeOptions{Since: e.Time().AddDate(0, 0, -1)})
	got := texts(s.Replay())
	if s.Conflates() {
		t.Error("a replay of history conflates")
	}
	if s, err = s.Resume(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, append(got, texts(s.Replay())...)); diff != "" {
		t.Error(diff)
	}
}

// A reload changes what is left out at once.
func TestReplayAfterSetStreams(t *testing.T) {
	h, _ := runHub(t, hub.Options{})
	at := publish(t, h, "", "0")
	publish(t, h, "", "1")
	publish(t, h, "", "2")
	for _, test := range []struct {
		replay hub.Replay
		want   int
	}{{hub.ReplayLatest, 2}, {hub.ReplayDefault, 2}, {hub.ReplayAuto, 2}, {hub.ReplayLatest, 2}} {
		if err := h.SetStreams([]hub.StreamOptions{{Name: hub.DefaultStream, Replay: test.replay}}); err != nil {
			t.Fatal(err)
		}
		s := subscribe(t, h, hub.SubscribeOptions{LastEventID: hub.ParseLastEventID(at.String())})
		replay := s.Replay()
		if first := replay[0].Kind() == hub.KindReset; len(replay) != test.want || first != (test.replay == hub.ReplayLatest) || s.Conflates() != (test.replay > hub.ReplayAll) {
			t.Errorf("%v: replay of %q, conflates %v", test.replay, texts(replay), s.Conflates())
		}
	}
}

// Newest keeps, of what a client has not handled, the newest document of each stream
// whose documents may be left out, and everything else.
func TestNewest(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h, _ := runHub(t, hub.Options{Buffer: 64, Streams: []hub.StreamOptions{
			{Name: "a", Replay: hub.ReplayAuto}, {Name: "b", Replay: hub.ReplayLatest}, {Name: "c"},
		}})
		asked := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3, rapid.ID).Draw(rt, "asked")
		s := subscribe(t, h, hub.SubscribeOptions{Streams: asked})
		for i := range rapid.IntRange(0, 20).Draw(rt, "events") {
			name := rapid.SampledFrom(asked).Draw(rt, "stream")
			m := hub.Message{Stream: name, Data: []byte(strconv.Itoa(i))}
			if rapid.IntRange(0, 4).Draw(rt, "kind") == 0 {
				m = hub.Message{Stream: name, Status: &hub.Status{State: hub.Stale}}
			}
			if _, err := h.Publish(t.Context(), m); err != nil {
				rt.Fatal(err)
			}
		}
		var events []*hub.Event
		for len(s.Events()) > 0 {
			events = append(events, <-s.Events())
		}
		last, count := map[string]*hub.Event{}, map[string]uint64{}
		for _, e := range events {
			if e.Kind() == hub.KindData && e.Stream() != "c" {
				last[e.Stream()] = e
				count[e.Stream()]++
			}
		}
		var want []string
		for _, e := range events {
			switch l := last[e.Stream()]; {
			case e.Kind() != hub.KindData || l == nil:
				want = append(want, string(e.Data()))
			case l == e:
				if n := count[e.Stream()] - 1; n > 0 {
					named := ""
					if len(asked) > 1 {
						named = fmt.Sprintf(`,"stream":"%s"`, e.Stream())
					}
					want = append(want, fmt.Sprintf(`{"reason":"skipped","skipped":%d%s}`, n, named))
				}
				want = append(want, string(e.Data()))
			}
		}
		once, _ := s.Newest(events)
		if got := texts(once); !slices.Equal(got, want) {
			rt.Fatalf("of %q\n got %q\nwant %q", texts(events), got, want)
		}
		// What was left out before adds up.
		if again, _ := s.Newest(slices.Clone(once)); !slices.Equal(texts(again), want) {
			rt.Fatalf("again, of %q: got %q", want, texts(again))
		}
		for _, one := range h.Stats().Streams {
			if n := count[one.Name]; n > 0 && one.Skipped != n-1 {
				rt.Fatalf("%d documents of %s were skipped, want %d", one.Skipped, one.Name, n-1)
			}
		}
	})
}

// What stands before a reset that concerns all streams is told by it, and not counted.
func TestNewestAcrossAReset(t *testing.T) {
	h, _ := runHub(t, hub.Options{Streams: []hub.StreamOptions{{Name: hub.DefaultStream, Replay: hub.ReplayLatest}}})
	publish(t, h, "", "1")
	events := subscribe(t, h, hub.SubscribeOptions{}).Replay()
	s := subscribe(t, h, hub.SubscribeOptions{LastEventID: hub.ParseLastEventID("nonsense")})
	events = append(events, s.Replay()...)
	publish(t, h, "", "2")
	list, size := s.Newest(append(events, <-s.Events()))
	if diff := cmp.Diff([]string{`{"reason": "invalid"}`, `{"reason":"skipped","skipped":1}`, "2"}, texts(list)); diff != "" {
		t.Error(diff)
	}
	if skipped := h.Stats().Streams[0].Skipped; skipped != 1 || size != 0 {
		t.Errorf("%d skipped, %d bytes stay", skipped, size)
	}
}
