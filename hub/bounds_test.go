package hub_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// Each of these tests fails if a bound is a hundred times as large, or is not kept.
// They use the exported API only.

func TestDefaultBounds(t *testing.T) {
	for name, bound := range map[string][2]int{
		"History":           {hub.DefaultHistory, 1000},
		"HistoryBytes":      {hub.DefaultHistoryBytes, 16 << 20},
		"TotalHistoryBytes": {hub.DefaultTotalHistoryBytes, 256 << 20},
		"Buffer":            {hub.DefaultBuffer, 14},
		"MaxData":           {hub.DefaultMaxData, 1 << 20},
		"MaxBuffer":         {hub.MaxBuffer, 1 << 16},
		"KeyOptions.Max":    {hub.DefaultMaxKeys, 10_000},
		"Idle":              {int(hub.DefaultKeyIdle), int(time.Minute)},
		"IdleBytes":         {hub.DefaultIdleBytes, 16 << 20},
	} {
		if bound[0] != bound[1] {
			t.Errorf("%s is %d, the documentation says %d", name, bound[0], bound[1])
		}
	}
	h, _ := runHub(t, hub.Options{})
	for i := range hub.DefaultHistory + 1 {
		publish(t, h, "", fmt.Sprint(i))
	}
	if stats := h.Stats().Streams[0]; stats.HistoryLen != hub.DefaultHistory {
		t.Errorf("%d events are kept", stats.HistoryLen)
	}
	big := strings.Repeat("x", hub.DefaultMaxData)
	for range hub.DefaultHistoryBytes/hub.DefaultMaxData + 1 {
		publish(t, h, "", big)
	}
	if stats := h.Stats().Streams[0]; stats.HistoryBytes > hub.DefaultHistoryBytes || stats.HistoryBytes < hub.DefaultHistoryBytes-2*hub.DefaultMaxData {
		t.Errorf("events of %d bytes are kept", stats.HistoryBytes)
	}
	if _, err := h.Publish(t.Context(), hub.Message{Data: []byte(big + "x")}); !errors.Is(err, hub.ErrTooLarge) {
		t.Errorf("too large a document: %v", err)
	}
}

func TestHistoryIsBoundedByBytes(t *testing.T) {
	h, _ := runHub(t, hub.Options{HistoryBytes: 2000})
	first := publish(t, h, "", strings.Repeat("x", 300))
	for range 3 {
		publish(t, h, "", strings.Repeat("x", 300))
	}
	stats := h.Stats().Streams[0]
	if stats.HistoryLen != 2 || stats.HistoryBytes > 2000 || stats.HistoryBytes < 600 {
		t.Errorf("history holds %+v", stats)
	}
	publish(t, h, "", strings.Repeat("y", 5000))
	if stats := h.Stats().Streams[0]; stats.HistoryLen != 1 {
		t.Errorf("history holds %+v", stats)
	}
	// The newest event stays, and a subscriber that resumes before it gets a reset.
	s := subscribe(t, h, hub.SubscribeOptions{LastEventID: first.LastEventID()})
	defer s.Close()
	if got := texts(s.Replay()); len(got) != 2 || got[0] != `{"reason": "evicted"}` || got[1][0] != 'y' {
		t.Errorf("replay %.60q", got)
	}
}

// The overhead of events counts: many small events do not take several times the limit.
func TestSmallDocumentsCountWhatTheyTake(t *testing.T) {
	h, _ := runHub(t, hub.Options{TotalHistoryBytes: 100_000})
	for i := range 1000 {
		publish(t, h, "", fmt.Sprint(i%10))
	}
	if n := h.Stats().Streams[0].HistoryLen; n > 100_000/300 {
		t.Errorf("%d events are kept in 100 kB, each of which takes several hundred bytes", n)
	}
}

// All streams together are bounded. The stream that keeps most evicts first, and the
// newest event of each stream stays.
func TestTotalHistoryIsBounded(t *testing.T) {
	const total = 100_000
	var names []string
	for i := range 50 {
		names = append(names, fmt.Sprint("s", i))
	}
	h, _ := runHub(t, hub.Options{Streams: hub.Named(append(names, "quiet")...), TotalHistoryBytes: total})
	for range 3 {
		publish(t, h, "quiet", "1")
	}
	document := strings.Repeat("x", 1000)
	for i := range 500 {
		publish(t, h, names[i%len(names)], document)
		if held := h.Stats().HistoryBytes; held > total {
			t.Fatalf("after %d documents %d bytes are kept, want at most %d", i, held, total)
		}
	}
	sum := 0
	for _, s := range h.Stats().Streams {
		sum += s.HistoryBytes
		if s.HistoryLen == 0 {
			t.Errorf("%s has lost its newest document", s.Name)
		}
		if s.Name == "quiet" && s.HistoryLen != 3 {
			t.Errorf("the quiet stream keeps %d documents, for which others keep more than it", s.HistoryLen)
		}
	}
	if held := h.Stats().HistoryBytes; held != sum || held < total-2*len(document) {
		t.Errorf("%d bytes are kept, the streams say %d", held, sum)
	}
	// If the newest documents alone exceed the bound, only they stay.
	small, _ := runHub(t, hub.Options{Streams: hub.Named(names...), TotalHistoryBytes: 1})
	for i := range 2 * len(names) {
		publish(t, small, names[i%len(names)], document)
	}
	for _, s := range small.Stats().Streams {
		if s.HistoryLen != 1 {
			t.Errorf("%s keeps %d documents, want the newest", s.Name, s.HistoryLen)
		}
	}
}

// A stream can have its own bounds, which can change while the hub runs.
func TestBoundsOfAStream(t *testing.T) {
	kept := func(h *hub.Hub) (text string) {
		for _, s := range h.Stats().Streams {
			text += fmt.Sprintf("%s %d ", s.Name, s.HistoryLen)
		}
		return text
	}
	h, _ := runHub(t, hub.Options{
		History: 300,
		Streams: []hub.StreamOptions{{Name: "default"}, {Name: "events", History: 700}, {Name: "size", HistoryBytes: 3000}},
	})
	publishAll := func() {
		for range 1000 {
			for _, name := range []string{"default", "events", "size"} {
				publish(t, h, name, "1")
			}
		}
	}
	publishAll()
	if got, want := kept(h), "default 300 events 700 size 5 "; got != want {
		t.Errorf("kept: %s, want %s", got, want)
	}
	s := subscribe(t, h, hub.SubscribeOptions{Streams: []string{"events"}})
	defer s.Close()
	if err := h.SetStreams([]hub.StreamOptions{{Name: "default", History: 500}, {Name: "events", History: 10}, {Name: "size"}}); err != nil {
		t.Fatal(err)
	}
	if got, want := kept(h), "default 300 events 10 size 5 "; got != want {
		t.Errorf("kept once the bounds have changed: %s, want %s", got, want)
	}
	publish(t, h, "events", "2")
	if e := <-s.Events(); string(e.Data()) != "2" {
		t.Errorf("the subscriber was disturbed: %s, %v", e.Data(), s.Err())
	}
	publishAll()
	if got, want := kept(h), "default 500 events 10 size 300 "; got != want {
		t.Errorf("kept at last: %s, want %s", got, want)
	}
}

func TestStreamsOfASubscriptionAreBounded(t *testing.T) {
	var names []string
	for i := range 101 {
		names = append(names, fmt.Sprint("s", i))
	}
	h, _ := runHub(t, hub.Options{Streams: hub.Named(names...)})
	s := subscribe(t, h, hub.SubscribeOptions{Streams: names[:100]})
	defer s.Close()
	if n := len(s.Streams()); n != 100 {
		t.Errorf("%d streams of 100", n)
	}
	if _, err := h.Subscribe(t.Context(), hub.SubscribeOptions{Streams: names}); !errors.Is(err, hub.ErrTooManyStreams) {
		t.Errorf("101 streams: %v", err)
	}
}

// The channel holds Buffer events, and one more ends the subscription.
func TestBufferIsBounded(t *testing.T) {
	for _, buffer := range []int{0, 3} {
		h, _ := runHub(t, hub.Options{Buffer: buffer})
		s := subscribe(t, h, hub.SubscribeOptions{})
		defer s.Close()
		room := buffer
		if room == 0 {
			room = hub.DefaultBuffer
		}
		for range room + 2 {
			publish(t, h, "", "1")
		}
		awaitEnd(t, s)
		if n := len(untilEnd(t, s)); n != room || !errors.Is(s.Err(), hub.ErrSlow) {
			t.Errorf("the channel had room for %d events, want %d; %v", n, room, s.Err())
		}
	}
}

// The channel holds 4 MiB of large events, or one event, whatever its size.
func TestChannelsAreBoundedInBytes(t *testing.T) {
	for size, room := range map[int]int{1000: hub.DefaultBuffer, 250_000: hub.DefaultBuffer, 300_000: 13, 1_000_000: 4, 5_000_000: 1} {
		h, _ := runHub(t, hub.Options{MaxData: size})
		s := subscribe(t, h, hub.SubscribeOptions{})
		defer s.Close()
		for range room + 1 {
			publish(t, h, "", strings.Repeat("1", size))
		}
		awaitEnd(t, s)
		if n := len(untilEnd(t, s)); n != room || !errors.Is(s.Err(), hub.ErrSlow) {
			t.Errorf("the channel had room for %d events of %d bytes, want %d; %v", n, size, room, s.Err())
		}
	}
}

// A replay has at most 256 events and 1 MiB, or one larger event.
func TestReplaysAreBounded(t *testing.T) {
	const streams, each = 20, 30
	var names []string
	for i := range streams {
		names = append(names, fmt.Sprint("s", i))
	}
	for name, size := range map[string]int{"small": 1, "large": 30_000, "as large as may be": hub.DefaultMaxData} {
		h, _ := runHub(t, hub.Options{Streams: hub.Named(names...)})
		count := each
		if size == hub.DefaultMaxData {
			count = 1
		}
		document := strings.Repeat("x", size)
		for range count {
			for _, name := range names {
				publish(t, h, name, document)
			}
		}
		before, _ := hub.NewID(h.Stats().Epoch, 0)
		for way, opts := range map[string]hub.SubscribeOptions{
			"all":    {LastEventID: before.LastEventID()},
			"newest": {},
			"since":  {Since: h.Stats().Streams[0].LastEventTime.Add(-1e12)},
		} {
			opts.Streams = names
			want := streams * count
			if way == "newest" {
				want = streams
			}
			s := subscribe(t, h, opts)
			var last hub.ID
			for want > 0 {
				events, bytes := 0, 0
				for _, e := range s.Replay() {
					if e.Kind() != hub.KindData || e.ID().Seq() <= last.Seq() {
						t.Fatalf("%s, %s: after %v came %v, %s", name, way, last, e.ID(), e.Data())
					}
					events, bytes, last = events+1, bytes+len(e.Frame()), e.ID()
				}
				want -= events
				if events == 0 || events > 256 || bytes > 1<<20 && events > 1 {
					t.Fatalf("%s, %s: a replay of %d events, %d bytes", name, way, events, bytes)
				}
				if cut := errors.Is(s.Err(), hub.ErrSlow); cut != (want > 0) || cut != s.Position().IsZero() {
					t.Fatalf("%s, %s: %d events are left, %v, %v", name, way, want, s.Err(), s.Position())
				}
				if want > 0 {
					next, err := s.Resume()
					if err != nil {
						t.Fatal(err)
					}
					s = next
				}
			}
			if s.Position() != h.Position() {
				t.Errorf("%s, %s: the end is %v, want %v", name, way, s.Position(), h.Position())
			}
			s.Close()
		}
	}
}

// The log is bounded by bytes as well as by events, and a Tail that takes its events
// makes room.
func TestMemoryLogWaitsForRoom(t *testing.T) {
	for name, test := range map[string]struct{ size, count int }{"bytes": {4 << 20, 4}, "events": {1, 1024}} {
		synctest.Test(t, func(t *testing.T) {
			log := hub.NewMemoryLog()
			ctx, stop := context.WithCancel(t.Context())
			hold, ended := make(chan struct{}), make(chan error)
			go func() {
				ended <- log.Tail(ctx, func(hub.Batch) error { <-hold; return nil })
			}()
			synctest.Wait()

			m := hub.Message{Data: bytes.Repeat([]byte("x"), test.size)}
			for i := range test.count {
				if _, err := log.Append(ctx, m); err != nil {
					t.Fatalf("%s: append %d: %v", name, i, err)
				}
			}
			waiting := make(chan error)
			go func() {
				_, err := log.Append(ctx, m)
				waiting <- err
			}()
			synctest.Wait()
			select {
			case err := <-waiting:
				t.Fatalf("%s: append over the bound returned %v before there was room", name, err)
			default:
			}
			close(hold)
			if err := <-waiting; err != nil {
				t.Fatalf("%s: append after there was room: %v", name, err)
			}
			stop()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		})
	}
}

// A Tail gets few events at a time, however many there are.
func TestBatchesAreBounded(t *testing.T) {
	const events = 1000
	log := hub.NewMemoryLog()
	for range events {
		if _, err := log.Append(t.Context(), hub.Message{Data: []byte("1")}); err != nil {
			t.Fatal(err)
		}
	}
	came, all := 0, errors.New("that was all")
	err := log.Tail(t.Context(), func(b hub.Batch) error {
		if len(b.Events) > 256 {
			t.Errorf("a batch of %d events", len(b.Events))
		}
		if came += len(b.Events); came == events {
			return all
		}
		return nil
	})
	if !errors.Is(err, all) {
		t.Error(err)
	}
}
