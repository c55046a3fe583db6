package fanout

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unsentLimit is how many bytes the kernel takes for a client ahead of what it
// can send. Without it the kernel hides a client that reads nothing behind
// megabytes of buffer. What is on its way does not count, so far and fast
// clients lose nothing.
const unsentLimit = 16 << 10

// ListenConfig returns the configuration for listeners whose connections carry
// streams: a client that takes nothing for writeTimeout is closed by the kernel
// even when there is too little to send for a write to block.
func ListenConfig(writeTimeout time.Duration) net.ListenConfig {
	return net.ListenConfig{
		Control: func(_, _ string, conn syscall.RawConn) error {
			var failed error
			err := conn.Control(func(fd uintptr) {
				// Connections inherit both from the listener.
				failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit)
				if failed == nil {
					failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(writeTimeout.Milliseconds()))
				}
			})
			if err != nil {
				return err
			}
			return failed
		},
	}
}
