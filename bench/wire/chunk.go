package wire

import (
	"bytes"
	"errors"
)

// ErrChunk is returned for a body that is not chunked as RFC 9112, section 7.1,
// says.
var ErrChunk = errors.New("wire: broken chunk")

// maxChunk bounds the size of a chunk, so that a broken one is noticed.
const maxChunk = 1 << 30

type chunkState uint8

const (
	inSize      chunkState = iota // the digits of a size
	inExtension                   // up to the end of the size's line
	inData
	afterData // the CR LF that ends a chunk
	inTrailer // after the last chunk
)

// Chunks takes the framing off a chunked body. The zero value is at its start.
type Chunks struct {
	left  int32
	state chunkState
	some  bool // a digit of the size was there
	over  bool
}

// Over tells whether the last chunk, the empty one, was there.
func (c *Chunks) Over() bool { return c.over }

// Next returns the first piece of data in b and what of b comes after it. end
// tells that the piece is the last of its chunk. Without data, b is used up.
func (c *Chunks) Next(b []byte) (data, rest []byte, end bool, err error) {
	for len(b) > 0 {
		switch c.state {
		case inSize:
			d := hexDigit(b[0])
			switch {
			case d >= 0:
				if c.left > maxChunk>>4 {
					return nil, nil, false, ErrChunk
				}
				c.left = c.left<<4 | int32(d)
				c.some = true
				b = b[1:]
			case !c.some:
				return nil, nil, false, ErrChunk
			default:
				c.state = inExtension
			}
		case inExtension:
			i := bytes.IndexByte(b, '\n')
			if i < 0 {
				return nil, nil, false, nil
			}
			b = b[i+1:]
			c.state, c.some = inData, false
			if c.left == 0 {
				c.state, c.over = inTrailer, true
			}
		case inData:
			n := min(int(c.left), len(b))
			c.left -= int32(n)
			if end = c.left == 0; end {
				c.state = afterData
			}
			return b[:n], b[n:], end, nil
		case afterData:
			switch b[0] {
			case '\r':
			case '\n':
				c.state = inSize
			default:
				return nil, nil, false, ErrChunk
			}
			b = b[1:]
		case inTrailer:
			return nil, nil, false, nil // nothing of interest comes any more
		}
	}
	return nil, nil, false, nil
}

// hexDigit takes capitals too, unlike a marker.
func hexDigit(c byte) int {
	if c >= 'A' && c <= 'F' {
		c += 'a' - 'A'
	}
	return digit(c)
}
