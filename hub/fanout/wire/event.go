package wire

import (
	"bytes"
	"sync"

	"github.com/polluxhub/pollux/hub"
)

// framing is the attachment of an event: the event as a chunk, and the beginning of
// the form that names a document by its stream. All clients share it.
type framing struct {
	chunk []byte // in the room of the event

	// The named form shares everything from the data on with the plain one. A copy
	// would double the memory that history takes.
	once   sync.Once
	head   []byte // the named chunk up to the data
	prefix int    // bytes of head before the frame
	id     int    // bytes of the id line, which comes before the data in the plain frame
}

func framingOf(e *hub.Event) *framing {
	return e.Attachment(newFraming).(*framing) //nolint:forcetypeassert // nothing else is attached
}

// newFraming writes the head and the end of the chunk around the frame.
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

// Plain returns the frame of an event, as a chunk or as it is.
func Plain(e *hub.Event, chunked bool) []byte {
	if chunked {
		return framingOf(e).chunk
	}
	return e.Frame()
}

// Named returns the frame of an event for a connection that carries several streams: a
// document is named by its stream. The frame comes in two parts. The second one is a
// part of Plain.
func Named(e *hub.Event, chunked bool) (head, tail []byte) {
	if e.Kind() != hub.KindData {
		return nil, Plain(e, chunked)
	}
	f := framingOf(e)
	f.nameOnce(e)
	if !chunked {
		return f.head[f.prefix:], e.Frame()[f.id:]
	}
	begin := len(f.chunk) - len(chunkEnd) - len(e.Frame())
	return f.head, f.chunk[begin+f.id:]
}
