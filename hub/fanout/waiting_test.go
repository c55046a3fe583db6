package fanout_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/hub/fanout"
)

// These tests hold a worker at a large document. Options.Key is called when two documents
// are compared, so a test can block there.

// gate blocks each comparison of documents of the stream "big", until it is released.
type gate struct {
	held atomic.Int64 // comparisons that were blocked
	open chan struct{}
	once sync.Once
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

func (g *gate) release() { g.once.Do(func() { close(g.open) }) }

func (g *gate) key(stream string) document.Pointer {
	if stream == "big" {
		g.held.Add(1)
		<-g.open
	}
	return document.Pointer{}
}

// bigAt is a document so large that a worker compares it.
func bigAt(n int) string {
	return fmt.Sprintf(`{"n":%d,"filler":"%s"}`, n, strings.Repeat("0123456789abcdef", 4<<10))
}

// withWorkers runs a test once with each kind of writer, and with workers.
func withWorkers(t *testing.T, test func(t *testing.T, start starter)) {
	for _, by := range kinds {
		t.Run(string(by), func(t *testing.T) {
			test(t, func(hubOpts hub.Options, opts fanout.Options) *rig {
				r := newRig(t, hubOpts, opts, nil, by)
				if by == portable {
					r.version = "1.0" // so that the handler keeps it
					r.runEngine()
				}
				return r
			})
		})
	}
}

// runEngine runs the engine beside streams that stay with their handlers.
func (r *rig) runEngine() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.engine.Run(ctx) }()
	stop := r.stop
	r.stop = sync.OnceFunc(func() {
		stop()
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("engine: %v", err)
		}
	})
	r.t.Cleanup(r.stop)
	for !r.engine.Working() {
		time.Sleep(time.Millisecond)
	}
}

// A client that waits for a large event waits alone, gets heartbeats meanwhile, and gets
// all events in order.
func TestWaitingClientWaitsAlone(t *testing.T) { withWorkers(t, testWaitingClientWaitsAlone) }

func testWaitingClientWaitsAlone(t *testing.T, start starter) {
	g := newGate()
	defer g.release() // before the rig stops, which waits for the workers
	r := start(hub.Options{Streams: hub.Named("big", "small"), Buffer: 2}, fanout.Options{Key: g.key, Heartbeat: 30 * time.Millisecond})
	first := r.publishTo("big", bigAt(0))
	waits := r.open(r.dial(), "stream=big&mode=patch&heartbeat=event")
	e := waits.next()
	if e.Name != "hb" {
		t.Fatalf("got %s, want hb", e.Name)
	}
	for e.Name == "hb" { // a busy machine may take longer than the silence
		e = waits.next()
	}
	if e.Name != "snapshot" {
		t.Fatalf("got %s, want snapshot", e.Name)
	}
	both := r.open(r.dial(), "stream=big&stream=small")
	both.expect(bigAt(0))
	small := r.open(r.dial(), "stream=small&mode=patch")

	var ids []hub.ID
	for n := 1; n <= 9; n++ { // more than the channel holds
		ids = append(ids, r.publishTo("big", bigAt(n)))
		r.publishTo("small", fmt.Sprint(n))
		both.expect(bigAt(n), fmt.Sprint(n))
		small.expect(fmt.Sprint(n))
	}
	for range 3 {
		if e := waits.next(); e.Name != "hb" {
			t.Fatalf("got %s while its patch is not made", e.Name)
		}
	}
	if waits.LastEventID() != first.String() {
		t.Errorf("who waits is at %s, ahead of what it has", waits.LastEventID())
	}
	if g.held.Load() != 1 {
		t.Errorf("%d at work for one client", g.held.Load())
	}
	g.release()
	base := first
	for n := 1; n <= 9; n++ {
		e := waits.next()
		for e.Name == "hb" {
			e = waits.next()
		}
		want := fmt.Sprintf(`{"base":"%s","ops":[{"op":"replace","path":"/n","value":%d}]}`, base, n)
		if e.Name != "patch" || string(e.Data) != want {
			t.Fatalf("got %s %.200s, want %s", e.Name, e.Data, want)
		}
		base = ids[n-1]
	}
}

// A client that waits can leave, and ends at its age and at a drain. Then nothing is made
// for it.
func TestWaitingClientCanLeave(t *testing.T) { withWorkers(t, testWaitingClientCanLeave) }

func testWaitingClientCanLeave(t *testing.T, start starter) {
	g := newGate()
	defer g.release() // before the rig stops, which waits for the workers
	r := start(hub.Options{Streams: hub.Named("big")}, fanout.Options{Key: g.key})
	r.publishTo("big", bigAt(0))
	const views = 5 // more than there are workers, so most are in the queue
	open := func(i int) *client {
		c := r.open(r.dial(), fmt.Sprintf("stream=big&mode=patch&field=/n&field=/filler&field=/%d", i))
		c.expect(bigAt(0))
		return c
	}
	var clients []*client
	for i := range 2 * views {
		clients = append(clients, open(i))
	}
	r.publishTo("big", bigAt(1))
	workers := int64(max(maxProcs()/2, 1))
	r.await("the workers are held", func(fanout.Stats) bool { return g.held.Load() == workers })
	for _, c := range clients[:views] {
		_ = c.conn.Close()
	}
	r.await("some have gone", func(s fanout.Stats) bool { return s.Clients == views })
	drained := make(chan error)
	go func() { drained <- r.engine.Drain(t.Context(), 0) }()
	for _, c := range clients[views:] {
		c.expectEnd()
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	g.release()
	r.stop()
	if held := g.held.Load(); held != workers {
		t.Errorf("%d were made, want %d: the others of nobody", held, workers)
	}
}

// A stream ends at its age although its next event is not made. Its client gets that event
// when it returns.
func TestWaitingClientEndsAtItsAge(t *testing.T) { withWorkers(t, testWaitingClientEndsAtItsAge) }

func testWaitingClientEndsAtItsAge(t *testing.T, start starter) {
	g := newGate()
	defer g.release() // before the rig stops, which waits for the workers
	r := start(hub.Options{Streams: hub.Named("big")}, fanout.Options{Key: g.key, MaxAge: 300 * time.Millisecond})
	r.publishTo("big", bigAt(0))
	// A machine that is busy may take longer for the first document than a stream lasts.
	open := func(want string, header ...string) *client {
		t.Helper()
		for begin := time.Now(); ; {
			c := r.open(r.dial(), "stream=big&mode=patch", header...)
			e, err := c.Next()
			switch {
			case err == nil && string(e.Data) == want:
				return c
			case err == nil || time.Since(begin) > patience:
				t.Fatalf("got %.80q, %v, want %.80s", e.Data, err, want)
			}
		}
	}
	c := open(bigAt(0))
	id := c.LastEventID()
	r.publishTo("big", bigAt(1))
	c.expectEnd()
	if c.LastEventID() != id {
		t.Errorf("the client is at %s, but has not got that", c.LastEventID())
	}
	g.release()
	open(bigAt(1), "Last-Event-ID: "+id)
}

// Large events, made by workers, and small ones, made by the writer, come in order in every
// coding.
func TestLargeAndSmallInOrder(t *testing.T) { withWorkers(t, testLargeAndSmallInOrder) }

func testLargeAndSmallInOrder(t *testing.T, start starter) {
	r := start(hub.Options{Buffer: 2}, fanout.Options{FormBytes: 200 << 10})
	documents := func(n int) string {
		if n%3 == 0 {
			return bigAt(n)
		}
		return fmt.Sprintf(`{"n":%d}`, n)
	}
	const events = 60
	r.publish(documents(0))
	var clients []*client
	for _, query := range []string{"", "field=/n&field=/filler", "field=/filler&field=/n&field=/x"} {
		clients = append(clients, r.open(r.dial(), query), r.openGzip(r.dial(), query))
	}
	var reading sync.WaitGroup
	for _, c := range clients {
		reading.Go(func() {
			for n := range events + 1 {
				if e, err := c.Next(); err != nil || string(e.Data) != documents(n) {
					t.Errorf("got %.80q, %v, want %.80s", e.Data, err, documents(n))
					return
				}
			}
		})
	}
	for n := range events {
		r.publish(documents(n + 1))
	}
	reading.Wait()
}

// A comparison that panics costs a difference, not the process.
func TestPanicCostsADifference(t *testing.T) { withWorkers(t, testPanicCostsADifference) }

func testPanicCostsADifference(_ *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{Key: func(string) document.Pointer { panic("a mistake") }})
	r.publish(bigAt(0))
	c := r.open(r.dial(), "mode=patch")
	c.expect(bigAt(0))
	for n := range 3 {
		r.publish(bigAt(n + 1))
		c.expect(bigAt(n + 1))
	}
}

// Run ends after its workers. A client that waited for them is served without them.
func TestRunWaitsForWorkers(t *testing.T) {
	g := newGate()
	defer g.release() // before the rig stops, which waits for the workers
	r := newRig(t, hub.Options{Streams: hub.Named("big")}, fanout.Options{Key: g.key}, nil, portable)
	r.version = "1.0" // so that the handler keeps it
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- r.engine.Run(ctx) }()
	for !r.engine.Working() {
		time.Sleep(time.Millisecond)
	}
	r.publishTo("big", bigAt(0))
	workers := max(maxProcs()/2, 1)
	var clients []*client
	for i := range workers + 1 {
		c := r.open(r.dial(), fmt.Sprintf("stream=big&mode=patch&field=/n&field=/filler&field=/%d", i))
		c.expect(bigAt(0))
		clients = append(clients, c)
	}
	r.publishTo("big", bigAt(1))
	r.await("the workers are held", func(fanout.Stats) bool { return g.held.Load() == int64(workers) })
	cancel()
	// The one in the queue is made by its handler now.
	r.await("a handler helps itself", func(fanout.Stats) bool { return g.held.Load() == int64(workers)+1 })
	select {
	case err := <-ran:
		t.Errorf("Run ended, %v, while workers work", err)
	default:
	}
	g.release()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	for _, c := range clients {
		if e := c.next(); e.Name != "patch" {
			t.Errorf("got %s", e.Name)
		}
	}
}

func maxProcs() int { return runtime.GOMAXPROCS(0) }
