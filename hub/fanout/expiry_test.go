package fanout_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// A client whose time is over gets what is ready and a status for each of its streams, and
// its stream ends cleanly.
func TestExpiryEndsTheStream(t *testing.T) { bothWriters(t, testExpiryEndsTheStream) }

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
	r := newRig(t, hub.Options{}, fanout.Options{}, nil, true)
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

// A stream ends at its expiry to the unit in which it is kept, and at its age if that comes
// first. An expiry in the past ends it at once.
func TestExpiryIsExact(t *testing.T) {
	for expires, want := range map[string]struct {
		after  time.Duration
		reason fanout.EndReason
	}{
		"-1h": {0, fanout.ReasonExpired}, "100ms": {100 * time.Millisecond, fanout.ReasonExpired}, "47m59.85s": {47*time.Minute + 59900*time.Millisecond, fanout.ReasonExpired},
		"48m1s": {48 * time.Minute, fanout.ReasonAge}, "60m": {48 * time.Minute, fanout.ReasonAge}, "999999h": {48 * time.Minute, fanout.ReasonAge},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, hub.Options{}, fanout.Options{Random: func() float64 { return 0 }}, hubtest.NewPipeListener(), false)
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
func TestExpiryOfAStalledClient(t *testing.T) { bothWriters(t, testExpiryOfAStalledClient) }

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
