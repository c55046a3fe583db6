package fanout

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// roomWithin is how long a new connection waits for room. When many clients join at
	// once, all other connections are about to become streams, which makes room.
	// If most have begun their requests a moment ago, it waits longer: the machine is slow.
	roomWithin = 250 * time.Millisecond

	// pressedFor is how long after it was full a door closes connections for a new one that
	// have sent nothing for roomWithin. Otherwise each place that comes free would let one
	// more attacker in and have the next connection wait for room again, and those of
	// others behind it.
	pressedFor = time.Second

	// The wait between two attempts to accept that fail.
	minBackoff = 5 * time.Millisecond
	maxBackoff = time.Second

	// warnEvery is how often the log reports them at most.
	warnEvery = 10 * time.Second
)

// entrance is one listener of a door.
type entrance struct {
	net.Listener
	*door

	quit    chan struct{} // closed by Close
	closing sync.Once

	// These belong to the goroutine that accepts.
	full    bool      // waiting for room was in vain, and there has been no room since
	pressed time.Time // when waiting for room was in vain, or a connection was closed for it that was not idle
	backoff time.Duration
	warned  time.Time // when the log reported a failure last
	missed  int       // failures since
}

func newEntrance(listener net.Listener, d *door) *entrance {
	return &entrance{Listener: listener, door: d, quit: make(chan struct{})}
}

// serve serves the connections that come this way, until the server ends. A Unix socket
// is for programs of the same machine, so what comes by it is never TLS.
func (e *entrance) serve(server *http.Server, secure bool) error {
	if secure && e.Addr().Network() != "unix" {
		return server.ServeTLS(carried(e), "", "")
	}
	return server.Serve(e)
}

// Close implements [net.Listener].
func (e *entrance) Close() error {
	e.closing.Do(func() { close(e.quit) })
	return e.Listener.Close()
}

// Accept implements [net.Listener]. It does not wrap the connection, and fails only when
// the entrance is closed.
func (e *entrance) Accept() (net.Conn, error) {
	for {
		conn, err := e.Listener.Accept()
		switch {
		case err == nil:
			e.backoff = 0
			if e.makeRoom() {
				return conn, nil
			}
			_ = conn.Close() // nothing was written to it
		case errors.Is(err, net.ErrClosed):
			return nil, err
		default:
			e.failed(err)
		}
		select {
		case <-e.quit:
			return nil, net.ErrClosed
		default:
		}
	}
}

// failed follows an error of accept. Most likely the process has no free descriptor, so
// it closes an idle connection.
func (e *entrance) failed(err error) {
	e.failures.Add(1)
	e.missed++
	if now := time.Now(); now.Sub(e.warned) >= warnEvery {
		e.logger.Warn("connections not accepted", "address", e.Addr().String(), "error", err, "failures", e.missed)
		e.warned, e.missed = now, 0
	}
	if _, ok := e.closeLongest(func(c *connection, _ time.Duration) bool { return c.state == idle }); !ok {
		e.backoff = min(max(2*e.backoff, minBackoff), maxBackoff)
	} else {
		e.backoff = minBackoff
	}
	select {
	case <-time.After(e.backoff):
	case <-e.quit:
	}
}

// makeRoom reports whether a connection that was accepted is let in. It closes another
// one if there is no room.
func (e *entrance) makeRoom() bool {
	var timer *time.Timer
	var late <-chan time.Time
	for {
		if e.size() < e.limit {
			e.full = false
			return true
		}
		if from, ok := e.closeLongest(e.mayGo); ok {
			if from != idle {
				e.pressed = time.Now()
			}
			return true
		}
		if e.full {
			e.refused.Add(1)
			return false
		}
		if late == nil {
			timer = time.NewTimer(roomWithin)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-e.room:
		case <-late:
			if e.isFresh() {
				timer.Reset(roomWithin)
				continue
			}
			e.full, e.pressed = true, time.Now()
		case <-e.quit:
			return false
		}
	}
}

// mayGo reports whether a connection may be closed for a new one. The lock of the door is
// held.
func (e *entrance) mayGo(c *connection, since time.Duration) bool {
	switch c.state {
	case idle:
		return true
	case silent, shaking:
		return since >= silentAfter || e.full || since >= roomWithin && time.Since(e.pressed) < pressedFor
	default:
		return since >= slowAfter
	}
}
