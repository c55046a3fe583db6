package fanout_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// Each bound, from outside. A bound a hundred times as large fails.

func TestDefaultBounds(t *testing.T) {
	for name, bound := range map[string][2]time.Duration{
		"Heartbeat":      {fanout.DefaultHeartbeat, 15 * time.Second},
		"WriteTimeout":   {fanout.DefaultWriteTimeout, 10 * time.Second},
		"MinRate":        {fanout.DefaultMinRate, 1000},
		"MaxAge":         {fanout.DefaultMaxAge, time.Hour},
		"MaxClients":     {fanout.DefaultMaxClients, 100_000},
		"MaxConnections": {fanout.DefaultMaxConnections, 1024},
		"MaxViews":       {fanout.DefaultMaxViews, 64},
		"FormBytes":      {fanout.DefaultFormBytes, 32 << 20},
		"HeldBytes":      {fanout.DefaultHeldBytes, 128 << 20},
	} {
		if bound[0] != bound[1] {
			t.Errorf("%s is %d, the documentation says %d", name, bound[0], bound[1])
		}
	}
}

// The cache that clients share stays within Options.FormBytes.
func TestFormsAreBounded(t *testing.T) { everyWriter(t, testFormsAreBounded) }

func testFormsAreBounded(t *testing.T, start starter) {
	const limit = 100 << 10
	r := start(hub.Options{}, fanout.Options{FormBytes: limit})
	var clients []*client
	for _, query := range []string{"mode=patch", "field=/filler", "mode=merge&field=/n&field=/filler"} {
		clients = append(clients, r.open(r.dial(), query), r.openGzip(r.dial(), query))
	}
	for n := range 60 {
		r.publish(fmt.Sprintf(`{"n":%d,"filler":"%s%d"}`, n, strings.Repeat("0123456789abcdef", 200), n))
		for _, c := range clients {
			c.next()
		}
		if kept := r.engine.Stats().FormBytes; kept > limit {
			t.Fatalf("%d bytes are kept after %d events, limit %d", kept, n, limit)
		}
	}
	if kept := r.engine.Stats().FormBytes; kept < limit/2 {
		t.Errorf("%d bytes are kept of %d that may be", kept, limit)
	}
}

// However many different windows clients have, an event is compressed behind a few of
// them.
func TestChainedFormsAreBounded(t *testing.T) { everyWriter(t, testChainedFormsAreBounded) }

func testChainedFormsAreBounded(t *testing.T, start starter) {
	const different = 40
	names := []string{"a"}
	for n := range different {
		names = append(names, fmt.Sprintf("x%d", n))
	}
	r := start(hub.Options{Streams: hub.Named(names...)}, fanout.Options{})
	var clients []*client
	for _, name := range names[1:] {
		r.publishTo(name, `"`+name+`"`)
		c := r.openGzip(r.dial(), "stream=a&stream="+name)
		c.expect(`"` + name + `"`)
		r.publishTo(name, `"again"`)
		c.expect(`"again"`)
		clients = append(clients, c)
	}
	before := r.engine.Stats().FormsMade
	r.publishTo("a", "1")
	for _, c := range clients {
		c.expect("1")
	}
	// The frame, compressed alone, and behind eight windows.
	if made := r.engine.Stats().FormsMade - before; made != 10 {
		t.Errorf("%d forms were made of one event, want 10", made)
	}
}

// A difference is sent only if it is shorter than the document, to the byte.
func TestDifferencesAreShorter(t *testing.T) { everyWriter(t, testDifferencesAreShorter) }

func testDifferencesAreShorter(_ *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{})
	document := func(n, size int) string {
		begin := fmt.Sprintf(`{"a":%d,"f":"`, n)
		return begin + strings.Repeat("x", size-len(begin)-2) + `"}`
	}
	for mode, member := range map[string]string{"patch": `"ops":[{"op":"replace","path":"/a","value":%d}]`, "merge": `"patch":{"a":%d}`} {
		difference := func(base hub.ID, n int) string {
			return `{"base":"` + base.String() + `",` + fmt.Sprintf(member, n) + `}`
		}
		for longer := -1; longer <= 1; longer++ {
			// The base is the ID of the document before, which may become longer.
			probe := r.publish("0")
			_ = r.publish("0") // its ID is as long as that of the base
			size := len(difference(probe, 2)) + longer
			base := r.publish(document(1, size))
			if len(base.String()) != len(probe.String()) {
				longer--
				continue // the sequence number got one more digit in between
			}
			c := r.open(r.dial(), "mode="+mode)
			c.expect(document(1, size))
			r.publish(document(2, size))
			if longer > 0 {
				c.expect(difference(base, 2))
			} else {
				c.expect(document(2, size))
			}
		}
	}
}

// A portion of a replay is bounded by events, by bytes, and by the size of the documents
// that were read to make it. A stream can end between two portions.
func TestPortionsAreBounded(t *testing.T) {
	for _, test := range []struct {
		name     string
		query    string
		document func(n int) string
		events   int
		most     int // in three portions: the one that a reader has, the one that is being written, and the last
	}{
		{"events", "", func(n int) string { return fmt.Sprint(n) }, 250, 3 * 64},
		{"bytes", "", func(n int) string { return fmt.Sprintf(`"%d%s"`, n, strings.Repeat("x", 20<<10)) }, 40, 3 * 4},
		{"documents that are compared", "mode=merge&field=/n", func(n int) string {
			return fmt.Sprintf(`{"n":"%d%s","filler":"%s"}`, n, strings.Repeat("x", 100), strings.Repeat("x", 3<<10))
		}, 250, 3 * 21},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, hub.Options{HistoryBytes: 16 << 20}, fanout.Options{MaxAge: time.Second}, hubtest.NewPipeListener(), portable)
				defer r.stop()
				begin := r.hub.Position()
				for n := range test.events {
					r.publish(test.document(n))
				}
				c := r.open(r.dial(), test.query, "Last-Event-ID: "+begin.String())
				time.Sleep(2 * time.Second) // a pipe holds nothing, so the client has not taken the first portion yet
				came := 0
				for ; ; came++ {
					if _, err := c.Next(); errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						t.Fatal(err)
					}
				}
				if came == 0 || came > test.most {
					t.Errorf("%d events came before the end, want 1 to %d", came, test.most)
				}
			})
		})
	}
}

// After a long silence an event is compressed alone: the bytes of heartbeats that a window
// keeps are bounded.
func TestNotesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const silence = 15 * time.Second
		r := newRig(t, hub.Options{}, fanout.Options{Random: func() float64 { return 0.5 }}, hubtest.NewPipeListener(), portable)
		defer r.stop()
		filler := make([]byte, 3000) // compresses well only behind the document before
		random := rand.New(rand.NewPCG(1, 2))
		for i := range filler {
			filler[i] = "0123456789abcdef"[random.IntN(16)]
		}
		document := func(n int) string { return fmt.Sprintf(`{"n":%d,"filler":"%s"}`, n, filler) }
		r.publish(document(0))
		c := r.openGzip(r.dial(), "heartbeat=event")
		heard := make(chan string, 1)
		go func() {
			for {
				e, err := c.Next()
				if err != nil {
					return
				}
				if e.Name != "hb" {
					heard <- string(e.Data)
				}
			}
		}()
		<-heard
		for n, heartbeats := range []int{1, 8, 20, 1} {
			time.Sleep(time.Duration(heartbeats)*silence + time.Second)
			synctest.Wait()
			before := r.engine.Stats().Bytes
			r.publish(document(n + 1))
			if got := <-heard; got != document(n+1) {
				t.Fatalf("got %.80s", got)
			}
			synctest.Wait()
			if cost := r.engine.Stats().Bytes - before; (cost > 1000) != (heartbeats > 10) {
				t.Errorf("behind %d heartbeats an event costs %d bytes", heartbeats, cost)
			}
		}
	})
}

// However many different heartbeats clients got after one event, 64 windows are kept.
func TestDifferentNotesAreBounded(t *testing.T) { everyWriter(t, testDifferentNotesAreBounded) }

func testDifferentNotesAreBounded(t *testing.T, start starter) {
	const different, kept = 80, 64
	names := []string{"a"}
	for n := range different {
		names = append(names, fmt.Sprintf("x%02d", n))
	}
	r := start(hub.Options{Streams: hub.Named(names...)}, fanout.Options{})
	for _, name := range names[1:] {
		r.publishTo(name, "1")
	}
	r.publishTo("a", "1")
	var clients []*client
	for _, name := range names[1:] {
		c := r.openGzip(r.dial(), "heartbeat=event&stream=a&stream="+name)
		for _, want := range []string{"hb", name, "a", "hb"} {
			if e := c.next(); e.Name != want {
				t.Fatalf("got %s, want %s", e.Name, want)
			}
		}
		clients = append(clients, c)
	}
	for _, c := range clients[:kept] {
		_ = c.conn.Close()
	}
	r.await("they have left", func(s fanout.Stats) bool { return s.Clients == different-kept })
	before := r.engine.Stats().FormsMade
	r.publishTo("a", "2")
	for _, c := range clients[kept:] {
		c.expect("2")
	}
	// The frame, and the frame compressed alone.
	if made := r.engine.Stats().FormsMade - before; made != 2 {
		t.Errorf("%d forms were made of one event, want 2", made)
	}
}

// A stream that a panic ends counts as failed, and gives its place back.
func TestPanicEndsAStream(t *testing.T) { everyWriter(t, testPanicEndsAStream) }

func testPanicEndsAStream(_ *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{Random: func() float64 { panic(http.ErrAbortHandler) }})
	conn := r.dial()
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		r.t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); len(answer) > 0 {
		r.t.Errorf("got %q, %v", answer, err)
	}
	r.await("it has ended", func(s fanout.Stats) bool { return s.Clients == 0 && s.Ended[fanout.ReasonError] == 1 })
}

// The reason of each end of a stream is counted, however the stream ended.
func TestReasonsAreCounted(t *testing.T) { everyWriter(t, testReasonsAreCounted) }

func testReasonsAreCounted(t *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{})
	ended := func(reason fanout.EndReason, n uint64) {
		t.Helper()
		r.await(string(reason), func(s fanout.Stats) bool { return s.Clients == 0 && s.Ended[reason] == n })
	}
	r.publish("1")
	at := r.open(r.dial(), "limit=1") // the greeting has that document already
	at.expect("1")
	at.expectEnd()
	ended(fanout.ReasonLimit, 1)
	behind := r.open(r.dial(), "limit=2")
	r.publish("2")
	behind.expect("1", "2")
	behind.expectEnd()
	ended(fanout.ReasonLimit, 2)
	_ = r.open(r.dial(), "").conn.Close()
	ended(fanout.ReasonGone, 1)
	drains := r.open(r.dial(), "")
	drains.expect("2")
	if err := r.engine.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	drains.expectEnd()
	ended(fanout.ReasonDrain, 1)

	r = start(hub.Options{}, fanout.Options{MaxAge: 200 * time.Millisecond})
	r.open(r.dial(), "").expectEnd()
	ended(fanout.ReasonAge, 1)

	r = start(hub.Options{}, fanout.Options{})
	cut := r.open(r.dial(), "")
	r.stopHub()
	cut.expectEnd()
	ended(fanout.ReasonHub, 1)
}

// Small entries count for the memory that they take. Otherwise many of them would take
// several times the limit.
func TestSmallFormsCountWhatTheyTake(t *testing.T) {
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc) // signed, because what earlier tests have left may be freed meanwhile
	}
	const events = 10_000
	r := newRig(t, hub.Options{History: 1}, fanout.Options{}, nil, handedOver)
	c := r.open(r.dial(), "mode=patch&field=/n")
	before := heap()
	for n := range events {
		r.publish(fmt.Sprintf(`{"n":%d}`, n))
		c.next()
	}
	kept, took := r.engine.Stats().FormBytes, heap()-before
	if kept < 100*events || took > 2*int64(kept) {
		t.Errorf("%d bytes are counted, %d are taken", kept, took)
	}
}
