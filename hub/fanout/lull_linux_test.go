package fanout

import (
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// within is how long the documentation says that a handshake waits at most.
const within = 100 * time.Millisecond

// A handshake waits while all processors write, until one of the writers is done, and not for
// long if none is.
func TestLull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newIdleWriter(t, Options{})
		l := &w.engine.lull
		l.processors = 2
		waits := func() <-chan time.Duration {
			took := make(chan time.Duration, 3)
			begin := time.Now()
			for range cap(took) {
				go func() {
					l.wait()
					took <- time.Since(begin)
				}()
			}
			synctest.Wait()
			return took
		}
		expect := func(when string, took <-chan time.Duration, want time.Duration) {
			t.Helper()
			for range cap(took) {
				if got := <-took; got != want {
					t.Errorf("%s: a handshake waited for %v, want %v", when, got, want)
				}
			}
		}
		expect("nobody writes", waits(), 0)
		l.leave()
		expect("one of two writes", waits(), 0)
		l.leave()
		expect("both write", waits(), within)
		took := waits()
		time.Sleep(within / 2)
		w.serveReady() // there is nothing to write, so it is done at once
		expect("a writer is done", took, within/2)
		expect("the others write on", waits(), within)
		l.enter()
		expect("one of two writes again", waits(), 0)
	})
}

// A TLS handshake is one of those that wait, before it counts as one that takes long.
func TestHandshakeWaitsForLull(t *testing.T) {
	l := &lull{processors: 1}
	d := newDoor(1, slog.New(slog.DiscardHandler), l)
	d.over = true // so that it gets no turn
	synctest.Test(t, func(t *testing.T) {
		l.leave()
		conn, other := net.Pipe()
		defer func() { _, _ = conn.Close(), other.Close() }()
		begin := time.Now()
		err := d.admitHandshake(&connection{door: d, conn: conn})
		if took := time.Since(begin); took != within || err == nil {
			t.Errorf("was let in after %v, %v, want %v", took, err, within)
		}
	})
}
