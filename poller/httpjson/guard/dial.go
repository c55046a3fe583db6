package guard

import (
	"container/list"
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

const (
	// dialTimeout bounds resolution and connecting together: net/http continues
	// both after the request has given up.
	dialTimeout = 30 * time.Second

	// attemptDelay is how long one address is tried before the next one is tried as
	// well (RFC 8305 section 8).
	attemptDelay = 250 * time.Millisecond

	// maxAttempts bounds how many addresses of one answer are tried.
	maxAttempts = 8
)

// DialContext connects to a host and port by TCP, for net/http's Transport. It tries
// the addresses of a name that are not refused, at most eight, as RFC 8305 says ("Happy
// Eyeballs"). It takes 30 s at most, including the wait for one of Options.Places. If
// all addresses are refused, the error is a *RefusedError.
func (g *Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if err := g.places.take(ctx); err != nil {
		return nil, err
	}
	c, err := g.reach(ctx, network, host, port)
	if err != nil {
		g.places.leave()
		return nil, err
	}
	g.places.hold(c)
	return c, nil
}

// reach resolves a host and connects to it.
func (g *Guard) reach(ctx context.Context, network, host, port string) (*conn, error) {
	name := host
	addr, isLiteral := literal(host)
	addrs := []netip.Addr{addr}
	var err error
	if isLiteral {
		name = ""
	} else if addrs, err = g.resolver.LookupNetIP(ctx, "ip", host); err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	if addrs, err = g.admit(ctx, name, addrs); err != nil {
		return nil, err
	}
	addrs = alternate(addrs)
	return g.connect(ctx, network, addrs[:min(len(addrs), maxAttempts)], port)
}

// connect returns the first connection that succeeds, or the error of the first
// address. All attempts have ended when it returns.
func (g *Guard) connect(ctx context.Context, network string, addrs []netip.Addr, port string) (*conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		conn *conn
		err  error
	}
	outcomes := make(chan outcome)
	started := 0
	start := func() {
		addr := addrs[started]
		started++
		go func() {
			conn, err := g.open(ctx, network, addr, port)
			outcomes <- outcome{conn, err}
		}()
	}

	start()
	patience := time.NewTicker(attemptDelay)
	defer patience.Stop()
	var first error
	for ended := 0; ended < started; {
		select {
		case <-patience.C:
			if started < len(addrs) {
				start()
			}
		case o := <-outcomes:
			ended++
			if o.err == nil {
				cancel()
				for ; ended < started; ended++ {
					if late := <-outcomes; late.err == nil {
						_ = late.conn.Close() // nothing was written
					}
				}
				return o.conn, nil
			}
			if first == nil {
				first = o.err
			}
			if started < len(addrs) {
				start()
				patience.Reset(attemptDelay)
			}
		}
	}
	return nil, first
}

func (g *Guard) open(ctx context.Context, network string, addr netip.Addr, port string) (*conn, error) {
	c, err := g.dial(ctx, network, net.JoinHostPort(addr.String(), port))
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, addr: addr, places: g.places, closeIdle: g.closeIdle}, nil
}

// alternate interleaves the two address families, beginning with that of the first
// address (RFC 8305 section 4).
func alternate(addrs []netip.Addr) []netip.Addr {
	var first, second []netip.Addr
	for _, addr := range addrs {
		if addr.Unmap().Is4() == addrs[0].Unmap().Is4() {
			first = append(first, addr)
		} else {
			second = append(second, addr)
		}
	}
	ordered := make([]netip.Addr, 0, len(addrs))
	for i := range max(len(first), len(second)) {
		if i < len(first) {
			ordered = append(ordered, first[i])
		}
		if i < len(second) {
			ordered = append(ordered, second[i])
		}
	}
	return ordered
}

// conn is a connection with the address that was checked.
type conn struct {
	net.Conn
	addr netip.Addr

	heard atomic.Int64 // when the newest byte came, in nanoseconds since 1970; 0 before the first

	places    *Places
	place     *list.Element // in places, or nil; guarded by their lock
	closeIdle func()
}

// Read implements [net.Conn].
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.heard.Store(time.Now().UnixNano())
	}
	return n, err
}

// HeardSince reports whether anything came on a connection of a Guard after the given
// time, also on one with TLS around it.
func HeardSince(c net.Conn, at time.Time) bool {
	for {
		switch wrapped := c.(type) {
		case *conn:
			return wrapped.heard.Load() > at.UnixNano()
		case interface{ NetConn() net.Conn }:
			c = wrapped.NetConn()
		default:
			return false
		}
	}
}

// Close implements [net.Conn].
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.places.release(c)
	return err
}

// Check checks a connection of a Guard, also one with TLS around it, for the request of
// ctx before that is written. It reports whether the address is public. It closes a
// refused connection, so that nothing is sent on it, and returns a *RefusedError. It
// also closes a connection that no Guard has made.
func (g *Guard) Check(ctx context.Context, c net.Conn) (isPublic bool, err error) {
	for {
		switch wrapped := c.(type) {
		case *conn:
			// The name was checked when the connection was made.
			if _, err := g.admit(ctx, "", []netip.Addr{wrapped.addr}); err != nil {
				_ = wrapped.Close() // the refusal matters more
				return false, err
			}
			k, _ := kindOf(wrapped.addr)
			return k == public, nil
		case interface{ NetConn() net.Conn }:
			c = wrapped.NetConn()
		default:
			_ = c.Close()
			return false, fmt.Errorf("guard: a connection of type %T, which was not checked", c)
		}
	}
}
