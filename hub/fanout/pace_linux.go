package fanout

import (
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Whether a client is slow, which it may be, or stalled. What was written to it lies
// in the socket until it is taken; the kernel itself gives up on nobody, because it
// does so also on a client that takes a little at a time. A client has the write
// timeout to take what is there, and each byte that it takes buys as much time as it
// has for one at the least rate, up to the write timeout. So one that stops is closed
// when that is over, and one that takes a large frame slowly gets it whole, also where
// it takes more in steps only.

// looksPerTimeout is how often at least the writer looks while a socket is full. The
// socket itself tells only of larger steps. What a client has taken counts from the
// look that finds it: with 4 looks, clients that stopped at once were closed after 12 s
// and not 10, because their kernels had taken some bytes more.
const looksPerTimeout = 16

// watch starts the time of a client that was written to, if it does not run already.
// A client for which nothing is pending is looked at when its time is over, and not at
// each write: with small events that is one look for each write timeout.
func (w *writer) watch(c *Client) {
	if c.deadline == 0 {
		c.goal = uint32(c.owed())
		c.deadline = w.wheel.Now() + w.timeout() + 1
	} else if c.pending == nil {
		return // its look is in the wheel
	}
	w.hasten(c, w.lookAt(c))
}

// block does so for a client whose socket is full.
func (w *writer) block(c *Client) {
	if c.deadline == 0 {
		c.mark = uint32(c.taken())
	} else {
		w.look(c)
	}
	w.watch(c)
}

func (w *writer) timeout() uint32 { return max(w.ticks(w.engine.opts.WriteTimeout), 1) }

// lookAt returns when the writer looks at a client that has something to take.
func (w *writer) lookAt(c *Client) uint32 {
	if c.pending == nil {
		return c.deadline
	}
	return min(c.deadline, w.wheel.Now()+max(w.timeout()/looksPerTimeout, 1))
}

// look gives the client time for what it has taken. It does not when the engine
// drains and the stream ends: then the present frame is the last, and has no more time
// than it has already.
func (w *writer) look(c *Client) {
	if w.draining && c.ending != "" {
		return
	}
	taken := c.taken()
	step := max(int32(uint32(taken)-c.mark), 0)
	c.mark = uint32(taken)
	most := w.wheel.Now() + w.timeout() + 1
	switch {
	case taken == c.bytes && c.pending == nil:
		c.deadline = 0 // it has everything
	case int32(uint32(taken)-c.goal) >= 0:
		c.goal, c.deadline = uint32(c.owed()), most
	default:
		c.deadline = uint32(min(uint64(most), uint64(c.deadline)+uint64(step)*uint64(w.timeout())/uint64(w.engine.quota)))
	}
}

// owed returns how many bytes the client will have taken when it has everything.
func (c *Client) owed() uint64 {
	n := c.bytes
	for _, buf := range c.pending {
		n += uint64(len(buf))
	}
	return n
}

// taken returns how many bytes have reached the client's end. The socket has
// accepted more than that, up to what it holds.
func (c *Client) taken() uint64 { return c.bytes - min(uint64(held(c.fd)), c.bytes) }

// held returns how many bytes are in a socket that have not reached the other end.
func held(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	if err != nil {
		return 0 // where it cannot be told, what was accepted counts
	}
	return n
}

// heldBy returns the same of a connection, and 0 where it cannot be told.
func heldBy(conn net.Conn) (n int) {
	_ = control(conn, func(fd int) { n = held(fd) }) // it has ended, then: a write will tell
	return n
}

// bequeath says how long the kernel tries to send what a socket holds that is closed
// now: as long as the client may take for it.
func (e *Engine) bequeath(conn net.Conn) {
	_ = control(conn, e.bequeathTo) // it has ended, then
}

func (e *Engine) bequeathTo(fd int) {
	if n := held(fd); n > 0 {
		timeout := e.opts.WriteTimeout + time.Duration(float64(n)/float64(e.quota)*float64(e.opts.WriteTimeout))
		// What fails here fails for a connection that has ended already.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(min(timeout, day).Milliseconds()))
	}
}

const day = 24 * time.Hour

// dismissSocket closes the socket of a client. Of what it holds for one that was
// stalled nothing is kept.
func (e *Engine) dismissSocket(fd int, reason Reason) {
	if reason == ReasonSlow {
		// What fails here fails for a connection that has ended already.
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	} else {
		e.bequeathTo(fd)
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
