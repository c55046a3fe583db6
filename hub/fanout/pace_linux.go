package fanout

import (
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A client may be slow, but not stall. Bytes that were written to it lie in the socket
// until it takes them. The kernel is not asked to give up clients, because it would also
// give up one that takes a little at a time. A client has the write timeout to take what
// was written to it. Each byte that it takes adds the time that the least rate gives it
// for one byte, up to the write timeout. So a client that stops is closed when the time is
// over, and a client that takes a large frame slowly gets it whole, even if it takes bytes
// only in large steps.

// looksPerTimeout is how often the writer looks at a full socket in each write timeout,
// at least. The socket itself reports only larger steps. Bytes that a client has taken
// count from the look that finds them: with 4 looks, clients that stopped at once were
// closed after 12 s instead of 10, because their kernels had taken some more bytes.
const looksPerTimeout = 16

// watch starts the time of a client that was written to, if it does not run already. The
// writer looks at a client without pending bytes when its time is over, and not at each
// write: with small events that is one look for each write timeout.
func (w *writer) watch(c *Client) {
	if c.deadline == 0 {
		c.goal = uint32(c.owed())
		c.deadline = w.wheel.Now() + w.timeout() + 1
	} else if c.pending.isNil() {
		return // the look is in the wheel
	}
	w.reschedule(c, w.lookAt(c))
}

// block is watch for a client whose socket is full.
func (w *writer) block(c *Client) {
	if c.deadline == 0 {
		c.mark = uint32(c.taken())
	} else {
		w.look(c)
	}
	w.watch(c)
}

func (w *writer) timeout() uint32 { return max(w.ticks(w.engine.opts.WriteTimeout), 1) }

// lookAt returns when the writer looks at a client whose time runs.
func (w *writer) lookAt(c *Client) uint32 {
	if c.pending.isNil() {
		return c.deadline
	}
	return min(c.deadline, w.wheel.Now()+max(w.timeout()/looksPerTimeout, 1))
}

// look adds the time for what the client has taken. When the engine drains and the stream
// ends, the present frame is the last one, and gets no more time.
func (w *writer) look(c *Client) {
	if w.draining && c.ending() != "" {
		return
	}
	taken := c.taken()
	step := max(int32(uint32(taken)-c.mark), 0)
	c.mark = uint32(taken)
	most := w.wheel.Now() + w.timeout() + 1
	switch {
	case taken == c.sent() && c.pending.isNil():
		c.deadline = 0 // the client has everything
	case int32(uint32(taken)-c.goal) >= 0:
		c.goal, c.deadline = uint32(c.owed()), most
	default:
		c.deadline = uint32(min(uint64(most), uint64(c.deadline)+uint64(step)*uint64(w.timeout())/uint64(w.engine.quota)))
	}
}

// owed returns how many bytes the client has taken when it has everything.
func (c *Client) owed() uint64 {
	n := c.sent()
	if c.carrier != nil {
		n += uint64(len(c.carrier.out)) // the rest gets a little longer when it is sealed
	}
	for _, buf := range c.pending.all() {
		n += uint64(len(buf))
	}
	return n
}

// taken returns how many bytes have reached the other end: those that the socket has
// accepted, without those that it still holds.
func (c *Client) taken() uint64 {
	sent := c.sent()
	return sent - min(uint64(held(c.fd)), sent)
}

// sent returns how many bytes the socket has accepted, those of TLS included.
func (c *Client) sent() uint64 {
	if c.carrier != nil {
		return c.carrier.sent
	}
	return c.bytes
}

// held returns how many bytes in a socket have not reached the other end.
func held(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	if err != nil {
		return 0 // not known: all bytes that were accepted count as taken
	}
	return n
}

// heldBy is held for a connection. It returns 0 where that is not known.
func heldBy(conn net.Conn) (n int) {
	_ = control(conn, func(fd int) { n = held(fd) }) // an error means that the connection has ended: a write will say so
	return n
}

// limitRest limits how long the kernel goes on to send what a socket holds that is closed
// now: to the time that the client has for it.
func (e *Engine) limitRest(conn net.Conn) {
	_ = control(conn, e.limitRestOf) // an error means that the connection has ended
}

func (e *Engine) limitRestOf(fd int) {
	if n := held(fd); n > 0 {
		timeout := e.opts.WriteTimeout + time.Duration(float64(n)/float64(e.quota)*float64(e.opts.WriteTimeout))
		// This fails only for a connection that has ended.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(min(timeout, day).Milliseconds()))
	}
}

const day = 24 * time.Hour

// dismissSocket closes the socket of a client. The bytes that it holds for a stalled
// client are dropped.
func (e *Engine) dismissSocket(fd int, reason EndReason) {
	if reason == ReasonSlow {
		// This fails only for a connection that has ended.
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	} else {
		e.limitRestOf(fd)
	}
	closeSocket(fd)
}

// control calls f with the descriptor of a connection.
func control(conn net.Conn, f func(fd int)) error {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return errors.ErrUnsupported
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { f(int(fd)) })
}
