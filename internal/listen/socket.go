package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/polluxhub/pollux/internal/endpoint"
)

// DefaultMode is the default mode of Unix sockets: owner and group may connect.
const DefaultMode fs.FileMode = 0o660

// Options are for Open.
type Options struct {
	// TCP binds addresses, and its Control prepares the sockets of systemd too.
	TCP net.ListenConfig

	// Mode is the mode of Unix sockets. A program that may write to one may connect. 0 means
	// DefaultMode.
	Mode fs.FileMode
}

// Open listens at an address: at each socket that systemd has passed for it, else at one.
// A client of a Unix socket has the address 127.0.0.1, because it is on this machine, and
// has no other. The error describes what would be right, or is that of ctx.
func Open(ctx context.Context, text string, opts Options) ([]net.Listener, error) {
	at, err := endpoint.Parse(text)
	if err != nil {
		return nil, err
	}
	if at.Network == endpoint.Systemd {
		return inherit(at.Text, opts.TCP.Control)
	}
	var listener net.Listener
	if at.Network == endpoint.Unix {
		listener, err = openUnix(ctx, at.Text, opts.Mode)
	} else {
		listener, err = opts.TCP.Listen(ctx, networkOf(at.Text), at.Text)
	}
	switch {
	case err == nil:
		return []net.Listener{listener}, nil
	case ctx.Err() != nil: // while a name was looked up
		return nil, ctx.Err()
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err // the rest of the text repeats the address
	}
	if at.Network == endpoint.Unix {
		return nil, fmt.Errorf("%w; want a path in a folder that may be written, for example unix:/run/pollux/pollux.sock", err)
	}
	return nil, fmt.Errorf("%w; want a free address, for example 127.0.0.1:0", err)
}

// networkOf returns the network for an address. Package net listens at 0.0.0.0 in both
// address families, although a user who writes that means IPv4, as with other programs, and may
// have a firewall for that alone.
func networkOf(address string) string {
	host, _, _ := net.SplitHostPort(address) // it was parsed
	if ip, err := netip.ParseAddr(host); err == nil && ip == netip.IPv4Unspecified() {
		return "tcp4"
	}
	return endpoint.TCP
}

// openUnix listens at a path. It replaces a socket that a program has left there, but
// only if nobody listens at it.
func openUnix(ctx context.Context, path string, mode fs.FileMode) (net.Listener, error) {
	if mode == 0 {
		mode = DefaultMode
	}
	config := net.ListenConfig{Control: func(_, _ string, conn syscall.RawConn) error {
		return conn.Control(restrict)
	}}
	listener, err := config.Listen(ctx, endpoint.Unix, path)
	if errors.Is(err, syscall.EADDRINUSE) && isStale(ctx, path) {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		listener, err = config.Listen(ctx, endpoint.Unix, path)
	}
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, mode); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return local{listener}, nil
}

// isStale reports whether a path is a socket at which nobody listens.
func isStale(ctx context.Context, path string) bool {
	before, err := os.Lstat(path)
	if err != nil || before.Mode().Type() != fs.ModeSocket {
		return false
	}
	conn, err := new(net.Dialer).DialContext(ctx, endpoint.Unix, path)
	if err == nil {
		_ = conn.Close()
		return false
	}
	after, statErr := os.Lstat(path)
	return errors.Is(err, syscall.ECONNREFUSED) && statErr == nil && os.SameFile(before, after)
}

// local gives the clients of a Unix socket an address.
type local struct{ net.Listener }

// Accept implements [net.Listener].
func (l local) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if unix, ok := conn.(*net.UnixConn); ok {
		return localConn{unix}, err
	}
	return conn, err
}

type localConn struct{ *net.UnixConn }

var localAddress = net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}

// RemoteAddr implements [net.Conn].
func (localConn) RemoteAddr() net.Addr { return &localAddress }
