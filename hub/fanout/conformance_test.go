package fanout_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
	"github.com/polluxhub/pollux/hub/sse"
)

// The promises of both writers, over real sockets.

func TestStreamBeginsWithTheNewestDocument(t *testing.T) {
	everyWriter(t, testStreamBeginsWithTheNewestDocument)
}

func testStreamBeginsWithTheNewestDocument(t *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{})
	r.publish("0")
	newest := r.publish("1")
	c := r.open(r.dial(), "")
	e := c.next()
	if string(e.Data) != "1" || e.ID != newest.String() || e.Name != "" {
		t.Errorf("first event is %+v", e)
	}
	if retry, ok := c.Retry(); !ok || retry < 2*time.Second || retry >= 5*time.Second {
		t.Errorf("retry is %v, %v, want 2 to 5 s", retry, ok)
	}
	r.publish("2")
	c.expect("2")
}

func TestRetryDiffersFromClientToClient(t *testing.T) {
	everyWriter(t, testRetryDiffersFromClientToClient)
}

func testRetryDiffersFromClientToClient(t *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{})
	r.publish("1")
	seen := make(map[time.Duration]bool)
	for range 10 {
		c := r.open(r.dial(), "")
		c.expect("1")
		retry, _ := c.Retry()
		seen[retry] = true
	}
	if len(seen) < 2 {
		t.Errorf("ten clients were told the same: %v", seen)
	}
}

func TestResumeTakesWhatWasMissed(t *testing.T) { everyWriter(t, testResumeTakesWhatWasMissed) }

func testResumeTakesWhatWasMissed(t *testing.T, start starter) {
	r := start(hub.Options{History: 3}, fanout.Options{})
	first := r.publish("0")
	last := r.publish("1")
	r.publish("2")
	r.publish("3")
	r.open(r.dial(), "", "Last-Event-ID: "+last.String()).expect("2", "3")
	r.publish("4")
	c := r.open(r.dial(), "", "Last-Event-ID: "+first.String())
	if e := c.next(); e.Name != "reset" || string(e.Data) != `{"reason": "evicted"}` {
		t.Errorf("got %+v, want a reset", e)
	}
	c.expect("4")
	r.publish("5")
	c.expect("5")
}

func TestSeveralStreamsAreNamed(t *testing.T) { everyWriter(t, testSeveralStreamsAreNamed) }

func testSeveralStreamsAreNamed(t *testing.T, start starter) {
	r := start(hub.Options{Streams: hub.Named("a", "b", "c")}, fanout.Options{})
	c := r.open(r.dial(), "stream=a&stream=b")
	for _, stream := range []string{"b", "c", "a"} {
		r.publishTo(stream, `"`+stream+`"`)
	}
	for _, want := range []string{"b", "a"} {
		if e := c.next(); e.Name != want || string(e.Data) != `"`+want+`"` {
			t.Errorf("got %+v, want one of stream %s", e, want)
		}
	}
}

func TestLimitEndsTheStream(t *testing.T) { everyWriter(t, testLimitEndsTheStream) }

func testLimitEndsTheStream(_ *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{})
	r.publish("1")
	c := r.open(r.dial(), "limit=2")
	r.publish("2")
	r.publish("3")
	c.expect("1", "2")
	c.expectEnd()
	r.await("ended", func(s fanout.Stats) bool { return s.Ended[fanout.ReasonLimit] == 1 && s.Clients == 0 })
}

// Every event arrives, in order, at clients that read at once, and at clients that begin
// to read after the last event, when the kernel's buffers have long been full.
func TestOrderAtEverySpeed(t *testing.T) { everyWriter(t, testOrderAtEverySpeed) }

func testOrderAtEverySpeed(t *testing.T, start starter) {
	const events = 1000
	document := func(n int) string { return fmt.Sprintf(`"%d %s"`, n, strings.Repeat("x", 2000)) }
	r := start(hub.Options{Buffer: 2, History: events}, fanout.Options{})
	over := make(chan struct{})
	var reading sync.WaitGroup
	for i := range 8 {
		c := r.open(r.dial(), "")
		reading.Go(func() {
			if i%2 == 0 {
				<-over
			}
			for n := range events {
				e, err := c.Next()
				if err != nil {
					t.Errorf("client %d: event %d: %v", i, n, err)
					return
				}
				if want := document(n); string(e.Data) != want {
					t.Errorf("client %d: got %.20q, want %.20q", i, e.Data, want)
					return
				}
			}
		})
	}
	for n := range events {
		r.publish(document(n))
	}
	close(over)
	reading.Wait()
	if stats := r.engine.Stats(); stats.Resubscribed == 0 {
		t.Error("nobody was slow: the test shows nothing")
	}
}

// A frame far larger than any buffer arrives whole.
func TestHugeFrame(t *testing.T) { everyWriter(t, testHugeFrame) }

func testHugeFrame(_ *testing.T, start starter) {
	huge := `"` + strings.Repeat("x", 900<<10) + `"`
	r := start(hub.Options{}, fanout.Options{})
	c := r.open(r.dial(), "")
	r.publish(huge)
	r.publish("1")
	c.expect(huge, "1")
}

// The only document is larger than a socket takes at once. The stream ends once, after
// it.
func TestHugeGreeting(t *testing.T) { everyWriter(t, testHugeGreeting) }

func testHugeGreeting(t *testing.T, start starter) {
	r := start(hub.Options{MaxData: 4 << 20}, fanout.Options{})
	const length = 4<<20 - 2
	r.publish(`"` + strings.Repeat("~", length) + `"`)
	conn := r.dialSmall()
	defer conn.Close()
	// A connection that was handed over ends with its stream. Any other ends with the
	// second answer.
	const request = "GET /?limit=1 HTTP/1.1\r\nHost: x\r\n"
	if _, err := io.WriteString(conn, request+"\r\n"+request+"Connection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, rest, ended := strings.Cut(string(all), "\r\n0\r\n\r\n")
	if n := strings.Count(stream, "~"); !ended || n != length || rest != "" && !strings.HasPrefix(rest, "HTTP/1.1 200 OK\r\n") {
		t.Errorf("got %d bytes of the document, want %d, and behind the end %.50q", n, length, rest)
	}
	r.await("ended", func(s fanout.Stats) bool { return s.Clients == 0 })
	if ended := r.engine.Stats().Ended; ended[fanout.ReasonLimit] == 0 {
		t.Errorf("ended %v", ended)
	}
}

// A client that takes the first document at less than the least rate is closed after the
// write timeout.
func TestSlowAtTheGreeting(t *testing.T) { everyWriter(t, testSlowAtTheGreeting) }

func testSlowAtTheGreeting(t *testing.T, start starter) {
	r := start(hub.Options{MaxData: 4 << 20}, fanout.Options{WriteTimeout: 500 * time.Millisecond, MinRate: 10 << 20})
	r.publish(`"` + strings.Repeat("x", 4<<20-2) + `"`)
	slow := r.open(r.dialSmall(), "")
	drop, drops := make([]byte, 2<<10), 1000 // half of it
	for ; drops > 0; drops-- {
		if _, err := slow.body.Read(drop); err != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if drops == 0 {
		t.Error("the client was not closed while it took drops")
	}
	r.await("slow client is gone", func(s fanout.Stats) bool { return s.Clients == 0 })
	if ended := r.engine.Stats().Ended; ended[fanout.ReasonSlow]+ended[fanout.ReasonGone] != 1 {
		t.Errorf("ended %v", ended)
	}
}

// A client that closes its half of the connection after its request gets the whole answer.
func TestGreetingOfAHalfClosedConnection(t *testing.T) {
	everyWriterHTTP1(t, testGreetingOfAHalfClosedConnection)
}

func testGreetingOfAHalfClosedConnection(t *testing.T, start starter) {
	r := start(hub.Options{MaxData: 4 << 20}, fanout.Options{})
	huge := `"` + strings.Repeat("x", 4<<20-2) + `"`
	r.publish(huge)
	conn := r.dialSmall()
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /?limit=1 HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := conn.(socket).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{sse.NewDecoder(resp.Body), t, conn, resp.Body}
	c.expect(huge)
	c.expectEnd()
}

// A client that stops reading is closed after the write timeout. No other client waits
// meanwhile.
func TestStalledClientIsClosedAndDelaysNobody(t *testing.T) {
	everyWriter(t, testStalledClientIsClosedAndDelaysNobody)
}

func testStalledClientIsClosedAndDelaysNobody(t *testing.T, start starter) {
	const writeTimeout = 500 * time.Millisecond
	r := start(hub.Options{}, fanout.Options{WriteTimeout: writeTimeout})
	stalled := r.dialSmall()
	r.open(stalled, "")
	healthy := r.open(r.dial(), "")
	event := `"` + strings.Repeat("x", 16<<10) + `"`
	for range 40 {
		r.publish(event)
		healthy.expect(event)
	}
	r.await("stalled client is gone", func(s fanout.Stats) bool { return s.Clients == 1 })
	if ended := r.engine.Stats().Ended; ended[fanout.ReasonSlow]+ended[fanout.ReasonGone] != 1 {
		t.Errorf("ended %v", ended)
	}
	r.publish("1")
	healthy.expect("1")
}

// The engine closes a client that takes nothing, even if there is too little to write for
// a write to block.
func TestStalledClientWithFewEvents(t *testing.T) { everyWriter(t, testStalledClientWithFewEvents) }

func testStalledClientWithFewEvents(_ *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{WriteTimeout: 300 * time.Millisecond})
	r.open(r.dialSmall(), "")
	// More than the client's receive window, less than the server's buffers.
	r.publish(`"` + strings.Repeat("x", 12<<10) + `"`)
	r.await("stalled client is gone", func(s fanout.Stats) bool { return s.Clients == 0 })
}

// dialSmall connects with a small receive buffer, so that the kernel cannot hide that the
// client does not read. It has to be set before the connection is made.
func (r *rig) dialSmall() net.Conn {
	r.t.Helper()
	return r.dialBy(&net.Dialer{Control: func(_, _ string, conn syscall.RawConn) error {
		var failed error
		err := conn.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
		})
		return errors.Join(err, failed)
	}})
}

func TestClientsThatLeave(t *testing.T) { everyWriter(t, testClientsThatLeave) }

func testClientsThatLeave(t *testing.T, start starter) {
	for _, test := range []struct {
		name  string
		leave func(conn socket) error
	}{
		{"close", func(conn socket) error { return conn.Close() }},
		{"reset", func(conn socket) error { return errors.Join(conn.SetLinger(0), conn.Close()) }},
		{"half-close", func(conn socket) error { return conn.CloseWrite() }},
		{"close after a pipelined byte", func(conn socket) error {
			_, err := conn.Write([]byte("G"))
			return errors.Join(err, conn.Close())
		}},
		{"reset after a pipelined request", func(conn socket) error {
			_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			return errors.Join(err, conn.SetLinger(0), conn.Close())
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			// Heartbeats reveal the clients whose end net/http cannot see.
			r := start(hub.Options{}, fanout.Options{Heartbeat: 20 * time.Millisecond})
			conn := r.dial()
			c := r.open(conn, "")
			r.publish("1")
			c.expect("1")
			if err := test.leave(conn.(socket)); err != nil {
				t.Fatal(err)
			}
			r.await("client is gone", func(s fanout.Stats) bool { return s.Clients == 0 })
			if stats := r.hub.Stats(); stats.Subscribers != 0 {
				t.Errorf("the hub still has %d subscribers", stats.Subscribers)
			}
		})
	}
}

// A drain ends streams after a whole frame, and lets no new client in.
func TestDrain(t *testing.T) { everyWriter(t, testDrain) }

func testDrain(t *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{})
	r.publish("1")
	var clients []*client
	for range 20 {
		c := r.open(r.dial(), "")
		c.expect("1")
		clients = append(clients, c)
	}
	if r.engine.Draining() {
		t.Error("drains already")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := r.engine.Drain(ctx, 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		c.expectEnd()
	}
	if _, err := r.engine.Open(httptest.NewRequest(http.MethodGet, "/", nil), fanout.Request{}); !errors.Is(err, fanout.ErrDraining) {
		t.Errorf("open while draining: %v", err)
	}
	if stats := r.engine.Stats(); stats.Clients != 0 || stats.Ended[fanout.ReasonDrain] != 20 {
		t.Errorf("counted %+v", stats)
	}
	if err := r.engine.Drain(ctx, time.Hour); err != nil || !r.engine.Draining() {
		t.Errorf("second drain: %v", err)
	}
}

// What was published goes to the clients before a drain ends their streams, also while the hub
// is not done yet with handing it to others.
func TestDrainBehindAnEvent(t *testing.T) { everyWriter(t, testDrainBehindAnEvent) }

func testDrainBehindAnEvent(t *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{})
	r.publish("1")
	c := r.open(r.dial(), "")
	c.expect("1")
	for range 10_000 {
		s, err := r.hub.Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{hub.DefaultStream}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
	}
	r.publish("2")
	if err := r.engine.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	c.expect("2")
	c.expectEnd()
}

func TestHubThatEndsEndsStreams(t *testing.T) { everyWriter(t, testHubThatEndsEndsStreams) }

func testHubThatEndsEndsStreams(_ *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{})
	r.publish("1")
	c := r.open(r.dial(), "")
	c.expect("1")
	r.stopHub()
	c.expectEnd()
	r.await("counted", func(s fanout.Stats) bool { return s.Ended[fanout.ReasonHub] == 1 && s.Clients == 0 })
}

// Ten thousand clients join and are cut off at all points of a stream's life. Nothing is
// left of them.
func TestNothingIsLeftOfAborts(t *testing.T) { everyWriter(t, testNothingIsLeftOfAborts) }

func testNothingIsLeftOfAborts(t *testing.T, start starter) {
	const clients, atOnce = 10_000, 64
	testAborts(t, start, clients, atOnce)
}

// Ten times as many clients for the writers that own descriptors.
func TestNothingIsLeftOfManyAborts(t *testing.T) {
	const clients, atOnce = 100_000, 64
	testAborts(t, func(hubOpts hub.Options, opts fanout.Options) *rig { return newRig(t, hubOpts, opts, nil, handedOver) }, clients, atOnce)
}

// testAborts has clients leave at random points: before, within and after the request,
// and in the stream.
func testAborts(t *testing.T, start starter, clients, atOnce int) {
	r := start(hub.Options{}, fanout.Options{Heartbeat: 50 * time.Millisecond})
	if r.trust != nil {
		clients /= 10 // each costs two handshakes' worth of processor
	}
	r.publish("0")
	// One client for each writer first, so that everything that serves them exists.
	for range 2 * runtime.GOMAXPROCS(0) {
		c := r.open(r.dial(), "")
		c.expect("0")
		if err := c.conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	r.await("nobody is there", func(s fanout.Stats) bool { return s.Clients == 0 })
	before := resources(t)

	publishing, stopPublishing := context.WithCancel(t.Context())
	var background sync.WaitGroup
	background.Go(func() {
		for i := 1; publishing.Err() == nil; i++ {
			r.publish(fmt.Sprint(i))
			time.Sleep(time.Millisecond)
		}
	})
	request := []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	var aborting sync.WaitGroup
	for worker := range atOnce {
		aborting.Go(func() {
			buf := make([]byte, 512)
			random := rand.New(rand.NewPCG(uint64(worker), 0))
			for i := worker; i < clients; i += atOnce {
				conn := r.dial().(socket)
				sent := random.IntN(3 * len(request)) // two thirds of the clients send all of it
				_, err := conn.Write(request[:min(sent, len(request))])
				for read := random.IntN(300); err == nil && sent >= len(request) && random.IntN(2) == 0 && read > 0; {
					var n int
					n, err = conn.Read(buf[:min(read, len(buf))])
					read -= n
				}
				if err != nil {
					t.Errorf("client %d: %v", i, err)
				}
				if random.IntN(3) != 0 {
					err = conn.SetLinger(0)
				}
				if err := errors.Join(err, conn.Close()); err != nil {
					t.Errorf("client %d: %v", i, err)
				}
			}
		})
	}
	aborting.Wait()
	r.await("all are gone", func(s fanout.Stats) bool { return s.Clients == 0 })
	stopPublishing()
	background.Wait()
	deadline := time.Now().Add(patience)
	for {
		after := resources(t)
		if after.descriptors <= before.descriptors && after.goroutines <= before.goroutines {
			break
		}
		if time.Now().After(deadline) {
			stacks := make([]byte, 64<<10)
			t.Fatalf("before: %+v, after: %+v\n%s", before, after, stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(10 * time.Millisecond)
	}
	if stats := r.hub.Stats(); stats.Subscribers != 0 {
		t.Errorf("the hub still has %d subscribers", stats.Subscribers)
	}
}

type held struct{ descriptors, goroutines int }

func resources(t *testing.T) held {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return held{len(entries), runtime.NumGoroutine()}
}

// The bytes of a stream, so that no change alters them unnoticed.
func TestGoldenStream(t *testing.T) { everyWriter(t, testGoldenStream) }

func testGoldenStream(t *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{Random: func() float64 { return 0.5 }})
	id := r.publish(`{"x":1}`)
	conn := r.dial()
	c := r.open(conn, "limit=1", "Last-Event-ID: what?")
	body, err := io.ReadAll(c.body)
	if err != nil {
		t.Fatal(err)
	}
	want := "retry: 3500\n: pollux\n\n" +
		"event: reset\ndata: {\"reason\": \"invalid\"}\n\n" +
		"id: " + id.String() + "\ndata: {\"x\":1}\n\n"
	if !bytes.Equal(body, []byte(want)) {
		t.Errorf("got\n%s\nwant\n%s", body, want)
	}
}

// When the log has lost events, all subscriptions end, and streams go on with a reset.
func TestGapIsTold(t *testing.T) { everyWriter(t, testGapIsTold) }

func testGapIsTold(t *testing.T, start starter) {
	log := hubtest.NewScript("one")
	r := start(hub.Options{Log: log}, fanout.Options{})
	r.publish("1")
	c := r.open(r.dial(), "")
	c.expect("1")
	for _, rupture := range []struct {
		reason string
		cause  func()
	}{
		{"evicted", func() { log.Lose(5) }},
		{"epoch", func() { log.Restart("two") }},
	} {
		rupture.cause()
		r.publish("2")
		if e := c.next(); e.Name != "reset" || string(e.Data) != `{"reason": "`+rupture.reason+`"}` {
			t.Fatalf("got %+v, want a reset, %s", e, rupture.reason)
		}
		c.expect("2")
		r.publish("3")
		c.expect("3")
	}
}

// A slow client that gets only statuses resumes at its position, and gets no status
// twice.
func TestStatusMovesTheClientOn(t *testing.T) { everyWriter(t, testStatusMovesTheClientOn) }

func testStatusMovesTheClientOn(t *testing.T, start starter) {
	log := hubtest.NewScript("one")
	r := start(hub.Options{Log: log, History: 1}, fanout.Options{})
	r.publish("1")
	c := r.open(r.dial(), "")
	c.expect("1")
	if _, err := r.hub.Publish(t.Context(), hub.Message{Status: &hub.Status{State: hub.Down}}); err != nil {
		t.Fatal(err)
	}
	if e := c.next(); e.Name != "status" {
		t.Fatalf("got %+v", e)
	}
	log.Lose(1)
	r.publish("2")
	for _, want := range []string{"reset", "status", ""} { // a status that is not live comes again
		if e := c.next(); e.Name != want {
			t.Fatalf("got %+v, want %q", e, want)
		}
	}
}

// A drain neither waits for the end of a long replay nor cuts it within a frame.
func TestDrainAmidAReplay(t *testing.T) { everyWriter(t, testDrainAmidAReplay) }

func testDrainAmidAReplay(t *testing.T, start starter) {
	const missed = 15
	r := start(hub.Options{Streams: hub.Named("default", "other")}, fanout.Options{Heartbeat: 30 * time.Millisecond})
	first := r.publish("0")
	for range missed {
		r.publish(`"` + strings.Repeat("x", 900<<10) + `"`)
	}
	// When the idle clients have ended, every writer knows of the drain.
	r.publishTo("other", "1")
	var idle []*client
	for range 4 * runtime.GOMAXPROCS(0) {
		c := r.open(r.dial(), "stream=other")
		c.expect("1")
		idle = append(idle, c)
	}
	c := r.open(r.dialSmall(), "", "Last-Event-ID: "+first.String())
	drained := make(chan error)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		drained <- r.engine.Drain(ctx, 0)
	}()
	for _, c := range idle {
		c.expectEnd()
	}
	events := 0
	for ; ; events++ {
		if _, err := c.Next(); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Errorf("after %d events: %v", events, err)
			}
			break
		}
	}
	if events == missed {
		t.Error("the end of the stream waited for the end of the replay")
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}
