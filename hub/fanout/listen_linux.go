package fanout

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unsentLimit is how many bytes the kernel takes for a client ahead of what it
// can send. Without it the kernel hides a client that reads nothing behind
// megabytes of buffer. What is on its way does not count, so far and fast
// clients lose nothing.
const unsentLimit = 16 << 10

// Keep-alive, as the net package would set it on each connection.
const (
	keepAliveSeconds = 15
	keepAliveProbes  = 9
)

// acceptSeconds is how long a connection that says nothing is the kernel's alone.
// One that was accepted before its request is there costs a goroutine that waits.
const acceptSeconds = 1

// ListenConfig returns the configuration for listeners whose connections carry
// streams: the kernel takes little for a client ahead of what it can send. Accept
// returns a connection when its request is there, or a second after it was made.
func ListenConfig() net.ListenConfig {
	// Connections inherit these from the listener, which saves a client as many
	// system calls.
	options := []struct{ level, name, value int }{
		{unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepAliveSeconds},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepAliveSeconds},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAliveProbes},
	}
	config := net.ListenConfig{
		KeepAlive: -1, // set already
		Control: func(_, _ string, conn syscall.RawConn) error {
			var failed error
			err := conn.Control(func(fd uintptr) {
				// Where there is no such thing, it is only not as fast.
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, acceptSeconds)
				for _, o := range options {
					failed = errors.Join(failed, unix.SetsockoptInt(int(fd), o.level, o.name, o.value))
				}
			})
			return errors.Join(err, failed)
		},
	}
	// Connections of a listener for multipath TCP do not inherit all of it.
	config.SetMultipathTCP(false)
	return config
}
