package fanout_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// A client that reads slowly and never stops gets a whole frame, even if that takes many
// write timeouts.
func TestSlowIsNotStalled(t *testing.T) { everyWriter(t, testSlowIsNotStalled) }

func testSlowIsNotStalled(t *testing.T, start starter) {
	t.Parallel()
	const timeout = 3 * time.Second // a pause of the machine must not last that long
	document := `"` + strings.Repeat("x", 600<<10) + `"`
	r := start(hub.Options{}, fanout.Options{WriteTimeout: timeout})
	c := r.open(r.dialSmall(), "")
	r.publish(document)
	begin := time.Now()
	text := make([]byte, 0, len(document)+100)
	for piece := make([]byte, 8<<10); len(text) < len(document); time.Sleep(100 * time.Millisecond) {
		n, err := c.body.Read(piece)
		text = append(text, piece[:n]...)
		if err != nil {
			t.Fatalf("after %d bytes: %v", len(text), err)
		}
	}
	if took := time.Since(begin); took < 2*timeout {
		t.Errorf("it took %v: the test shows nothing", took)
	}
	if !strings.Contains(string(text), document[:len(document)/2]) {
		t.Error("that was another document")
	}
}

// The kernel does not give up a client that reads a little at a time, so that its receive
// window is always smaller than what is to be sent.
func TestSlowWithASmallWindow(t *testing.T) { everyWriter(t, testSlowWithASmallWindow) }

func testSlowWithASmallWindow(t *testing.T, start starter) {
	t.Parallel()
	const timeout = 3 * time.Second
	for name, length := range map[string]int{"more than the socket takes": 50 << 10, "what the socket takes": 17 << 10} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(hub.Options{}, fanout.Options{WriteTimeout: timeout})
			c := r.open(r.dialSmall(), "")
			r.publish(`"` + strings.Repeat("x", length) + `"`)
			begin, pause := time.Now(), 40*time.Millisecond
			for read, piece := 0, make([]byte, int64(length)*int64(pause)/int64(2*timeout)); read < length; time.Sleep(pause) {
				n, err := c.body.Read(piece)
				if read += n; err != nil {
					t.Fatalf("after %d bytes and %v: %v", read, time.Since(begin), err)
				}
			}
		})
	}
}

// The least rate is exact, and 1 kB/s by default. A client just below it is not closed
// after the write timeout: each byte buys time at the least rate, so a client that takes
// a hundredth less loses a hundredth of its time. The test runs in fake time, so it tests
// the portable writer.
func TestLeastRate(t *testing.T) {
	for _, test := range []struct {
		name   string
		pause  time.Duration // between 100 bytes
		closed time.Duration // within which the client is closed; 0: it gets everything
	}{
		{"a hundredth more", 99 * time.Millisecond, 0},
		{"a hundredth less", 101 * time.Millisecond, 6 * time.Minute},
		{"a tenth less", 111 * time.Millisecond, 50 * time.Second},
		{"a third less", 150 * time.Millisecond, 2 * fanout.DefaultWriteTimeout},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const length = 2_000_000
				r := newRig(t, hub.Options{MaxData: 2 * length}, fanout.Options{}, hubtest.NewPipeListener(), portable)
				defer r.stop()
				c := r.open(r.dial(), "limit=1")
				begin := time.Now()
				r.publish(`"` + strings.Repeat("x", length) + `"`)
				read, err := 0, error(nil)
				for piece := make([]byte, 100); err == nil && read < length; time.Sleep(test.pause) {
					var n int
					n, err = io.ReadFull(c.conn, piece)
					read += n
				}
				whole := test.closed == 0
				if whole != (read >= length) {
					t.Errorf("%d of %d bytes came in %v", read, length, time.Since(begin))
				}
				go func() { _, _ = io.Copy(io.Discard, c.conn) }() // the rest
				synctest.Wait()
				ended := r.engine.Stats().Ended
				if !whole && ended[fanout.ReasonSlow] != 1 || whole && ended[fanout.ReasonLimit] != 1 {
					t.Errorf("ended %v", ended)
				}
				if took := time.Since(begin); !whole && took > test.closed {
					t.Errorf("closed after %v, want %v at most", took, test.closed)
				}
			})
		})
	}
}

// A drain does not wait for a slow client within a large frame: the client has the write
// timeout from its moment in the window.
func TestDrainAmidALargeFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const window = 8 * time.Second
		var reading sync.WaitGroup
		defer reading.Wait()
		r := newRig(t, hub.Options{}, fanout.Options{Random: func() float64 { return 0.5 }}, hubtest.NewPipeListener(), portable)
		defer r.stop()
		c := r.open(r.dial(), "")
		r.publish(`"` + strings.Repeat("x", 900_000) + `"`)
		reading.Go(func() { // for a quarter of an hour
			for piece := make([]byte, 100); ; time.Sleep(90 * time.Millisecond) {
				if _, err := c.conn.Read(piece); err != nil {
					return
				}
			}
		})
		time.Sleep(time.Minute)
		if stats := r.engine.Stats(); stats.Clients != 1 {
			t.Fatalf("counted %+v", stats)
		}
		begin := time.Now()
		if err := r.engine.Drain(context.Background(), window); err != nil {
			t.Fatal(err)
		}
		if took, want := time.Since(begin), window/2+fanout.DefaultWriteTimeout; took > want {
			t.Errorf("it took %v, want %v at most", took, want)
		}
	})
}
