package fanout

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Pressure says why a connection was closed for want of room. It is a label of
// metrics.
type Pressure string

// What makes connections go.
const (
	PressureFull   Pressure = "full"   // a new one, for which no other could make room
	PressureIdle   Pressure = "idle"   // between two requests, it made room, or let go where there are many
	PressureSilent Pressure = "silent" // it had sent no request yet, and made room
	PressureSlow   Pressure = "slow"   // its request took too long, and it made room
)

var pressures = [...]Pressure{PressureFull, PressureIdle, PressureSilent, PressureSlow}

const (
	// silentAfter is when a connection may be closed that has sent no request. Where
	// waiting for room was in vain it may at once: then somebody fills the door with
	// such, and a client that means it is not silent for long. On Linux a connection
	// comes with the first bytes of its request, or a second late.
	silentAfter = 2 * time.Second

	// slowAfter is when a connection may be closed whose request is not done. One
	// that is held on purpose is a client's, and not among them.
	slowAfter = 10 * time.Second

	// crowdIdle is how long a connection may be idle where there are many: more
	// than a part, crowdPart, of the limit.
	crowdIdle = 5 * time.Second
	crowdPart = 4

	// sweepEvery is how often the door looks for those.
	sweepEvery = time.Second

	// roomWithin is how long a new connection waits for one that is on its way to
	// become a stream. In a wave of clients that is all of them.
	roomWithin = 250 * time.Millisecond

	// Between two attempts to accept that fail.
	minBackoff = 5 * time.Millisecond
	maxBackoff = time.Second

	// warnEvery is how often the log tells of them.
	warnEvery = 10 * time.Second
)

// door is where the connections of one listener come in. It counts those that are
// no client's, which net/http tells by [http.Server.ConnState], and closes some
// when there are too many. It is the listener of its server; only Accept and Close
// are its own.
type door struct {
	net.Listener
	limit  int
	logger *slog.Logger

	failures  atomic.Uint64
	closedFor [len(pressures)]atomic.Uint64

	room    chan struct{} // of capacity 1: there may be room again
	closed  chan struct{}
	closing sync.Once

	// The goroutine that accepts.
	full    bool // waiting for room was in vain, and there has been none since
	backoff time.Duration
	warned  time.Time
	untold  int // failures since

	mu    sync.Mutex
	known map[net.Conn]*connection
	count int // of those in lists
	lists [apart]list
}

func newDoor(listener net.Listener, limit int, logger *slog.Logger) *door {
	d := &door{
		Listener: listener,
		limit:    limit,
		logger:   logger,
		room:     make(chan struct{}, 1),
		closed:   make(chan struct{}),
		known:    make(map[net.Conn]*connection),
	}
	for i := range d.lists {
		d.lists[i].init()
	}
	return d
}

// Close implements [net.Listener].
func (d *door) Close() error {
	d.closing.Do(func() { close(d.closed) })
	return d.Listener.Close()
}

// Accept implements [net.Listener]. It returns the connection as it is, and an
// error only when the door is closed.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		switch {
		case err == nil:
			d.backoff = 0
			if d.makeRoom() {
				return conn, nil
			}
			_ = conn.Close() // nothing was written to it
		case errors.Is(err, net.ErrClosed):
			return nil, err
		default:
			d.failed(err)
		}
		select {
		case <-d.closed:
			return nil, net.ErrClosed
		default:
		}
	}
}

// failed follows an error of accept, of which the most likely is that there are no
// descriptors.
func (d *door) failed(err error) {
	d.failures.Add(1)
	d.untold++
	if now := time.Now(); now.Sub(d.warned) >= warnEvery {
		d.logger.Warn("connections not accepted", "address", d.Addr().String(), "error", err, "failures", d.untold)
		d.warned, d.untold = now, 0
	}
	if !d.closeLongest(func(c *connection, _ time.Duration) bool { return c.state == idle }) {
		d.backoff = min(max(2*d.backoff, minBackoff), maxBackoff)
	} else {
		d.backoff = minBackoff
	}
	select {
	case <-time.After(d.backoff):
	case <-d.closed:
	}
}

// makeRoom reports whether a connection that was accepted can come in. It closes
// another if need be.
func (d *door) makeRoom() bool {
	var late <-chan time.Time
	for {
		if d.size() < d.limit {
			d.full = false
			return true
		}
		if d.closeLongest(d.mayGo) {
			return true
		}
		if d.full {
			d.closedFor[0].Add(1)
			return false
		}
		if late == nil {
			timer := time.NewTimer(roomWithin)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-d.room:
		case <-late:
			d.full = true
		case <-d.closed:
			return false
		}
	}
}

// mayGo reports whether a connection may be closed for another.
func (d *door) mayGo(c *connection, since time.Duration) bool {
	switch c.state {
	case idle:
		return true
	case silent:
		return since >= silentAfter || d.full
	default:
		return since >= slowAfter
	}
}

// closeLongest closes the connection that has been idle longest, or silent, or
// busy, in this order, if it may go.
func (d *door) closeLongest(may func(c *connection, since time.Duration) bool) bool {
	now := time.Now()
	d.mu.Lock()
	for i := range d.lists {
		if c := d.lists[i].first(); c != nil && may(c, now.Sub(c.since)) {
			d.moveLocked(c, apart)
			c.left = true
			d.mu.Unlock()
			d.closedFor[1+i].Add(1)
			c.close()
			return true
		}
	}
	d.mu.Unlock()
	return false
}

// sweep lets idle connections go where there are many, until quit.
func (d *door) sweep(quit <-chan struct{}) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-quit:
			return
		}
		for d.isCrowded() && d.closeLongest(func(c *connection, since time.Duration) bool {
			return c.state == idle && since >= crowdIdle
		}) {
			continue
		}
	}
}

func (d *door) isCrowded() bool { return d.size()*crowdPart > d.limit }

// size returns how many connections there are that are no client's.
func (d *door) size() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

// connContext is for [http.Server.ConnContext], which is called as a connection
// comes in.
func (d *door) connContext(ctx context.Context, conn net.Conn) context.Context {
	c := &connection{conn: conn, door: d, state: apart}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known[conn] = c
	d.moveLocked(c, silent)
	return context.WithValue(ctx, connKey{}, c)
}

// connState is for [http.Server.ConnState].
func (d *door) connState(conn net.Conn, state http.ConnState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.known[conn]
	if c == nil {
		return
	}
	switch state {
	case http.StateActive:
		c.enterLocked(busy)
	case http.StateIdle:
		c.enterLocked(idle)
	case http.StateClosed, http.StateHijacked:
		delete(d.known, conn)
		d.moveLocked(c, apart)
	case http.StateNew: // known already
	}
}

// moveLocked puts the connection at the end of a list.
func (d *door) moveLocked(c *connection, to state) {
	if c.state != apart {
		c.unlink()
		d.count--
	}
	if c.state = to; to != apart {
		c.since = time.Now()
		d.lists[to].push(c)
		d.count++
	}
	if to == apart || to == idle {
		select {
		case d.room <- struct{}{}:
		default:
		}
	}
}
