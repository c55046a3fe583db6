package fanout

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// full is a writer that has adopted one client, whose socket is full. The test moves its
// wheel.
type full struct {
	*writer
	client *Client
	reason func() EndReason // why the client was closed; "" if it was not
}

func newFull(t *testing.T, opts Options) full {
	t.Helper()
	w := newIdleWriter(t, opts)
	c, err := w.engine.Open(httptest.NewRequest(http.MethodGet, "/", http.NoBody), Request{})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	other, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	ours, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if c.fd, _, err = detach(ours); err != nil {
		t.Fatal(err)
	}
	rest := [][]byte{make([]byte, 64<<20)}
	for before := 0; len(rest[0]) != before; time.Sleep(10 * time.Millisecond) { // the kernel passes bytes on
		before = len(rest[0])
		if rest, _, _ = c.send(rest, nil); rest == nil {
			t.Fatal("the socket takes everything")
		}
	}
	c.pending.set(rest)
	w.adopt(c)
	return full{w, c, func() EndReason {
		for reason, n := range w.engine.Stats().Ended {
			if n > 0 {
				return reason
			}
		}
		return ""
	}}
}

func (f full) advance(ticks uint32) { f.wheel.Advance(f.wheel.Now()+ticks, f.due) }

// A client that takes nothing is closed exactly when the write timeout is over.
func TestStalledAtTheTimeout(t *testing.T) {
	f := newFull(t, Options{})
	if after := f.lookAt(f.client) - f.wheel.Now(); after != f.timeout()/16 {
		t.Errorf("what it has taken is looked at after %d of %d ticks, want a sixteenth", after, f.timeout())
	}
	f.advance(f.timeout())
	if reason := f.reason(); reason != "" {
		t.Fatalf("closed at the timeout, as %s", reason)
	}
	f.advance(1)
	if reason := f.reason(); reason != ReasonSlow {
		t.Errorf("behind the timeout: %q", reason)
	}
}

// The kernel sends the bytes of a socket that is closed for the write timeout, and for the
// time that the least rate gives the client for them.
func TestRestIsLimited(t *testing.T) {
	const timeout, rate = 10 * time.Second, 1 << 20
	f := newFull(t, Options{WriteTimeout: timeout, MinRate: rate})
	rest := held(f.client.fd)
	f.engine.limitRestOf(f.client.fd)
	got, err := unix.GetsockoptInt(f.client.fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
	if want := (timeout + time.Second*time.Duration(rest)/rate).Milliseconds(); err != nil || int64(got) != want {
		t.Errorf("%d ms for %d bytes, %v, want %d", got, rest, err, want)
	}
}

// Each byte that a client takes adds the time that the least rate gives it for one byte,
// up to the write timeout.
func TestTakingRenewsTheTime(t *testing.T) {
	const quota = 200
	for taken, want := range map[uint64]int{0: 4, quota / 8: 7, quota / 4: 20, quota: 20} { // in a quarter of a write timeout
		f := newFull(t, Options{MinRate: quota / 10})
		survived := 0
		for ; survived < 20; survived++ {
			f.client.mark = uint32(f.client.taken() - taken) // as if it had taken so much since the last look
			f.advance(f.timeout() / 4)
			if f.reason() != "" {
				break
			}
		}
		if f.reason() == "" {
			f.remove(f.client, ReasonGone)
		}
		if survived != want {
			t.Errorf("%d bytes in each quarter of a write timeout: closed behind %d of them, want %d", taken, survived, want)
		}
	}
	f := newFull(t, Options{})
	if want := uint32(f.client.bytes) + uint32(len(f.client.pending.all()[0])); f.client.goal != want { // with the pending bytes
		t.Errorf("it has to take up to %d, want %d", f.client.goal, want)
	}
	f.remove(f.client, ReasonGone)
	f = newFull(t, Options{MinRate: quota / 10})
	f.client.mark = uint32(f.client.taken() - 5*quota)
	f.advance(2 * f.timeout())
	if reason := f.reason(); reason != ReasonSlow {
		t.Errorf("one that took much, and then nothing: %q", reason)
	}
}

// While the engine drains, a stream that ends gets no more time.
func TestNoTimeIsRenewedAtTheEndOfADrain(t *testing.T) {
	f := newFull(t, Options{})
	f.drain() // at once: its window is 0
	for range 2 * f.timeout() {
		if f.reason() == "" {
			f.client.mark = uint32(f.client.taken() - min(uint64(f.engine.quota), f.client.taken()))
			f.advance(1)
		}
	}
	if reason := f.reason(); reason != ReasonSlow {
		t.Errorf("closed as %q, want %q", reason, ReasonSlow)
	}
}

// A drain ends a stream within its window.
func TestEndOfADrain(t *testing.T) {
	f := newFull(t, Options{Random: func() float64 { return 0.5 }})
	f.engine.window = 8 * time.Second
	f.drain()
	if got, want := f.client.endAt-f.wheel.Now(), f.ticks(4*time.Second); got != want {
		t.Errorf("the end is %d ticks away, want %d", got, want)
	}
	f.remove(f.client, ReasonGone)
}
