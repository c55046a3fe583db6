package fanout_test

import (
	"io"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/polluxhub/pollux/hub/fanout"
)

// The options of each connection bound how much the kernel takes for a client that does
// not read. They do not bound for how long, so TCP_USER_TIMEOUT is 0: it counts from the
// first probe of a window that is too small, and not from the last byte that was taken.
// At 3 s it reset clients of TestSlowWithASmallWindow that read 3 to 8 kB/s without a
// pause, after 3.6 to 4.3 s.
func TestListenConfig(t *testing.T) {
	config := fanout.ListenConfig()
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := io.WriteString(client, "GET"); err != nil {
		t.Fatal(err)
	}
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, option := range []struct {
		name         string
		of           any
		level, value int
		want         int
	}{
		{"TCP_DEFER_ACCEPT", listener, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 1},
		{"TCP_NOTSENT_LOWAT", conn, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 16 << 10},
		{"TCP_USER_TIMEOUT", conn, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 0},
		{"SO_KEEPALIVE", conn, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"TCP_KEEPIDLE", conn, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15},
		{"TCP_KEEPINTVL", conn, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
		{"TCP_KEEPCNT", conn, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9},
	} {
		raw, err := option.of.(syscall.Conn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var got int
		var failed error
		if err := raw.Control(func(fd uintptr) {
			got, failed = unix.GetsockoptInt(int(fd), option.level, option.value)
		}); err != nil || failed != nil || got != option.want {
			t.Errorf("%s is %d, want %d; %v, %v", option.name, got, option.want, err, failed)
		}
	}
}
