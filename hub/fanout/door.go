package fanout

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Pressure says why a connection was closed to make room. It is a label of metrics.
type Pressure string

// The reasons for which connections are closed.
const (
	PressureFull      Pressure = "full"      // a new connection, for which none could be closed
	PressureIdle      Pressure = "idle"      // an idle one, for a new one or because there were many
	PressureSilent    Pressure = "silent"    // one that had sent no request yet, for a new one
	PressureHandshake Pressure = "handshake" // one whose TLS handshake had not ended, for another one
	PressureSlow      Pressure = "slow"      // one whose request took too long, for a new one
)

// pressureOf is why a connection in each state is closed.
var pressureOf = [apart]Pressure{idle: PressureIdle, silent: PressureSilent, shaking: PressureHandshake, busy: PressureSlow}

const (
	// silentAfter is the age at which a connection that has sent no request may be
	// closed. It may be closed at once after waiting for room was in vain: then somebody
	// fills the server with silent connections, and a real client sends its request soon.
	// On Linux a connection is accepted with the first bytes of its request, or after a
	// second.
	silentAfter = 2 * time.Second

	// slowAfter is how long a request may take before its connection may be closed. A
	// request that is held on purpose has the place of a client, and does not count.
	slowAfter = 10 * time.Second

	// freshFor is how long a request counts as new. While most connections have a new one,
	// room is not long in coming.
	freshFor = time.Second

	// crowdIdle is how long a connection may be idle when there are many connections:
	// more than a crowdPart-th of the limit.
	crowdIdle = 5 * time.Second
	crowdPart = 4

	// sweepEvery is how often the door looks for such connections.
	sweepEvery = time.Second
)

// door counts the connections of a server without the place of a client, as
// [http.Server.ConnState] reports them, and closes some when there are too many. They come
// by its entrances.
type door struct {
	limit  int
	logger *slog.Logger
	lull   *lull

	failures atomic.Uint64
	refused  atomic.Uint64        // new connections for which there was no room
	closed   [apart]atomic.Uint64 // connections closed to make room, by their state
	room     chan struct{}        // of capacity 1: there may be room again

	mu    sync.Mutex
	known map[net.Conn]*connection
	count int // connections in lists
	lists [apart]list
	sizes [apart]int // of the lists
	over  bool       // the server ends

	handshakes handshakes
}

func newDoor(limit int, logger *slog.Logger, lull *lull) *door {
	d := &door{limit: limit, logger: logger, lull: lull, room: make(chan struct{}, 1), known: make(map[net.Conn]*connection), handshakes: newHandshakes(limit)}
	for i := range d.lists {
		d.lists[i].init()
	}
	return d
}

// orderLocked returns the states in the order in which connections are closed to make room. Of
// those that have asked for nothing, the kind of which there are more comes first.
func (d *door) orderLocked() [apart]state {
	if d.sizes[shaking] > d.sizes[silent] {
		return [...]state{idle, shaking, silent, busy}
	}
	return [...]state{idle, silent, shaking, busy}
}

// closeLongest closes the connection that has been idle longest, else the one that has
// been silent longest or one in a TLS handshake, of the address that has the most, else the
// one that has been busy longest, if it may be closed.
func (d *door) closeLongest(may func(c *connection, since time.Duration) bool) (from state, ok bool) {
	now := time.Now()
	d.mu.Lock()
	for _, from = range d.orderLocked() {
		c := d.lists[from].first()
		if from == shaking {
			c = d.handshakes.longest()
		}
		if c != nil && may(c, now.Sub(c.since)) {
			d.moveLocked(c, apart)
			d.handshakes.leave(c)
			c.left = true
			d.mu.Unlock()
			d.closed[from].Add(1)
			c.close()
			return from, true
		}
	}
	d.mu.Unlock()
	return apart, false
}

// sweep closes idle connections while there are many, and ends handshakes for others that
// wait, until quit.
func (d *door) sweep(secure bool, quit <-chan struct{}) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	var settling <-chan time.Time
	if secure {
		ticker := time.NewTicker(settleEvery)
		defer ticker.Stop()
		settling = ticker.C
	}
	for {
		select {
		case <-settling:
			d.settle()
			continue
		case <-ticker.C:
		case <-quit:
			return
		}
		for d.isCrowded() {
			if _, ok := d.closeLongest(func(c *connection, since time.Duration) bool {
				return c.state == idle && since >= crowdIdle
			}); !ok {
				break
			}
		}
	}
}

func (d *door) isCrowded() bool { return d.size()*crowdPart > d.limit }

// isFresh reports whether most connections have a request that began a moment ago, as in a
// wave of clients: those who only hold connections soon have old ones.
func (d *door) isFresh() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return 2*d.lists[busy].youngerThan(freshFor) > d.count
}

// states returns how many connections count, by state.
func (d *door) states() [apart]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sizes
}

// size returns how many connections count.
func (d *door) size() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

// connContext is for [http.Server.ConnContext], which is called for each new connection.
func (d *door) connContext(ctx context.Context, conn net.Conn) context.Context {
	c := &connection{Context: ctx, conn: conn, door: d, state: apart}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known[conn] = c
	d.moveLocked(c, silent)
	return c
}

// asking returns the handler, with a note of each connection that has had a request.
func (d *door) asking(handler http.Handler) http.Handler {
	if handler == nil {
		handler = http.DefaultServeMux
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := connectionOf(r.Context()); c != nil && c.door == d {
			c.asked.Store(true)
		}
		handler.ServeHTTP(w, r)
	})
}

// connState is for [http.Server.ConnState].
func (d *door) connState(conn net.Conn, state http.ConnState) {
	d.mu.Lock()
	closing := d.followLocked(conn, state)
	d.mu.Unlock()
	closeAll(closing)
}

// followLocked follows the state of a connection. The caller closes those that it returns.
func (d *door) followLocked(conn net.Conn, state http.ConnState) (closing []*connection) {
	c := d.known[conn]
	if c == nil {
		return nil
	}
	if c.handshake.of != nil {
		d.handshakes.leave(c)
		defer func() { closing = d.settleLocked() }()
	}
	switch state {
	case http.StateActive:
		c.enterLocked(busy)
	case http.StateIdle:
		if c.asked.Load() {
			c.enterLocked(idle)
		} else { // net/http reports a new connection with HTTP/2 so
			c.enterLocked(silent)
		}
	case http.StateClosed, http.StateHijacked:
		delete(d.known, conn)
		d.moveLocked(c, apart)
	case http.StateNew: // connContext has counted it
	}
	return closing
}

// moveLocked puts the connection at the end of the list of a state.
func (d *door) moveLocked(c *connection, to state) {
	if c.state != apart {
		c.unlink()
		d.count--
		d.sizes[c.state]--
	}
	if c.state = to; to != apart {
		c.since = time.Now()
		d.lists[to].push(c)
		d.count++
		d.sizes[to]++
	}
	if to == apart || to == idle {
		select {
		case d.room <- struct{}{}:
		default:
		}
	}
}
