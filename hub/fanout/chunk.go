package fanout

import (
	"bytes"
	"strconv"
	"sync"

	"github.com/polluxhub/pollux/hub"
)

// chunkEnd is the end of each chunk of a chunked body (RFC 9112 7.1).
const chunkEnd = "\r\n"

// appendChunkHead appends what comes before the bytes of a chunk of the given size.
func appendChunkHead(dst []byte, size int) []byte {
	return append(strconv.AppendUint(dst, uint64(size), 16), "\r\n"...)
}

// framing is the attachment of an event: the event as a chunk, and what names it by its
// stream, made once for all clients.
type framing struct {
	chunk []byte // in the room of the event

	// The named form of a document shares everything from the data on with the
	// other: a copy would double what history takes.
	once   sync.Once
	head   []byte // of the named chunk: all before the data
	prefix int    // bytes of head before the frame
	id     int    // bytes of the id line, which is what the plain frame has before its data
}

func framingOf(e *hub.Event) *framing {
	return e.Attachment(newFraming).(*framing) //nolint:forcetypeassert // nothing else is attached
}

func newFraming(room []byte) any {
	var space [hub.Headroom]byte
	head := appendChunkHead(space[:0], len(room)-hub.Headroom-hub.Tailroom)
	begin := hub.Headroom - len(head)
	copy(room[begin:], head)
	copy(room[len(room)-hub.Tailroom:], chunkEnd)
	return &framing{chunk: room[begin:]}
}

// nameOnce makes the head of the named form.
func (f *framing) nameOnce(e *hub.Event) {
	f.once.Do(func() {
		frame := e.Frame()
		id := frame[:bytes.IndexByte(frame, '\n')+1]
		name := "event: " + e.Stream() + "\n"
		head := appendChunkHead(make([]byte, 0, hub.Headroom+len(id)+len(name)), len(frame)+len(name))
		f.prefix, f.id = len(head), len(id)
		f.head = append(append(head, id...), name...)
	})
}

// plain returns the frame of an event, as a chunk or as it is.
func plain(e *hub.Event, chunked bool) []byte {
	if chunked {
		return framingOf(e).chunk
	}
	return e.Frame()
}

// named returns the frame of an event, that of a document named by its stream, for
// connections that carry several streams. It comes in two parts, of which the second
// is a part of plain.
func named(e *hub.Event, chunked bool) (head, tail []byte) {
	if e.Kind() != hub.KindData {
		return nil, plain(e, chunked)
	}
	f := framingOf(e)
	f.nameOnce(e)
	if !chunked {
		return f.head[f.prefix:], e.Frame()[f.id:]
	}
	begin := len(f.chunk) - len(chunkEnd) - len(e.Frame())
	return f.head, f.chunk[begin+f.id:]
}
