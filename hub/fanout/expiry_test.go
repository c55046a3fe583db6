package fanout_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// A client whose time is over gets what is ready and a status for each of its streams, and
// its stream ends cleanly.
func TestExpiryEndsTheStream(t *testing.T) { everyWriter(t, testExpiryEndsTheStream) }

func testExpiryEndsTheStream(t *testing.T, start starter) {
	r := start(hub.Options{Streams: []hub.StreamOptions{{Name: "a"}, {Name: "b"}}}, fanout.Options{})
	id := r.publishTo("a", "1")
	for _, open := range []func(net.Conn, string, ...string) *client{r.open, r.openGzip} {
		c := open(r.dial(), "stream=a&stream=b&expires=300ms")
		c.expect("1")
		for _, stream := range []string{"a", "b"} {
			e := c.next()
			var got struct{ Stream, State, Error string }
			if err := json.Unmarshal(e.Data, &got); err != nil || e.Name != "status" || got.Stream != stream || got.State != "down" || got.Error != hub.ErrorExpired {
				t.Errorf("got %s %s %v, want the status of %s", e.Name, e.Data, err, stream)
			}
		}
		if position := c.LastEventID(); position != id.String() {
			t.Errorf("the client stands at %q, want %v", position, id)
		}
		c.expectEnd()
	}
	r.await("counted", func(s fanout.Stats) bool { return s.Ended[fanout.ReasonExpired] == 2 && s.Clients == 0 })
}

// Lines of JSON have the same status.
func TestExpiryInLines(t *testing.T) {
	r := newRig(t, hub.Options{}, fanout.Options{}, nil, handedOver)
	r.publish("1")
	body, err := io.ReadAll(r.ask(r.dial(), "lines=1&expires=200ms"))
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.Split(bytes.TrimSpace(body), []byte("\n"))
	var got struct {
		Event string
		Data  struct{ Stream, Error string }
	}
	if err := json.Unmarshal(last[len(last)-1], &got); err != nil || got.Event != "status" || got.Data.Stream != "default" || got.Data.Error != "expired" {
		t.Errorf("%v, the last line is %s", err, last[len(last)-1])
	}
}

// A stream ends at its expiry, and at its age if that comes first. An expiry in the past ends it at once.
func TestExpiryIsExact(t *testing.T) {
	for expires, want := range map[string]struct {
		after  time.Duration
		reason fanout.EndReason
	}{
		"-1h": {0, fanout.ReasonExpired}, "100ms": {100 * time.Millisecond, fanout.ReasonExpired}, "47m59.85s": {47*time.Minute + 59850*time.Millisecond, fanout.ReasonExpired},
		"48m1s": {48 * time.Minute, fanout.ReasonAge}, "60m": {48 * time.Minute, fanout.ReasonAge}, "999999h": {48 * time.Minute, fanout.ReasonAge},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, hub.Options{}, fanout.Options{Random: func() float64 { return 0 }}, hubtest.NewPipeListener(), portable)
			defer r.stop()
			begin := time.Now()
			c := r.open(r.dial(), "expires="+expires)
			if want.reason == fanout.ReasonExpired {
				if e := c.next(); e.Name != "status" {
					t.Errorf("got %s %s", e.Name, e.Data)
				}
			}
			c.expectEnd()
			if age := time.Since(begin); age != want.after {
				t.Errorf("%s: ended after %v, want %v", expires, age, want.after)
			}
			synctest.Wait()
			if n := r.engine.Stats().Ended[want.reason]; n != 1 {
				t.Errorf("%s: not ended by %s", expires, want.reason)
			}
		})
	}
}

// A client that reads nothing does not stay beyond its time, although the write timeout
// would let it.
func TestExpiryOfAStalledClient(t *testing.T) { everyWriter(t, testExpiryOfAStalledClient) }

func testExpiryOfAStalledClient(t *testing.T, start starter) {
	r := start(hub.Options{MaxData: 16 << 20}, fanout.Options{WriteTimeout: patience})
	r.publish(strings.Repeat("1", 8<<20)) // more than any socket takes
	begin := time.Now()
	body := r.ask(r.dial(), "expires=500ms")
	r.await("the client is closed", func(s fanout.Stats) bool { return s.Clients == 0 })
	if age := time.Since(begin); age < 400*time.Millisecond || age > patience/2 {
		t.Errorf("closed after %v", age)
	}
	if n := r.engine.Stats().Ended[fanout.ReasonExpired]; n != 1 {
		t.Errorf("ended: %v", r.engine.Stats().Ended)
	}
	if _, err := io.Copy(io.Discard, bufio.NewReader(body)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the stream looks complete: %v", err)
	}
}

// rights are until when holders may stay. None is for as long as they like.
type rights struct{ of sync.Map }

func (r *rights) set(holder string, until time.Time) { r.of.Store(holder, until) }

func (r *rights) until(holder string, _ []string) time.Time {
	until, _ := r.of.Load(holder)
	at, _ := until.(time.Time)
	return at
}

// A review ends the streams of those who may not have them any more, at once and cleanly.
// The others go on as if nothing had happened.
func TestReview(t *testing.T) { everyWriter(t, testReview) }

func testReview(t *testing.T, start starter) {
	r := start(hub.Options{Streams: []hub.StreamOptions{{Name: "a"}, {Name: "b"}}}, fanout.Options{Heartbeat: time.Hour})
	var may rights
	r.until = may.until
	may.set("brief", time.Now().Add(time.Hour))
	r.publishTo("a", "1")
	other := r.open(r.dial(), "stream=a")
	stays, brief := r.open(r.dial(), "stream=a&holder=stays"), r.open(r.dial(), "stream=a&holder=brief")
	goes, zipped := r.open(r.dial(), "stream=b&stream=a&holder=goes"), r.openGzip(r.dial(), "stream=a&holder=goes")
	for _, c := range []*client{other, stays, brief, goes, zipped} {
		c.expect("1")
	}
	r.engine.Review() // which changes nothing
	r.publishTo("a", "2")
	for _, c := range []*client{other, stays, brief, goes, zipped} {
		c.expect("2")
	}
	may.set("goes", time.Now())
	r.engine.Review()
	for c, streams := range map[*client][]string{goes: {"b", "a"}, zipped: {"a"}} {
		for _, stream := range streams {
			if e := c.next(); e.Name != hub.StatusEvent || !strings.Contains(string(e.Data), `{"stream":"`+stream+`"`) || !strings.Contains(string(e.Data), `"error":"expired"`) {
				t.Errorf("got %s %s, want the status of %s", e.Name, e.Data, stream)
			}
		}
		c.expectEnd()
	}
	may.set("brief", time.Now()) // and no review yet
	r.publishTo("a", "3")
	for _, c := range []*client{other, stays, brief} {
		c.expect("3")
	}
	r.engine.Review()
	if e := brief.next(); e.Name != hub.StatusEvent {
		t.Errorf("got %s %s", e.Name, e.Data)
	}
	late := r.open(r.dial(), "stream=a&holder=goes") // it was let in a moment before
	late.expect("3")
	if e := late.next(); e.Name != hub.StatusEvent {
		t.Errorf("got %s %s", e.Name, e.Data)
	}
	r.await("counted", func(s fanout.Stats) bool { return s.Ended[fanout.ReasonExpired] == 4 && s.Clients == 2 })
}

// A client whose time is prolonged stays, until the new time or its age, and one that may
// stay while the engine drains leaves with the others.
func TestReviewProlongs(t *testing.T) {
	for name, test := range map[string]struct {
		until, drain, after time.Duration
		reason              fanout.EndReason
	}{
		"later":    {2 * time.Minute, 0, 2 * time.Minute, fanout.ReasonExpired},
		"for ever": {0, 0, 48 * time.Minute, fanout.ReasonAge},
		"drained":  {0, 5 * time.Second, 5 * time.Second, fanout.ReasonDrain},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, hub.Options{}, fanout.Options{Random: func() float64 { return 0 }}, hubtest.NewPipeListener(), portable)
				defer r.stop()
				var may rights
				r.until = may.until
				begin := time.Now()
				may.set("x", begin.Add(time.Minute))
				c := r.open(r.dial(), "holder=x")
				synctest.Wait()
				var until time.Time
				if test.until > 0 {
					until = begin.Add(test.until)
				}
				may.set("x", until)
				r.engine.Review()
				if test.drain > 0 {
					time.Sleep(test.drain)
					go func() { _ = r.engine.Drain(t.Context(), 0) }()
				}
				if test.reason == fanout.ReasonExpired {
					if e := c.next(); e.Name != hub.StatusEvent {
						t.Errorf("got %s %s", e.Name, e.Data)
					}
				}
				c.expectEnd()
				if age := time.Since(begin); age != test.after {
					t.Errorf("ended after %v, want %v", age, test.after)
				}
				synctest.Wait()
				if n := r.engine.Stats().Ended[test.reason]; n != 1 {
					t.Errorf("ended: %v", r.engine.Stats().Ended)
				}
			})
		})
	}
}

// A status that the hub tells by itself takes no stream from a client: one of several nodes
// tells it to each client that resumes, and a leaf to each one when it loses its origin. The
// token of such a client did not end its stream any more, and its heartbeats told no times.
func TestReviewAfterAStatusOfTheHub(t *testing.T) { everyWriter(t, testReviewAfterAStatusOfTheHub) }

func testReviewAfterAStatusOfTheHub(t *testing.T, start starter) {
	r := start(hub.Options{Shared: true, Streams: hub.Named("a")}, fanout.Options{})
	var over atomic.Bool
	r.until = func(_ string, streams []string) time.Time {
		if over.Load() && slices.Contains(streams, "a") {
			return time.Now()
		}
		return time.Time{}
	}
	id := r.publishTo("a", "1")
	dial := func() net.Conn {
		conn := r.dial()
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	resumes := r.open(dial(), "stream=a&holder=x&heartbeat=event", "Last-Event-ID: "+id.String())
	joins := r.open(dial(), "stream=a&holder=x&heartbeat=event")
	await := func(c *client, name, part string) {
		t.Helper()
		for {
			if e := c.next(); e.Name == name && strings.Contains(string(e.Data), part) {
				return
			}
		}
	}
	await(resumes, hub.StatusEvent, `"live"`)
	await(resumes, hub.HeartbeatEvent, `"made":{"a":`)
	await(joins, "", "1")
	await(joins, hub.HeartbeatEvent, `"made":{"a":`)
	r.hub.Override(func(string) hub.Status { return hub.Status{State: hub.Stale, Error: hub.ErrorOrigin} })
	for _, c := range []*client{resumes, joins} {
		await(c, hub.StatusEvent, hub.ErrorOrigin)
	}
	over.Store(true)
	r.engine.Review()
	for _, c := range []*client{resumes, joins} {
		await(c, hub.StatusEvent, hub.ErrorExpired)
		c.expectEnd()
	}
	r.await("counted", func(s fanout.Stats) bool { return s.Ended[fanout.ReasonExpired] == 2 && s.Clients == 0 })
}

// A client is told of a hidden stream what it is told of one that does not exist.
func TestHiddenStream(t *testing.T) { everyWriter(t, testHiddenStream) }

func testHiddenStream(t *testing.T, start starter) {
	r := start(hub.Options{Streams: []hub.StreamOptions{{Name: "a"}, {Name: "secret"}}}, fanout.Options{Heartbeat: 50 * time.Millisecond})
	r.publishTo("a", "1")
	r.publishTo("secret", "2")
	for _, name := range []string{"secret", "missing"} {
		c := r.open(r.dial(), "stream=a&stream="+name+"&hidden="+name+"&heartbeat=event")
		hb := c.next()
		status := c.next()
		if status.Name != hub.StatusEvent || !strings.Contains(string(status.Data), `"error":"removed"`) {
			t.Errorf("%s: got %s %s", name, status.Name, status.Data)
		}
		c.expect("1")
		r.publishTo("secret", "3")
		for range 2 {
			again := c.next()
			if strings.Contains(string(hb.Data)+string(again.Data), name) || again.Name != hub.HeartbeatEvent {
				t.Errorf("%s: %s, then %s %s", name, hb.Data, again.Name, again.Data)
			}
		}
	}
}
