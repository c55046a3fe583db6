package fanout

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// What a client with TLS may send after its request: alerts and key updates, which have
	// fewer than 50 bytes. TLS makes room for a record when it has read its head, so a record
	// may not announce more, and all of them together are few.
	maxHeardRecord = 256
	maxHeard       = 4 << 10

	recordHead = 5 // bytes (RFC 8446 section 5.1)
)

// errHeardTooMuch is why a client is closed that sends more than that.
var errHeardTooMuch = errors.New("fanout: a client has sent too much after its request")

// carrier is the connection under the TLS of a client. Until the client is handed over, it
// is the connection that was accepted. From then on it is the descriptor of the client, and
// its owner alone uses it. Nothing waits then: a write adds a record to out, and a read
// returns what the socket has.
type carrier struct {
	accepted atomic.Pointer[accepted] // nil once the client was handed over
	opening  *opening                 // nil once TLS has the first record
	records  records                  // that the other end sends

	// These are set when the client is handed over.
	tls    *tls.Conn
	begun  few[byte] // read from the accepted connection, and not by TLS yet
	out    []byte    // records that the socket has not taken
	sent   uint64    // bytes of records that the socket has taken
	fd     int32
	heard  uint16 // bytes that the other end has sent since, at most maxHeard
	closed bool   // close_notify is in out, or was sent
}

// accepted is a connection that was accepted.
type accepted struct{ net.Conn }

// carriers is a listener whose connections can carry TLS that is handed over.
type carriers struct{ net.Listener }

// carried returns the listener for connections with TLS.
func carried(listener net.Listener) net.Listener { return carriers{listener} }

// Accept implements [net.Listener].
func (l carriers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	k := &carrier{opening: new(opening)}
	k.accepted.Store(&accepted{conn})
	return k, nil
}

// carrierOf returns the carrier of a connection with TLS that can be handed over, or nil.
func carrierOf(conn net.Conn) *carrier {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	k, ok := secure.NetConn().(*carrier)
	if !ok {
		return nil
	}
	if _, plain := k.TCPConn(); !plain {
		return nil
	}
	return k
}

// detach takes over the descriptor. Nothing else may use the connection any more.
func (k *carrier) detach(secure *tls.Conn) (fd int, err error) {
	a := k.accepted.Load()
	defer func() { _ = a.Close() }() // nothing was written that could be lost
	plain, ok := plainTCP(a.Conn)
	if !ok {
		return -1, errors.New("no descriptor under TLS")
	}
	if fd, err = duplicate(plain); err != nil {
		return -1, err
	}
	if a.Conn != net.Conn(plain) {
		k.begun.set(unread(a.Conn))
	}
	k.fd, k.tls = int32(fd), secure
	k.accepted.Store(nil)
	return fd, nil
}

// unread returns what a wrapper has read from its connection and not passed on yet.
func unread(wrapper net.Conn) []byte {
	if err := wrapper.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return nil // it is closed
	}
	buf := make([]byte, maxHeard+1)
	n := 0
	for n < len(buf) {
		m, err := wrapper.Read(buf[n:])
		n += m
		if err != nil || m == 0 {
			break
		}
	}
	return buf[:n:n]
}

// Read implements [net.Conn].
func (k *carrier) Read(p []byte) (n int, err error) {
	if a := k.accepted.Load(); a != nil {
		if k.opening == nil {
			n, err = a.Read(p)
		} else if n, err = k.opening.read(a, p); k.opening.isOver() {
			k.opening = nil
		}
		k.records.follow(p[:n], 1<<16)
		return n, err
	}
	if begun := k.begun.all(); len(begun) > 0 {
		if n = copy(p, begun); n < len(begun) {
			k.begun.set(begun[n:])
		} else {
			k.begun.set(nil)
		}
	} else if n, err = k.receive(p); err != nil {
		return 0, err
	}
	if int(k.heard)+n > maxHeard || !k.records.follow(p[:n], maxHeardRecord) {
		return 0, errHeardTooMuch
	}
	k.heard += uint16(n)
	return n, nil
}

// receive reads from the socket. The error is [os.ErrDeadlineExceeded], which TLS does not
// take for the end of the connection, if there is nothing to read.
func (k *carrier) receive(p []byte) (int, error) {
	for {
		switch n, err := unix.Read(int(k.fd), p); {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, os.ErrDeadlineExceeded
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// Write implements [net.Conn].
func (k *carrier) Write(p []byte) (int, error) {
	if a := k.accepted.Load(); a != nil {
		return a.Write(p)
	}
	k.out = append(k.out, p...)
	return len(p), nil
}

// Close implements [net.Conn]. A descriptor that was taken over belongs to its client.
func (k *carrier) Close() error {
	if a := k.accepted.Load(); a != nil {
		return a.Close()
	}
	return nil
}

// LocalAddr implements [net.Conn].
func (k *carrier) LocalAddr() net.Addr {
	if a := k.accepted.Load(); a != nil {
		return a.LocalAddr()
	}
	return &net.TCPAddr{}
}

// RemoteAddr implements [net.Conn].
func (k *carrier) RemoteAddr() net.Addr {
	if a := k.accepted.Load(); a != nil {
		return a.RemoteAddr()
	}
	return &net.TCPAddr{}
}

// SetDeadline implements [net.Conn].
func (k *carrier) SetDeadline(at time.Time) error {
	if a := k.accepted.Load(); a != nil {
		return a.SetDeadline(at)
	}
	return nil
}

// SetReadDeadline implements [net.Conn].
func (k *carrier) SetReadDeadline(at time.Time) error {
	if a := k.accepted.Load(); a != nil {
		return a.SetReadDeadline(at)
	}
	return nil
}

// SetWriteDeadline implements [net.Conn].
func (k *carrier) SetWriteDeadline(at time.Time) error {
	if a := k.accepted.Load(); a != nil {
		return a.SetWriteDeadline(at)
	}
	return nil
}

// NetConn returns the connection that was accepted, or nil once the client was handed over.
func (k *carrier) NetConn() net.Conn {
	if a := k.accepted.Load(); a != nil {
		return a.Conn
	}
	return nil
}

// TCPConn returns the connection that was accepted, if it is plain TCP: see plainTCP.
func (k *carrier) TCPConn() (*net.TCPConn, bool) {
	if a := k.accepted.Load(); a != nil {
		return plainTCP(a.Conn)
	}
	return nil, false
}

// hear reads what the other end has sent, and drops what is in it. TLS answers a key update,
// and adds an alert to out for what it refuses. The error is [io.EOF] if the other end has
// said that it sends nothing more (RFC 8446 section 6.1), nil if there is nothing to read
// now, and any other one if the connection is of no use any more.
func (k *carrier) hear() error {
	var trash [maxHeardRecord]byte
	for {
		_, err := k.tls.Read(trash[:])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return err
		}
	}
}

// records finds the heads of records in what the other end of a connection with TLS sends.
type records struct {
	head [recordHead]byte
	have uint8  // bytes of head
	left uint16 // bytes until the next head
}

// follow looks at the next bytes, and reports whether no record announces more than limit.
func (r *records) follow(p []byte, limit int) bool {
	for len(p) > 0 {
		if r.left > 0 {
			n := min(len(p), int(r.left))
			r.left -= uint16(n)
			p = p[n:]
			continue
		}
		n := copy(r.head[r.have:], p)
		r.have += uint8(n)
		p = p[n:]
		if r.have < recordHead {
			return true
		}
		r.have, r.left = 0, binary.BigEndian.Uint16(r.head[3:])
		if int(r.left) > limit {
			return false
		}
	}
	return true
}
