package hubtest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// patience bounds the waits of the tests. It says nothing about speed.
const patience = 30 * time.Second

// TestLog checks that a log keeps the promises of [hub.Log]. Each law gets a new, empty
// log from newLog, which cleans up with t.Cleanup.
func TestLog(t *testing.T, newLog func(t *testing.T) hub.Log) {
	for _, law := range []struct {
		name string
		test func(t *testing.T, log hub.Log)
	}{
		{"IDs rise within an epoch", testRise},
		{"tail tells the epoch at once", testEpoch},
		{"tail tells what comes before what is kept", testAfter},
		{"tail emits what was appended, in order", testTailOrder},
		{"tail begins with what is kept", testTailKept},
		{"two tails see the same", testTwoTails},
		{"concurrent appends lose nothing", testConcurrent},
		{"invalid messages are refused and leave no trace", testInvalid},
		{"tail ends with its context", testTailContext},
		{"tail ends with emit's error", testTailError},
		{"append obeys its context", testAppendContext},
		{"nothing is dropped while a tail lags", testLag},
	} {
		t.Run(law.name, func(t *testing.T) { law.test(t, newLog(t)) })
	}
}

// TestShared checks what a log promises to several publishers of one stream: a publisher
// that does not know the newest message is refused. Each law gets a new, empty log from newLog.
func TestShared(t *testing.T, newLog func(t *testing.T) hub.Log) {
	status := &hub.Status{State: hub.Down}
	for _, test := range []struct {
		name    string
		between []hub.Message // what others append behind the position
		message hub.Message   // without a position
		refused bool
	}{
		{"nothing is newer", nil, message(1), false},
		{"a document is newer", []hub.Message{message(2)}, message(1), true},
		{"a document of another stream is newer", []hub.Message{{Stream: "other", Data: []byte("2")}}, message(1), false},
		{"a status is newer", []hub.Message{{Status: status}}, message(1), false},
		{"a status is newer than a status", []hub.Message{{Status: status}}, hub.Message{Status: status}, true},
		{"a document is newer than a status", []hub.Message{message(2)}, hub.Message{Status: status}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			log := newLog(t)
			test.message.Seen = mustAppend(t, log, message(0))
			for _, m := range test.between {
				mustAppend(t, log, m)
			}
			_, err := log.Append(t.Context(), test.message)
			if refused := errors.Is(err, hub.ErrSuperseded); refused != test.refused || !refused && err != nil {
				t.Fatalf("append: %v, want refused: %t", err, test.refused)
			}
			want := 1 + len(test.between)
			if !test.refused {
				want++
			}
			if events := startTail(t, log).take(t, want); len(events) != want {
				t.Fatalf("%d events", len(events))
			}
			test.message.Seen = mustAppend(t, log, message(3))
			if _, err := log.Append(t.Context(), test.message); err != nil {
				t.Errorf("append of somebody who has read everything: %v", err)
			}
		})
	}
	t.Run("another epoch", func(t *testing.T) {
		log := newLog(t)
		mustAppend(t, log, message(0))
		m := message(1)
		var err error
		if m.Seen, err = hub.NewID("another", 99); err != nil {
			t.Fatal(err)
		}
		if _, err := log.Append(t.Context(), m); !errors.Is(err, hub.ErrSuperseded) {
			t.Errorf("append: %v, want ErrSuperseded", err)
		}
	})
}

func testRise(t *testing.T, log hub.Log) {
	var last hub.ID
	for i := range 20 {
		id := mustAppend(t, log, message(i))
		if id.Seq() == 0 || i > 0 && (id.Epoch() != last.Epoch() || id.Seq() <= last.Seq()) {
			t.Fatalf("append %d: ID %v after %v", i, id, last)
		}
		if again, err := hub.ParseID(id.String()); err != nil || again != id {
			t.Fatalf("ID %v does not survive its text: %v, %v", id, again, err)
		}
		last = id
	}
}

func testEpoch(t *testing.T, log hub.Log) {
	position := startTail(t, log).begins(t)
	if position.IsZero() {
		t.Error("the first batch has no position")
	}
	if id := mustAppend(t, log, message(0)); id.Epoch() != position.Epoch() || id.Seq() <= position.Seq() {
		t.Errorf("the log stood at %v, and the first event got %v", position, id)
	}
}

func testAfter(t *testing.T, log hub.Log) {
	first := mustAppend(t, log, message(0))
	mustAppend(t, log, message(1))
	tail := startTail(t, log)
	if begin := tail.begins(t); begin.Epoch() != first.Epoch() || begin.Seq() >= first.Seq() {
		t.Errorf("what is kept begins behind %v, and the first event is %v", begin, first)
	}
	expect(t, tail, 0, 2)
}

func testTailOrder(t *testing.T, log hub.Log) {
	tail := startTail(t, log)
	status := hub.Message{Stream: "b", Status: &hub.Status{State: hub.Stale, Error: "timeout"}}
	want := []hub.Message{message(0), status, message(1), {Stream: "b", Data: []byte(`"x"`)}}
	var ids []hub.ID
	for _, m := range want {
		ids = append(ids, mustAppend(t, log, m))
	}
	for i, e := range tail.take(t, len(want)) {
		if e.ID() != ids[i] {
			t.Errorf("event %d has ID %v, Append returned %v", i, e.ID(), ids[i])
		}
		switch m := want[i]; {
		case m.Status != nil:
			if e.Kind() != hub.KindStatus || e.Stream() != "b" {
				t.Errorf("event %d is %v of %q, want a status of b", i, e.Kind(), e.Stream())
			}
		case string(e.Data()) != string(m.Data):
			t.Errorf("event %d is %s, want %s", i, e.Data(), m.Data)
		}
		if e.Time().IsZero() {
			t.Errorf("event %d has no time", i)
		}
	}
}

func testTailKept(t *testing.T, log hub.Log) {
	for i := range 10 {
		mustAppend(t, log, message(i))
	}
	tail := startTail(t, log)
	expect(t, tail, 0, 10)
	mustAppend(t, log, message(10))
	expect(t, tail, 10, 11)
}

func testTwoTails(t *testing.T, log hub.Log) {
	first, second := startTail(t, log), startTail(t, log)
	for i := range 50 {
		mustAppend(t, log, message(i))
	}
	a, b := first.take(t, 50), second.take(t, 50)
	for i := range a {
		if a[i].ID() != b[i].ID() || string(a[i].Data()) != string(b[i].Data()) {
			t.Fatalf("event %d differs: %v and %v", i, a[i].ID(), b[i].ID())
		}
	}
}

func testConcurrent(t *testing.T, log hub.Log) {
	const writers, each = 8, 50
	tail := startTail(t, log)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				m := hub.Message{Data: fmt.Appendf(nil, "[%d,%d]", w, i)}
				if _, err := log.Append(t.Context(), m); err != nil {
					t.Errorf("append: %v", err)
				}
			}
		})
	}
	var next [writers]int
	for i, e := range tail.take(t, writers*each) {
		var w, n int
		if _, err := fmt.Sscanf(string(e.Data()), "[%d,%d]", &w, &n); err != nil {
			t.Fatal(err)
		}
		if n != next[w] {
			t.Fatalf("event %d is number %d of writer %d, want %d", i, n, w, next[w])
		}
		next[w]++
	}
	group.Wait()
}

func testInvalid(t *testing.T, log hub.Log) {
	mustAppend(t, log, message(0))
	for _, m := range []hub.Message{
		{},
		{Data: []byte("\xff")},
		{Stream: "a b", Data: []byte("1")},
		{Stream: "status", Data: []byte("1")},
		{Status: &hub.Status{State: "odd"}},
		{Status: &hub.Status{State: hub.Live}, Data: []byte("1")},
		{Status: &hub.Status{State: hub.Down, Error: "dial tcp: no"}},
	} {
		_, err := log.Append(t.Context(), m)
		if !errors.Is(err, hub.ErrInvalidMessage) && !errors.Is(err, hub.ErrInvalidStream) {
			t.Errorf("append of %+v: %v, want a refusal", m, err)
		}
	}
	mustAppend(t, log, message(1))
	expect(t, startTail(t, log), 0, 2)
}

func testTailContext(t *testing.T, log hub.Log) {
	tail := startTail(t, log)
	mustAppend(t, log, message(0))
	expect(t, tail, 0, 1)
	tail.stop()
	if err := tail.wait(t); !errors.Is(err, context.Canceled) {
		t.Fatalf("tail returned %v, want context.Canceled", err)
	}
	mustAppend(t, log, message(1)) // a Tail that has ended blocks no Append
}

func testTailError(t *testing.T, log hub.Log) {
	enough := errors.New("enough")
	mustAppend(t, log, message(0))
	err := log.Tail(t.Context(), func(hub.Batch) error { return enough })
	if !errors.Is(err, enough) {
		t.Fatalf("tail returned %v, want emit's error", err)
	}
}

func testAppendContext(t *testing.T, log hub.Log) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := log.Append(ctx, message(0)); !errors.Is(err, context.Canceled) {
		t.Fatalf("append returned %v, want context.Canceled", err)
	}
}

// testLag stops a Tail within a batch while it appends more events than any buffer
// should hold, and expects that no event is lost.
func testLag(t *testing.T, log hub.Log) {
	const limit = 3000 // more than any log should buffer for one tail
	tail := startTail(t, log)
	tail.begins(t)
	tail.hold.Lock()
	release := sync.OnceFunc(tail.hold.Unlock)
	defer release()
	var ids []hub.ID
	for i := range limit {
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		id, err := log.Append(short, message(i))
		cancel()
		if err != nil {
			break // the log is full, and waits instead of dropping events
		}
		ids = append(ids, id)
	}
	release()
	for i := range limit {
		ids = append(ids, mustAppend(t, log, message(i)))
	}
	for next, others := 0, 0; next < len(ids); {
		switch e := tail.take(t, 1)[0]; {
		case e.ID() == ids[next]:
			next++
		case others == 0:
			others++ // the event of the Append that timed out may have been stored
		default:
			t.Fatalf("event %d is %v, want %v", next, e.ID(), ids[next])
		}
	}
}

func message(i int) hub.Message { return hub.Message{Data: []byte(strconv.Itoa(i))} }

func mustAppend(t *testing.T, log hub.Log, m hub.Message) hub.ID {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	id, err := log.Append(ctx, m)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return id
}

// expect takes the events with the documents from, …, to-1.
func expect(t *testing.T, tail *tail, from, to int) {
	t.Helper()
	for i, e := range tail.take(t, to-from) {
		if want := strconv.Itoa(from + i); string(e.Data()) != want {
			t.Fatalf("got document %s, want %s", e.Data(), want)
		}
	}
}

// tail runs a Tail in a goroutine, and checks that each batch follows the previous one.
type tail struct {
	began  chan hub.ID // the position before the first batch
	events chan *hub.Event
	ended  chan error
	stop   context.CancelFunc
	hold   sync.Mutex // while it is held, emit does not return
}

func startTail(t *testing.T, log hub.Log) *tail {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	tl := &tail{began: make(chan hub.ID, 1), events: make(chan *hub.Event, 10_000), ended: make(chan error, 1), stop: stop}
	var running sync.WaitGroup
	running.Go(func() {
		first, at := true, hub.ID{}
		tl.ended <- log.Tail(ctx, func(batch hub.Batch) error {
			tl.hold.Lock()
			defer tl.hold.Unlock()
			if first {
				tl.began <- batch.After
			} else if batch.After != at {
				t.Errorf("a batch begins behind %v, the one before ended at %v", batch.After, at)
			}
			first, at = false, batch.After
			for _, e := range batch.Events {
				if e.ID().Epoch() != at.Epoch() || e.ID().Seq() <= at.Seq() {
					t.Errorf("event %v comes behind %v", e.ID(), at)
				}
				at = e.ID()
				tl.events <- e
			}
			return nil
		})
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	return tl
}

// begins returns the position before the first batch.
func (tl *tail) begins(t *testing.T) hub.ID {
	t.Helper()
	select {
	case position := <-tl.began:
		return position
	case <-time.After(patience):
		t.Fatal("the tail tells nothing")
		return hub.ID{}
	}
}

func (tl *tail) take(t *testing.T, n int) []*hub.Event {
	t.Helper()
	var events []*hub.Event
	for len(events) < n {
		select {
		case e := <-tl.events:
			events = append(events, e)
		case <-time.After(patience):
			t.Fatalf("got %d events, want %d", len(events), n)
		}
	}
	return events
}

func (tl *tail) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-tl.ended:
		return err
	case <-time.After(patience):
		t.Fatal("tail did not end")
		return nil
	}
}
