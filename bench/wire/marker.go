// Package wire reads what a server of Server-Sent Events sends: the head of the
// answer, chunks, compressed pieces, events, and the marker by which the load
// generator knows an event again. Everything here is fed with bytes as they
// come, cut anywhere, and keeps no more of them than it must: there is one of
// each for every client.
package wire

import "bytes"

// A marker is "~#!", eight hexadecimal digits of the event's number, sixteen of
// the time at which it was sent. The tilde is nowhere else in it, so that a
// marker that breaks off can only begin anew at the byte that broke it.
const (
	markerStart = '~'
	markerHead  = "~#!"
	seqDigits   = 8
	timeDigits  = 16

	// MarkerLen is how many bytes a marker has.
	MarkerLen = len(markerHead) + seqDigits + timeDigits
)

const digits = "0123456789abcdef"

// AppendMarker appends the marker of event seq, sent at the time at, to b. It
// needs no escaping in JSON.
func AppendMarker(b []byte, seq uint32, at int64) []byte {
	b = append(b, markerHead...)
	b = appendHex(b, uint64(seq), seqDigits)
	return appendHex(b, uint64(at), timeDigits)
}

func appendHex(b []byte, v uint64, n int) []byte {
	for i := n - 1; i >= 0; i-- {
		b = append(b, digits[v>>(4*i)&15])
	}
	return b
}

// Finder finds markers in a stream of bytes. The zero value is at the start of a
// stream.
type Finder struct {
	n    uint8 // how much of a marker is held
	held [MarkerLen]byte
}

// Next returns the first marker that ends in b, and what of b comes after it. It
// returns false, and has remembered what it needs of b, when none ends there.
func (f *Finder) Next(b []byte) (seq uint32, at int64, rest []byte, ok bool) {
	for len(b) > 0 {
		if f.n == 0 {
			i := bytes.IndexByte(b, markerStart)
			if i < 0 {
				return 0, 0, nil, false
			}
			b = b[i:]
			// Nearly every marker arrives whole.
			if len(b) >= MarkerLen {
				if seq, at, ok = parseMarker(b[:MarkerLen]); ok {
					return seq, at, b[MarkerLen:], true
				}
				b = b[1:]
				continue
			}
		}
		if !fits(int(f.n), b[0]) {
			f.n = 0
			if b[0] != markerStart {
				b = b[1:]
			}
			continue
		}
		f.held[f.n] = b[0]
		f.n++
		b = b[1:]
		if int(f.n) == MarkerLen {
			f.n = 0
			if seq, at, ok = parseMarker(f.held[:]); ok {
				return seq, at, b, true
			}
		}
	}
	return 0, 0, nil, false
}

// fits tells whether c may be byte i of a marker.
func fits(i int, c byte) bool {
	if i < len(markerHead) {
		return markerHead[i] == c
	}
	return digit(c) >= 0
}

func parseMarker(b []byte) (seq uint32, at int64, ok bool) {
	if string(b[:len(markerHead)]) != markerHead {
		return 0, 0, false
	}
	b = b[len(markerHead):]
	s, ok1 := parseHex(b[:seqDigits])
	t, ok2 := parseHex(b[seqDigits:])
	return uint32(s), int64(t), ok1 && ok2
}

func parseHex(b []byte) (v uint64, ok bool) {
	for _, c := range b {
		d := digit(c)
		if d < 0 {
			return 0, false
		}
		v = v<<4 | uint64(d)
	}
	return v, true
}

func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}
