package fanout_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// A stream is the last answer of its connection anyway. So a client that sends
// "Connection: close", as nginx does by default, costs no more than any other.
func TestHandOverOfAClientThatCloses(t *testing.T) {
	r := newRig(t, hub.Options{}, fanout.Options{}, nil, handedOver)
	r.publish("1")
	c := r.open(r.dial(), "limit=2", "Connection: close")
	c.expect("1")
	r.publish("2")
	c.expect("2")
	c.expectEnd()
	if n := r.engine.Stats().HandedOver; n != 1 {
		t.Errorf("%d were handed over", n)
	}
}

// A client that does not take what the kernel holds for it counts as slow, although the
// kernel closes it. The kernel tells the reason once. Beside the portable writer net/http
// reads from the connection. If it is told, the writer sees a client that has gone.
func TestClosedByTheKernel(t *testing.T) { everyWriter(t, testClosedByTheKernel) }

func testClosedByTheKernel(t *testing.T, start starter) {
	r := start(hub.Options{MaxData: 4 << 20}, fanout.Options{WriteTimeout: time.Hour})
	raw, err := r.accept.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 300)
	})
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	r.open(r.dialSmall(), "")
	r.publish(`"` + strings.Repeat("x", 4<<20-2) + `"`)
	r.await("it is closed", func(s fanout.Stats) bool { return s.Clients == 0 })
	stats := r.engine.Stats()
	ended := stats.Ended[fanout.ReasonSlow]
	if stats.HandedOver == 0 {
		ended += stats.Ended[fanout.ReasonGone]
	}
	if ended != 1 {
		t.Errorf("ended %v", stats.Ended)
	}
}
