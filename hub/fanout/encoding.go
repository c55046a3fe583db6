package fanout

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/polluxhub/pollux/hub"
)

// encoding turns what one client gets into bytes, as the client asked: named or
// not, compressed or not. It belongs to whoever writes to the client. Everything
// it was asked for must be written, in that order.
type encoding struct {
	named bool
	gzip  *deflater // nil: not compressed

	// Of a compressed stream so far.
	last *hub.Event // what the client's window ends with; nil if it is no event
	crc  uint32
	size uint32
}

// event returns the event's form for this client.
func (c *encoding) event(e *hub.Event) (chunk, body []byte) {
	switch {
	case c.gzip != nil:
		p := c.gzip.piece(e, c.last, c.named)
		c.last = e
		c.crc = combine(c.crc, p.crc, p.shift)
		c.size += p.size
		return p.chunk, p.body
	case c.named:
		return e.NamedChunk(), e.NamedFrame()
	default:
		return e.Chunk(), e.Frame()
	}
}

// begin returns the beginning of a stream: text that is for this client alone.
func (c *encoding) begin(text []byte) *piece {
	if c.gzip == nil {
		return newPiece(text, text)
	}
	c.account(text)
	return newPiece(appendStored(append([]byte(nil), gzipHeader...), text), text)
}

// heartbeat returns a comment, or an event named hb.
func (c *encoding) heartbeat(event bool) *piece {
	switch {
	case c.gzip == nil && event:
		return heartbeatEvent
	case c.gzip == nil:
		return heartbeatComment
	case event:
		c.account(heartbeatEvent.body)
		c.last = nil
		return heartbeatStored
	default:
		return heartbeatEmpty
	}
}

var (
	heartbeatComment = newPiece([]byte(": hb\n\n"), nil)
	heartbeatEvent   = newPiece([]byte("event: hb\ndata: {}\n\n"), nil)
	heartbeatStored  = newPiece(appendStored(nil, heartbeatEvent.body), nil)
	heartbeatEmpty   = newPiece(emptyBlock, nil)
)

// end returns what makes the stream whole: nothing, or the end of a gzip member.
func (c *encoding) end() *piece {
	if c.gzip == nil {
		return nil
	}
	trailer := []byte{1, 0, 0, 0xff, 0xff} // an empty block, the last one
	trailer = binary.LittleEndian.AppendUint32(trailer, c.crc)
	return newPiece(binary.LittleEndian.AppendUint32(trailer, c.size), nil)
}

func (c *encoding) account(text []byte) {
	c.crc = crc32.Update(c.crc, crc32.IEEETable, text)
	c.size += uint32(len(text))
}
