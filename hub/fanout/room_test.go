package fanout_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// Clients that do not read hold together what they may, and not a document each. Those
// beyond that wait, nobody else does, and when they read again each gets everything
// that is kept, behind a reset where something is not.
func TestSlowClientsShareABound(t *testing.T) { everyWriter(t, testSlowClientsShareABound) }

func testSlowClientsShareABound(t *testing.T, start starter) {
	const size, limit = 300_000, 1_500_000
	r := start(
		hub.Options{HistoryBytes: 3 * size},
		fanout.Options{HeldBytes: limit, WriteTimeout: patience, Heartbeat: 50 * time.Millisecond},
	)
	document := func(n int) string { return fmt.Sprintf("%d%s", n, strings.Repeat(" ", size)) }
	number := func(data []byte) (n int) {
		if _, err := fmt.Sscanf(string(data[:min(20, len(data))]), "%d", &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	fast := r.open(r.dial(), "")
	var slow []*client
	last := 0
	for range 20 {
		for range 2 {
			last++
			r.publish(document(last))
			if n := number(fast.next().Data); n != last {
				t.Fatalf("the fast client got %d, want %d", n, last)
			}
		}
		before := r.engine.Stats()
		slow = append(slow, r.open(r.dialSmall(), ""))
		// It holds the newest document, or waits.
		r.await("the client is served", func(s fanout.Stats) bool {
			return s.Deliveries > before.Deliveries || s.HeldWaits > before.HeldWaits
		})
		if held := r.engine.Stats().HeldBytes; held > limit+2*size {
			t.Fatalf("%d clients hold %d bytes, limit %d", len(slow), held, limit)
		}
	}
	if waits := r.engine.Stats().HeldWaits; waits < 10 {
		t.Fatalf("%d clients waited", waits)
	}
	ended := make(chan string)
	for _, c := range slow {
		go func() {
			for at := 0; at < last; {
				e, err := c.Next()
				switch {
				case err != nil:
					ended <- err.Error()
					return
				case e.Name == hub.ResetEvent:
					at = 0
				case e.Name == "":
					n := number(e.Data)
					if at != 0 && n != at+1 {
						ended <- fmt.Sprintf("%d behind %d", n, at)
						return
					}
					at = n
				}
			}
			ended <- ""
		}()
	}
	for range slow {
		if err := <-ended; err != "" {
			t.Error(err)
		}
	}
	r.await("nothing is held", func(s fanout.Stats) bool { return s.HeldBytes == 0 })
}
