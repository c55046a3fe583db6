package listen

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"
)

// proxyHeaderTimeout is how long a proxy may take for its header.
const proxyHeaderTimeout = 5 * time.Second

// Proxied returns a listener whose connections from the trusted networks begin with a
// header of the PROXY protocol, version 1 or 2, and have the address that is in it. Such
// a connection without a valid header fails when it is read, and then refused is called with
// the address of the proxy, by the goroutine that reads. Other connections are as they are: for
// them a header is a request that is not HTTP.
func Proxied(listener net.Listener, trusted []netip.Prefix, refused func(proxy net.Addr)) net.Listener {
	return proxied{&proxyproto.Listener{
		Listener:          listener,
		ReadHeaderTimeout: proxyHeaderTimeout,
		ConnPolicy: func(conn proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if Trusts(trusted, conn.Upstream) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil
		},
	}, refused}
}

// proxied tells of connections without a header.
type proxied struct {
	net.Listener
	refused func(proxy net.Addr)
}

// Accept implements [net.Listener].
func (l proxied) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if conn, ok := conn.(*proxyproto.Conn); ok {
		return &proxiedConn{Conn: conn, refused: l.refused}, err
	}
	return conn, err
}

type proxiedConn struct {
	*proxyproto.Conn
	refused func(proxy net.Addr)
	once    sync.Once
}

// Read implements [net.Conn].
func (c *proxiedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil && c.ProxyHeader() == nil { // which is known after the first Read
		c.once.Do(func() { c.refused(c.Raw().RemoteAddr()) })
	}
	return n, err
}

// Trusts reports whether an address is in one of the networks.
func Trusts(trusted []netip.Prefix, of net.Addr) bool {
	both, err := netip.ParseAddrPort(of.String())
	if err != nil {
		return false
	}
	address := both.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(trusted, func(network netip.Prefix) bool { return network.Contains(address) })
}

// Unproxied begins a connection to a listener of Proxied that carries no other client: a
// header with the command LOCAL, as health checks send it.
func Unproxied(conn net.Conn) error {
	header := proxyproto.Header{Version: 2, Command: proxyproto.LOCAL, TransportProtocol: proxyproto.UNSPEC}
	_, err := header.WriteTo(conn)
	return err
}
