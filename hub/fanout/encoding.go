package fanout

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/polluxhub/pollux/hub"
)

// encoding turns what one client gets into bytes, as the client asked: named or
// not, compressed or not, whole or in part. It belongs to whoever writes to the
// client. Everything it was asked for must be written, in that order.
type encoding struct {
	forms *forms
	view  *view // nil: whole documents as event stream
	named bool
	gzip  bool

	bases []*hub.Event // the newest document of each stream that the client has, where the view compares

	// Of a compressed stream so far.
	last *form // what the client's window ends with; nil if it is no event
	crc  uint32
	size uint32
}

// event returns the event's form for this client, or nil if there is nothing to
// tell.
func (c *encoding) event(e *hub.Event) (chunk, body []byte) {
	if c.view == nil && !c.gzip {
		if c.named {
			return e.NamedChunk(), e.NamedFrame()
		}
		return e.Chunk(), e.Frame()
	}
	one := c.forms.get(formKey{e, c.view, c.named, c.base(e)})
	if one.plain == nil {
		return nil, nil
	}
	c.has(e)
	if !c.gzip {
		return one.plain.chunk, one.plain.body
	}
	p := c.forms.compressed(one, c.last)
	c.last = one
	c.crc = combine(c.crc, p.crc, p.shift)
	c.size += p.size
	return p.chunk, p.body
}

// base returns the document that the client has of a document's stream, or nil
// where there is none or it does not matter.
func (c *encoding) base(e *hub.Event) *hub.Event {
	if e.Kind() == hub.KindData {
		for _, base := range c.bases {
			if base.Stream() == e.Stream() {
				return base
			}
		}
	}
	return nil
}

// has notes that the client gets the event.
func (c *encoding) has(e *hub.Event) {
	if c.view == nil || !c.view.compares() {
		return
	}
	switch e.Kind() {
	case hub.KindReset:
		c.bases = nil
	case hub.KindData:
		for i, base := range c.bases {
			if base.Stream() == e.Stream() {
				c.bases[i] = e
				return
			}
		}
		c.bases = append(c.bases, e)
	case hub.KindStatus:
	}
}

// begin returns the beginning of a stream: text that is for this client alone.
func (c *encoding) begin(text []byte) *piece {
	if !c.gzip {
		return newPiece(text, text)
	}
	c.account(text)
	return newPiece(appendStored(append([]byte(nil), gzipHeader...), text), text)
}

// heartbeat returns a comment, or an event named hb. Lines know no comments.
func (c *encoding) heartbeat(event bool) *piece {
	plain, stored := heartbeatEvent, heartbeatStored
	if c.view.lines() {
		plain, stored = heartbeatLine, heartbeatLineStored
	}
	switch {
	case !c.gzip && !event && !c.view.lines():
		return heartbeatComment
	case !c.gzip:
		return plain
	case event || c.view.lines():
		c.account(plain.body)
		c.last = nil
		return stored
	default:
		return heartbeatEmpty
	}
}

var (
	heartbeatComment    = newPiece([]byte(": hb\n\n"), nil)
	heartbeatEvent      = newPiece([]byte("event: hb\ndata: {}\n\n"), nil)
	heartbeatLine       = newPiece([]byte(`{"event":"hb","data":{}}`+"\n"), nil)
	heartbeatStored     = newPiece(appendStored(nil, heartbeatEvent.body), nil)
	heartbeatLineStored = newPiece(appendStored(nil, heartbeatLine.body), nil)
	heartbeatEmpty      = newPiece(emptyBlock, nil)
)

// end returns what makes the stream whole: nothing, or the end of a gzip member.
func (c *encoding) end() *piece {
	if !c.gzip {
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
