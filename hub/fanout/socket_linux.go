package fanout

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// send writes bufs to the client's socket and returns the buffers that it did not take, or
// nil if it took everything. The first of these may be cut: cut is how many of its bytes were
// taken. With TLS, rest may have no buffer: records are left then. iov is scratch.
func (c *Client) send(bufs [][]byte, iov []unix.Iovec) (rest [][]byte, cut int, errno syscall.Errno) {
	if c.carrier != nil {
		return c.carrier.send(c, bufs)
	}
	var n int
	if len(bufs) == 1 {
		n, errno = send(c.fd, bufs[0])
	} else {
		n, errno = sendAll(c.fd, bufs, iov)
	}
	if errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR {
		return nil, 0, errno
	}
	c.bytes += uint64(n)
	c.engine.stats.bytes.Add(uint64(n))
	for len(bufs) > 0 && n >= len(bufs[0]) {
		n -= len(bufs[0])
		bufs = bufs[1:]
	}
	if len(bufs) == 0 {
		return nil, 0, 0
	}
	bufs[0] = bufs[0][n:]
	return bufs, n, 0
}

// send writes to a socket without waiting and without raising SIGPIPE. It does not
// announce the system call to the scheduler, since the call cannot wait. That would be a
// tenth of the cost of a delivery.
func send(fd int, buf []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// sendAll does the same with several buffers in one call. iov is scratch.
func sendAll(fd int, bufs [][]byte, iov []unix.Iovec) (int, syscall.Errno) {
	iov = iov[:0]
	for _, buf := range bufs {
		v := unix.Iovec{Base: unsafe.SliceData(buf)}
		v.SetLen(len(buf))
		iov = append(iov, v)
	}
	var message unix.Msghdr
	message.Iov = unsafe.SliceData(iov)
	message.SetIovlen(len(iov))
	n, _, errno := syscall.RawSyscall(syscall.SYS_SENDMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&message)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	clear(iov) // or it would keep documents that history has dropped
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// lossReason returns why a client is lost whose connection has this error. The kernel may
// be the first to give up a client that does not answer.
func lossReason(errno syscall.Errno) EndReason {
	if errno == unix.ETIMEDOUT {
		return ReasonSlow
	}
	return ReasonGone
}

// socketError returns the error of a connection, or 0.
func socketError(fd int) syscall.Errno {
	errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return 0
	}
	return syscall.Errno(errno)
}

// closeSocket closes a connection. It first reads what the client has sent. Otherwise
// the kernel would send a reset, and the client could lose the end of the stream.
func closeSocket(fd int) {
	var trash [4096]byte
	for range 16 {
		if n, err := unix.Read(fd, trash[:]); n <= 0 || err != nil {
			break
		}
	}
	closeDescriptor(fd)
}

func closeDescriptor(fd int) {
	_ = unix.Close(fd) // the descriptor is closed in any case
}
