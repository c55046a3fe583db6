package fanout

import (
	"context"
	"net"
	"sync/atomic"
	"time"
)

// state says what a connection is doing, as its door sees it.
type state uint8

// The states in which a connection counts. A connection that is apart does not count: it
// belongs to a client, or is closed.
const (
	idle    state = iota // between two requests
	silent               // before its first request
	shaking              // from the first message of TLS to the first request
	busy                 // with a request
	apart
)

// stateNames are the labels of metrics for the states that count.
var stateNames = [apart]string{idle: "idle", silent: "silent", shaking: "handshake", busy: "busy"}

// connection is what the engine knows of a connection that net/http serves, and the context
// of its requests, from which they get it. The lock of the door guards the fields after asked.
type connection struct {
	context.Context
	conn net.Conn
	door *door // nil: the connection did not come by Serve, and does not count

	asked atomic.Bool // it has had a request

	state      state
	left       bool // it was closed to make room, whatever net/http reports
	held       int  // requests on it that hold the place of a client
	since      time.Time
	prev, next *connection
	handshake  handshake
}

// connKey is the key of the connection in its context.
type connKey struct{}

// Value implements [context.Context].
func (c *connection) Value(key any) any {
	if key == (connKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// connectionOf returns the connection of a request, or nil.
func connectionOf(ctx context.Context) *connection {
	c, _ := ctx.Value(connKey{}).(*connection)
	return c
}

// ConnContext is for http.Server.ConnContext of a server that does not get its
// connections by [Engine.Serve]. It tells the engine on which connection a request came,
// so that plain TCP connections can be handed over.
func (e *Engine) ConnContext(ctx context.Context, conn net.Conn) context.Context {
	return &connection{Context: ctx, conn: conn}
}

// enterLocked follows a change of state that net/http reports.
func (c *connection) enterLocked(to state) {
	if !c.left && c.held == 0 {
		c.door.moveLocked(c, to)
	}
}

// hold stops counting the connection, while a request on it holds the place of a client.
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
		c.enterLocked(busy) // until net/http reports the next state
	}
}

// close closes the connection itself: a wrapper, such as TLS, might wait for the client.
func (c *connection) close() { _ = c.bare().Close() } // it is closed in any case

// bare returns the connection without its wrappers, or nil if it is not known.
func (c *connection) bare() net.Conn {
	if c == nil {
		return nil
	}
	conn := c.conn
	for {
		if plain, ok := plainTCP(conn); ok {
			return plain
		}
		wrapped, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		under := wrapped.NetConn()
		if under == nil {
			return conn // it was handed over, which leaves nothing to close
		}
		conn = under
	}
}

// plainTCP returns the TCP connection whose bytes are those of conn: conn itself, or what
// it wraps without changing a byte that is written. NetConn does not tell, because
// [tls.Conn] has it.
func plainTCP(conn net.Conn) (*net.TCPConn, bool) {
	switch conn := conn.(type) {
	case *net.TCPConn:
		return conn, true
	case interface{ TCPConn() (*net.TCPConn, bool) }:
		return conn.TCPConn()
	default:
		return nil, false
	}
}

// list is a list of connections in the order in which they came. Its root is before the
// first and after the last one.
type list struct{ root connection }

func (l *list) init() { l.root.prev, l.root.next = &l.root, &l.root }

func (l *list) first() *connection {
	if l.root.next == &l.root {
		return nil
	}
	return l.root.next
}

// youngerThan returns how many have been in the list for less than age.
func (l *list) youngerThan(age time.Duration) (count int) {
	now := time.Now()
	for c := l.root.prev; c != &l.root && now.Sub(c.since) < age; c = c.prev {
		count++
	}
	return count
}

func (l *list) push(c *connection) {
	c.prev, c.next = l.root.prev, &l.root
	c.prev.next, c.next.prev = c, c
}

func (c *connection) unlink() {
	c.prev.next, c.next.prev = c.next, c.prev
	c.prev, c.next = nil, nil
}
