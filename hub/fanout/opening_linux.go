package fanout

import (
	"bytes"
	"encoding/binary"
	"io"
)

const (
	// minHalved is the size of the smallest first record that is passed on in halves, in bytes.
	minHalved = 512

	recordHandshake = 22 // (RFC 8446 section 5.1)
)

// opening passes the first record of a connection on to TLS, as two records of half its size.
//
// It has the ClientHello, which is the largest record that a client sends, with about 1.5 to 2
// kB because of the key for X25519MLKEM768. [tls.Conn] keeps two buffers as long as it
// lives: one of the size of the message, and one of the size of the largest record and 512
// bytes. A message may be in several records, and their heads are in no signature or checksum
// (RFC 8446 section 5.1).
type opening struct {
	begun  bool
	kept   []byte           // was read, and not passed on yet
	left   int              // bytes until the end of this half
	second int              // bytes of the other half; 0 without one, or if it has begun
	head   [recordHead]byte // of the other half
}

// read is [io.Reader.Read] of the connection. p has room for the head of a record.
func (o *opening) read(from io.Reader, p []byte) (n int, err error) {
	switch {
	case !o.begun:
		return o.begin(from, p)
	case o.left > 0:
		n, err = o.take(from, p[:min(len(p), o.left)])
		o.left -= n
		return n, err
	case o.second > 0:
		o.left, o.second = o.second, 0
		return copy(p, o.head[:]), nil
	default:
		return o.take(from, p)
	}
}

// begin reads the head of the record, and what has come together with it. The larger half comes
// first: the buffer for it has room for the other one.
func (o *opening) begin(from io.Reader, p []byte) (n int, err error) {
	before := copy(p, o.kept)
	n, err = io.ReadAtLeast(from, p[before:], recordHead-before)
	if n += before; err != nil {
		o.kept = bytes.Clone(p[:n])
		return 0, err
	}
	o.begun, o.kept = true, nil
	size := int(binary.BigEndian.Uint16(p[3:]))
	if p[0] != recordHandshake || size < minHalved {
		return n, nil
	}
	o.second = size / 2
	o.left = size - o.second
	o.head = [recordHead]byte(p)
	binary.BigEndian.PutUint16(o.head[3:], uint16(o.second))
	binary.BigEndian.PutUint16(p[3:], uint16(o.left))
	passed := min(n, recordHead+o.left)
	if passed < n {
		o.kept = bytes.Clone(p[passed:n])
	}
	o.left -= passed - recordHead
	return passed, nil
}

// take returns what was kept, or else reads.
func (o *opening) take(from io.Reader, p []byte) (int, error) {
	if len(o.kept) == 0 {
		return from.Read(p)
	}
	n := copy(p, o.kept)
	o.kept = o.kept[n:]
	return n, nil
}

// isOver reports whether the record was passed on, and everything that was read with it.
func (o *opening) isOver() bool { return o.begun && o.left == 0 && o.second == 0 && len(o.kept) == 0 }
