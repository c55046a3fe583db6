package fanout

import (
	"context"
	"net"
	"time"
)

// state says what a connection is doing, as its door sees it.
type state uint8

// The states in which a connection counts, in the order in which they make room;
// apart is that of one which is a client's, or closed.
const (
	idle   state = iota // between two requests
	silent              // before its first request
	busy                // with a request
	apart
)

// connection is what is known of one that net/http serves. Behind conn and door,
// its fields belong to the door's lock.
type connection struct {
	conn net.Conn
	door *door // nil: it came past all doors, and is not counted

	state      state
	left       bool // it was closed for another, whatever net/http says
	held       int  // requests on it that hold the place of a client
	since      time.Time
	prev, next *connection
}

// connKey is where ConnContext puts the connection.
type connKey struct{}

// connectionOf returns the connection of a request, or nil.
func connectionOf(ctx context.Context) *connection {
	c, _ := ctx.Value(connKey{}).(*connection)
	return c
}

// ConnContext is for http.Server.ConnContext where the server does not get its
// connections by [Engine.Serve]. It tells the engine which connection a request
// came on, so that those that are plain TCP can be handed over.
func (e *Engine) ConnContext(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, &connection{conn: conn})
}

// enterLocked follows a change that net/http tells.
func (c *connection) enterLocked(to state) {
	if !c.left && c.held == 0 {
		c.door.moveLocked(c, to)
	}
}

// hold takes the connection out of those that count, while a request on it holds
// the place of a client.
func (c *connection) hold() {
	if c == nil || c.door == nil {
		return
	}
	d := c.door
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.held++; c.held == 1 {
		d.moveLocked(c, apart)
	}
}

// release ends what hold began.
func (c *connection) release() {
	if c == nil || c.door == nil {
		return
	}
	d := c.door
	d.mu.Lock()
	defer d.mu.Unlock()
	c.held--
	if _, open := d.known[c.conn]; open {
		c.enterLocked(busy) // until net/http says what comes
	}
}

// close closes it. What wraps a connection might wait for the other side.
func (c *connection) close() { _ = c.bare().Close() } // it goes, whatever it says

// bare returns the connection without what wraps it, or nil where none is known.
func (c *connection) bare() net.Conn {
	if c == nil {
		return nil
	}
	conn := c.conn
	for {
		wrapped, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		conn = wrapped.NetConn()
	}
}

// list is of connections, the one that came first in front. Its own element is
// before the first and behind the last.
type list struct{ root connection }

func (l *list) init() { l.root.prev, l.root.next = &l.root, &l.root }

func (l *list) first() *connection {
	if l.root.next == &l.root {
		return nil
	}
	return l.root.next
}

func (l *list) push(c *connection) {
	c.prev, c.next = l.root.prev, &l.root
	c.prev.next, c.next.prev = c, c
}

func (c *connection) unlink() {
	c.prev.next, c.next.prev = c.next, c.prev
	c.prev, c.next = nil, nil
}
