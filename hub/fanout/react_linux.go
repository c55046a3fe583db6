package fanout

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// react follows an event of epoll.
func (w *writer) react(event *unix.EpollEvent) {
	slot := uint32(event.Fd)
	if slot >= uint32(len(w.clients)) || w.clients[slot] == nil || w.clients[slot].generation != uint32(event.Pad) {
		return // the client has left
	}
	c := w.clients[slot]
	if event.Events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		w.remove(c, lossReason(socketError(c.fd)))
		return
	}
	if event.Events&unix.EPOLLIN != 0 && c.carrier != nil {
		w.hear(c)
	}
	if event.Events&unix.EPOLLRDHUP != 0 && c.adopted && c.ending() == "" {
		w.dismiss(c)
	}
	if event.Events&unix.EPOLLOUT != 0 && c.adopted && !c.pending.isNil() {
		w.resume(c)
	}
}

// dismiss ends the stream of a client that has closed its half of the connection. Most
// such clients have left. One that still reads gets the rest of the present frame, and
// the end.
func (w *writer) dismiss(c *Client) {
	if c.pending.isNil() {
		w.bufs = w.bufs[:0]
		w.end(c, ReasonGone)
		return
	}
	c.endsAs(ReasonGone)
	c.pending.set(append(c.pending.all(), c.terminator()))
}

// hear reads what a client with TLS has sent. One that says that it sends nothing more is
// dismissed. One that breaks the rules of TLS, or sends more than it needs to, is lost. It is
// told, if its socket takes that.
func (w *writer) hear(c *Client) {
	err := c.carrier.hear()
	switch {
	case errors.Is(err, io.EOF):
		if c.ending() == "" {
			w.dismiss(c)
		}
	case err != nil:
		_, _, _ = c.send(nil, nil) // the alert
		w.remove(c, ReasonGone)
	case c.pending.isNil() && len(c.carrier.out) > 0: // an answer of TLS
		rest, cut, errno := c.send(nil, nil)
		if errno != 0 {
			w.remove(c, lossReason(errno))
		} else if rest != nil {
			c.keep(rest, cut)
			w.block(c)
		}
	}
}

// resume writes what is pending.
func (w *writer) resume(c *Client) {
	pending := c.pending.all()
	rest, _, errno := c.send(pending, w.iov)
	switch {
	case errno != 0:
		w.remove(c, lossReason(errno))
	case rest == nil:
		c.pending.set(nil)
		c.letGo()
		c.wroteAt = w.wheel.Now()
		if c.ending() != "" {
			w.remove(c, c.ending())
			return
		}
		w.reschedule(c, c.wroteAt+c.silence) // no heartbeat was due while the socket was full
		c.behind = true
		w.pump(c)
	default:
		clear(pending[:len(pending)-len(rest)]) // written
		c.pending.set(rest)
		w.look(c)
	}
}
