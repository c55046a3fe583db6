package hubtest

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// Holes is a log that lacks events, for [TestHoles].
type Holes struct {
	// Options are those of a hub on the log, which is empty. Its streams are "default" and "b",
	// and the log keeps at least the ten newest documents of each.
	Options hub.Options

	// Trim returns when the log has removed old documents of b, of which there are many, by
	// itself. It is nil for a log that does not trim each stream by itself.
	Trim func(t *testing.T)

	// Lose makes the log lose a document of b. It may lose others, but neither of default nor
	// the newest one of b unless it trims everything together.
	Lose func(t *testing.T, id hub.ID)
}

// TestHoles checks what clients are told of events that a log no longer has: a hole that was
// made by trimming is no loss for anybody but those who have not had the documents in it, and
// a client that lacks a document that was lost is told so. Each law gets a new log.
func TestHoles(t *testing.T, newHoles func(t *testing.T) Holes) {
	if newHoles(t).Trim != nil {
		t.Run("a hole from trimming is no jump", func(t *testing.T) { testTrimmed(t, newHoles(t)) })
	}
	t.Run("a lost event is told", func(t *testing.T) { testLost(t, newHoles(t)) })
}

func testTrimmed(t *testing.T, holes Holes) {
	h := runHub(t, holes.Options)
	s, err := h.Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{hub.DefaultStream}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	quiet := publish(t, h, hub.DefaultStream, "0")
	first := publish(t, h, "b", "0")
	var last hub.ID
	for i := range 200 {
		last = publish(t, h, "b", strconv.Itoa(i+1))
	}
	holes.Trim(t)
	after := publish(t, h, hub.DefaultStream, "1")
	for _, want := range []hub.ID{quiet, after} { // through the trimming
		select {
		case e := <-s.Events():
			if e == nil || e.ID() != want {
				t.Fatalf("a client of the quiet stream gets %v, want %v: %v", e, want, s.Err())
			}
		case <-time.After(patience):
			t.Fatalf("a client of the quiet stream does not get %v", want)
		}
	}
	again := follow(t, h, holes.Options)
	for what, test := range map[string]struct {
		stream string
		after  hub.ID
		want   int // documents without a reset; -1 for a reset
	}{
		"a client of the quiet stream":            {hub.DefaultStream, quiet, 1},
		"a client that has lost documents":        {"b", first, -1},
		"a client that has the newest document":   {"b", last, 0},
		"one that has seen the quiet stream last": {"b", after, 0},
	} {
		if documents, reset := resume(t, again, test.stream, test.after); reset != (test.want < 0) || !reset && documents != test.want {
			t.Errorf("%s gets %d documents, reset %v", what, documents, reset)
		}
	}
}

func testLost(t *testing.T, holes Holes) {
	h := runHub(t, holes.Options)
	publish(t, h, hub.DefaultStream, "0")
	before := publish(t, h, "b", "0")
	lost := publish(t, h, "b", "1")
	publish(t, h, "b", "2")
	holes.Lose(t, lost)
	after := publish(t, h, "b", "3")
	newest := publish(t, h, "b", "4")
	again := follow(t, h, holes.Options)
	if documents, reset := resume(t, again, "b", before); !reset {
		t.Errorf("a client that lacks a document gets %d documents and no reset", documents)
	}
	for behind, id := range []hub.ID{newest, after} {
		if documents, reset := resume(t, again, "b", id); reset || documents != behind {
			t.Errorf("a client that lacks nothing but %d documents gets %d, reset %v", behind, documents, reset)
		}
	}
}

// runHub runs a hub until the test ends, and returns when it has read its log.
func runHub(t *testing.T, opts hub.Options) *hub.Hub {
	t.Helper()
	opts.Streams = hub.Named(hub.DefaultStream, "b")
	h, err := hub.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := h.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	select {
	case <-h.Recovered():
	case <-time.After(patience):
		t.Fatal("the hub has not read its log")
	}
	return h
}

// follow runs a second hub on the log of another one, and returns when it has what that has.
func follow(t *testing.T, h *hub.Hub, opts hub.Options) *hub.Hub {
	t.Helper()
	again := runHub(t, opts)
	isEqual := func() bool {
		want, err := h.Latest("b")
		if err != nil {
			t.Fatal(err)
		}
		got, err := again.Latest("b")
		if err != nil {
			t.Fatal(err)
		}
		return got != nil && want != nil && got.ID() == want.ID() && again.Position() == h.Position()
	}
	for began := time.Now(); !isEqual(); time.Sleep(time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatalf("a second hub is at %v, the first at %v", again.Position(), h.Position())
		}
	}
	return again
}

func publish(t *testing.T, h *hub.Hub, stream, document string) hub.ID {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	id, err := h.Publish(ctx, hub.Message{Stream: stream, Data: []byte(document)})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// resume returns how many documents a client gets that comes back, and whether it gets a reset.
func resume(t *testing.T, h *hub.Hub, stream string, after hub.ID) (documents int, reset bool) {
	t.Helper()
	s, err := h.Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{stream}, LastEventID: after.LastEventID()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, e := range s.Replay() {
		switch e.Kind() {
		case hub.KindReset:
			reset = true
		case hub.KindData:
			documents++
		case hub.KindStatus: // says nothing of documents
		}
	}
	return documents, reset
}
