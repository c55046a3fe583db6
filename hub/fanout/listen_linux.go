package fanout

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unsentLimit is how many bytes the kernel takes for a client ahead of those that it
// can send. Without the limit, megabytes of buffer hide a client that reads nothing.
// Bytes on their way do not count, so a distant client with a fast connection is not
// slowed down.
const unsentLimit = 16 << 10

// The keep-alive settings that the net package would make for each connection.
const (
	keepAliveSeconds = 15
	keepAliveProbes  = 9
)

// acceptSeconds is how long the kernel holds back a connection that sends nothing. A
// connection that is accepted before its request has come costs a goroutine that waits.
const acceptSeconds = 1

// ListenConfig returns the configuration for listeners whose connections carry streams:
// the kernel takes few bytes for a client ahead of those that it can send. Accept
// returns a connection when its request has come, or after a second.
func ListenConfig() net.ListenConfig {
	// Connections inherit these from the listener, which saves as many system calls for
	// each client.
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
				// Without this option accepting only costs more.
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, acceptSeconds)
				for _, o := range options {
					failed = errors.Join(failed, unix.SetsockoptInt(int(fd), o.level, o.name, o.value))
				}
			})
			return errors.Join(err, failed)
		},
	}
	// Connections of a listener for multipath TCP do not inherit all options.
	config.SetMultipathTCP(false)
	return config
}
