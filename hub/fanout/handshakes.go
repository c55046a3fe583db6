package fanout

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"time"
)

const (
	// handshakesPart: of the connections that a door may have, a handshakesPart-th may be
	// in a TLS handshake at once, and at most handshakesEach for each processor. Others
	// wait. A handshake costs a processor up to a millisecond, so without these bounds a
	// client that finishes its own would wait behind thousands that do not, and those that
	// have begun would not be done within handshakeAfter.
	handshakesPart = 4
	handshakesEach = 256

	// A handshake may be ended for one that waits: after unfairAfter if its address has
	// more of them than that of the other one, else after handshakeAfter. A client needs
	// one or two round trips. So none waits for long: in handshakeAfter all places come
	// free.
	unfairAfter    = 250 * time.Millisecond
	handshakeAfter = time.Second

	// settleEvery is how often a door looks for handshakes that have taken too long.
	settleEvery = 250 * time.Millisecond
)

// errHandshakes is why a connection got no handshake. Nobody is told: it is closed.
var errHandshakes = errors.New("fanout: too many TLS handshakes")

// handshakes are the connections of a door that have sent the first message of TLS, and
// no request yet. The lock of the door guards them.
type handshakes struct {
	limit  int // of those that have begun
	begun  int
	guests map[netip.Addr]*guests
	queue  []*guests // those with connections that wait, in the order in which they came
}

// newHandshakes returns those of a door that may have so many connections.
func newHandshakes(connections int) handshakes {
	limit := min(connections/handshakesPart, handshakesEach*runtime.GOMAXPROCS(0))
	return handshakes{limit: max(limit, 1), guests: make(map[netip.Addr]*guests)}
}

// guests are the connections of one address, or of a network /64 of IPv6.
type guests struct {
	site    netip.Addr
	begun   []*connection // the oldest first
	waiting []*connection // likewise
}

// handshake is what a connection has from the first message of TLS on. The lock of the door guards
// the fields after turn.
type handshake struct {
	turn  chan struct{} // closed when the handshake may begin, or the connection is closed
	of    *guests       // nil: it has left
	since time.Time     // when it began, zero while it waits
}

// hosting returns the configuration for the server of the door: with its bound on handshakes.
func (d *door) hosting(config *tls.Config) *tls.Config {
	config = config.Clone()
	own := config.GetConfigForClient
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if c := connectionOf(hello.Context()); c != nil && c.door == d {
			if err := d.admitHandshake(c); err != nil {
				return nil, err
			}
		}
		if own != nil {
			return own(hello)
		}
		return nil, nil // the configuration as it is
	}
	return config
}

// admitHandshake waits until the handshake of a connection may begin. The connection has
// its place until its first request, because net/http does not report when a handshake has
// ended; until then it has cost a handshake, and asked for nothing.
func (d *door) admitHandshake(c *connection) error {
	d.lull.wait()
	site := siteOf(c.conn)
	d.mu.Lock()
	if d.over || c.left {
		d.mu.Unlock()
		return errHandshakes
	}
	d.moveLocked(c, shaking)
	d.handshakes.arrive(c, site)
	closing := d.settleLocked()
	d.mu.Unlock()
	closeAll(closing)

	<-c.handshake.turn
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.left || c.handshake.since.IsZero() {
		return errHandshakes
	}
	return nil
}

// settle ends handshakes that have taken too long, for others that wait.
func (d *door) settle() {
	d.mu.Lock()
	closing := d.settleLocked()
	d.mu.Unlock()
	closeAll(closing)
}

// settleLocked lets connections begin that wait. The caller closes those that it returns.
func (d *door) settleLocked() (closing []*connection) {
	now := time.Now()
	h := &d.handshakes
	for len(h.queue) > 0 {
		next := h.next()
		if h.begun >= h.limit {
			c := h.victim(next, now)
			if c == nil {
				break
			}
			d.turnOutLocked(c)
			closing = append(closing, c)
		}
		h.begin(next, now)
	}
	return closing
}

// turnOutLocked stops counting a connection in a handshake, which the caller closes.
func (d *door) turnOutLocked(c *connection) {
	d.handshakes.leave(c)
	d.moveLocked(c, apart)
	c.left = true
	d.closed[shaking].Add(1)
}

// endHandshakes lets none begin any more, because the server ends.
func (d *door) endHandshakes() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = true
	for _, of := range d.handshakes.guests {
		for _, c := range slices.Clone(of.waiting) {
			d.handshakes.leave(c)
		}
	}
}

func closeAll(conns []*connection) {
	for _, c := range conns {
		c.close()
	}
}

// arrive adds a connection, which waits.
func (h *handshakes) arrive(c *connection, site netip.Addr) {
	of := h.guests[site]
	if of == nil {
		of = &guests{site: site}
		h.guests[site] = of
	}
	c.handshake = handshake{turn: make(chan struct{}), of: of}
	if of.waiting = append(of.waiting, c); len(of.waiting) == 1 {
		h.queue = append(h.queue, of)
	}
}

// next returns whose connection begins next: the address with the fewest handshakes, of
// several the one that waits longest.
func (h *handshakes) next() *guests {
	least := h.queue[0]
	for _, of := range h.queue {
		if len(of.begun) < len(least.begun) {
			least = of
		}
	}
	return least
}

// begin lets the connection of an address begin that waits longest.
func (h *handshakes) begin(of *guests, now time.Time) {
	c := of.waiting[0]
	h.stopWaiting(c)
	of.begun = append(of.begun, c)
	h.begun++
	c.handshake.since = now
	close(c.handshake.turn)
}

// victim returns the handshake that may be ended for one of next, or nil.
func (h *handshakes) victim(next *guests, now time.Time) *connection {
	var most, oldest *connection
	for _, of := range h.guests {
		if len(of.begun) == 0 {
			continue
		}
		c := of.begun[0]
		if oldest == nil || c.handshake.since.Before(oldest.handshake.since) {
			oldest = c
		}
		if most == nil || len(of.begun) > len(most.handshake.of.begun) {
			most = c
		}
	}
	switch {
	case most == nil:
		return nil
	case len(most.handshake.of.begun) > len(next.begun)+1 && now.Sub(most.handshake.since) >= unfairAfter:
		return most
	case now.Sub(oldest.handshake.since) >= handshakeAfter:
		return oldest
	default:
		return nil
	}
}

// longest returns the connection that is the first to make room for a new one, or nil: of the
// address that has the most, the one that waits longest, or whose handshake began first.
func (h *handshakes) longest() (longest *connection) {
	most := 0
	for _, of := range h.guests {
		c, count := of.first(), len(of.begun)+len(of.waiting)
		if count > most || count == most && c.since.Before(longest.since) {
			longest, most = c, count
		}
	}
	return longest
}

// first returns the connection that waits longest, or whose handshake began first.
func (of *guests) first() *connection {
	if len(of.waiting) > 0 {
		return of.waiting[0]
	}
	return of.begun[0]
}

// leave removes a connection, if it is there.
func (h *handshakes) leave(c *connection) {
	of := c.handshake.of
	switch {
	case of == nil:
		return
	case c.handshake.since.IsZero():
		h.stopWaiting(c)
		close(c.handshake.turn)
	default:
		of.begun = without(of.begun, c)
		h.begun--
	}
	c.handshake.of = nil
	if len(of.begun) == 0 && len(of.waiting) == 0 {
		delete(h.guests, of.site)
	}
}

func (h *handshakes) stopWaiting(c *connection) {
	of := c.handshake.of
	if of.waiting = without(of.waiting, c); len(of.waiting) == 0 {
		h.queue = without(h.queue, of)
	}
}

// without returns a list without an element, in the same memory.
func without[T comparable](list []T, element T) []T {
	i := slices.Index(list, element)
	return slices.Delete(list, i, i+1)
}

// siteOf returns the address of the other end of a connection that counts for limits, or
// none.
func siteOf(conn net.Conn) netip.Addr {
	both, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return Site(both.Addr().Unmap())
}
