package fanout

import "golang.org/x/sys/unix"

// Whether a client whose socket is full is slow, which it may be, or stalled. It
// has the write timeout to take a quota: what the least rate gives in that time.
// Whenever it has, the time begins anew. So one that stops is closed when the
// write timeout is over, and one that takes a large frame slowly gets it whole.

// looksPerTimeout is how often at least the writer looks. The socket itself tells
// only of larger steps.
const looksPerTimeout = 4

// block starts the time of a client whose socket is full.
func (w *writer) block(c *Client) {
	c.mark = c.taken()
	c.deadline = w.wheel.now + w.timeout() + 1
	w.hasten(c, w.lookAt(c))
}

func (w *writer) timeout() uint32 { return max(w.ticks(w.engine.opts.WriteTimeout), 1) }

// lookAt returns when the writer looks at a client whose socket is full.
func (w *writer) lookAt(c *Client) uint32 {
	return min(c.deadline, w.wheel.now+max(w.timeout()/looksPerTimeout, 1))
}

// look begins the time anew if the client has taken its quota. It does not when
// the engine drains and the stream ends: then the present frame is the last, and
// has no more time than it has already.
func (w *writer) look(c *Client) {
	if w.draining && c.ending != "" {
		return
	}
	if taken := c.taken(); int64(taken-c.mark) >= w.engine.quota {
		c.mark = taken
		c.deadline = w.wheel.now + w.timeout() + 1
	}
}

// taken returns how many bytes have reached the client's end. The socket has
// accepted more than that, up to what it holds.
func (c *Client) taken() uint64 {
	held, err := unix.IoctlGetInt(c.fd, unix.SIOCOUTQ)
	if err != nil {
		held = 0 // where it cannot be told, what was accepted counts
	}
	return c.bytes - min(uint64(held), c.bytes)
}
