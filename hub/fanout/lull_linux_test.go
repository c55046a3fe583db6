package fanout

import (
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// A handshake waits while all processors write, until one of the writers is done, and not for
// long if none is.
func TestLull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := hub.New(hub.Options{})
		if err != nil {
			t.Fatal(err)
		}
		engine, err := New(Options{Hub: h, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		w, err := newWriter(engine)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			w.poll.close()
			w.yielder.close()
		}()
		l := &engine.lull
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
		expect("both write", waits(), lullWithin)
		took := waits()
		time.Sleep(lullWithin / 2)
		w.serveReady() // there is nothing to write, so it is done at once
		expect("a writer is done", took, lullWithin/2)
		expect("the others write on", waits(), lullWithin)
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
		if took := time.Since(begin); took != lullWithin || err == nil {
			t.Errorf("was let in after %v, %v, want %v", took, err, lullWithin)
		}
	})
}
