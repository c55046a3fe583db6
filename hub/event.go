package hub

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/polluxhub/pollux/hub/sse"
)

// Kind tells what an event is about.
type Kind uint8

// The kinds of events.
const (
	KindData   Kind = iota // a new document of a stream
	KindStatus             // a change of a stream's freshness
	KindReset              // the subscriber missed events that are gone
)

// Event is one entry of the timeline: immutable, shared by all who receive it,
// and encoded at most once for each form, however many subscribers there are.
// All methods are safe for concurrent use, and what they return must not be
// modified.
type Event struct {
	id     ID
	stream string
	time   time.Time
	kind   Kind
	state  State  // of a KindStatus
	data   []byte // the document; where possible a part of plain
	plain  frame
	size   int // what the event counts for where it is kept

	namedOnce sync.Once
	named     named
}

// NewEvent returns the event that stands for m at the given place in the
// timeline. It is meant for implementations of [Log]; nobody else makes events.
// The errors are those of [Message.Check].
func NewEvent(id ID, at time.Time, m Message) (*Event, error) {
	if id.IsZero() || id.seq == 0 {
		return nil, fmt.Errorf("%w: no ID", ErrInvalidMessage)
	}
	if err := m.Check(); err != nil {
		return nil, err
	}
	e := &Event{id: id, stream: streamName(m.Stream), time: at, data: m.Data}
	wire := sse.Event{ID: id.String(), Data: m.Data}
	if m.Status != nil {
		document, err := m.Status.Document(e.stream)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalidMessage, err)
		}
		e.kind, e.state, e.data = KindStatus, m.Status.State, document
		// A status has a place in the timeline, but no id line: a client
		// resumes after documents, and is told the newest status anyway.
		wire = sse.Event{Name: StatusEvent, Data: document}
	}
	var err error
	if e.plain, err = encode(wire); err != nil {
		return nil, err
	}
	frame := e.plain.event()
	// A document of one line stands in the frame as it is; sharing it halves
	// the memory that history takes.
	if at := bytes.LastIndex(frame, e.data); at >= 0 && len(frame)-at == len(e.data)+len("\n\n") {
		e.data = frame[at : at+len(e.data) : at+len(e.data)]
		e.size = eventOverhead + len(e.plain.chunk)
	} else {
		e.size = eventOverhead + len(e.plain.chunk) + len(e.data)
	}
	return e, nil
}

// ID returns the event's place in the timeline. A KindReset has none, and neither
// has the last status of a stream that was removed.
func (e *Event) ID() ID { return e.id }

// Stream returns the name of the event's stream. A KindReset has none.
func (e *Event) Stream() string { return e.stream }

// Kind returns what the event is about.
func (e *Event) Kind() Kind { return e.kind }

// Time returns when the event was stored. A KindReset has none.
func (e *Event) Time() time.Time { return e.time }

// Data returns the document, or the JSON object of a status or reset.
func (e *Event) Data() []byte { return e.data }

// Frame returns the event as text/event-stream. The frame of a document bears
// no event name, so that onmessage receives it.
func (e *Event) Frame() []byte { return e.plain.event() }

// Chunk returns Frame as one chunk of a chunked body (RFC 9112 7.1).
func (e *Event) Chunk() []byte { return e.plain.chunk }

// NamedFrame returns the event as text/event-stream, a document named by its
// stream, for connections that carry several streams. It comes in two parts, of
// which the second is shared with Frame: whoever sends both has sent it.
func (e *Event) NamedFrame() (head, tail []byte) {
	if e.kind != KindData {
		return nil, e.Frame()
	}
	e.nameOnce()
	return e.named.head[e.named.prefix:], e.Frame()[e.named.tail-e.plain.head:]
}

// NamedChunk returns NamedFrame as one chunk of a chunked body, in two parts as
// well.
func (e *Event) NamedChunk() (head, tail []byte) {
	if e.kind != KindData {
		return nil, e.Chunk()
	}
	e.nameOnce()
	return e.named.head, e.Chunk()[e.named.tail:]
}

// named is what makes a document's chunk one that is named by its stream: all
// before the data. A copy of the data would double what history takes.
type named struct {
	head   []byte
	prefix int // bytes of head before the frame
	tail   int // where in the plain chunk the data begin
}

func (e *Event) nameOnce() {
	e.namedOnce.Do(func() {
		plain := e.Frame()
		id := plain[:bytes.IndexByte(plain, '\n')+1]
		name := "event: " + e.stream + "\n"
		head := make([]byte, 0, chunkHead+len(id)+len(name))
		head = strconv.AppendUint(head, uint64(len(plain)+len(name)), 16)
		head = append(head, "\r\n"...)
		e.named.prefix, e.named.tail = len(head), e.plain.head+len(id)
		e.named.head = append(append(head, id...), name...)
	})
}

// eventOverhead is what an event takes beside its encoding, at most: itself, the
// head of its named form, room that its encoding did not need, and its places in
// lists.
const eventOverhead = 512

// frame is an encoded event, with what makes it a chunk around it: the two are
// encoded together, so that either can be written as it is.
type frame struct {
	chunk []byte
	head  int // bytes of the chunk before the event
}

// chunkHead is room for the size of a chunk: eight digits and the line's end.
const chunkHead = 8 + 2

func (f frame) event() []byte {
	end := len(f.chunk) - len("\r\n")
	return f.chunk[f.head:end:end]
}

func encode(wire sse.Event) (frame, error) {
	const fields = 128 // enough for the id, the event name and the ends of lines
	buf, err := sse.AppendEvent(make([]byte, chunkHead, chunkHead+len(wire.Data)+fields), wire)
	if err != nil {
		return frame{}, fmt.Errorf("%w: %w", ErrInvalidMessage, err)
	}
	size := strconv.AppendUint(make([]byte, 0, chunkHead), uint64(len(buf)-chunkHead), 16)
	size = append(size, "\r\n"...)
	begin := chunkHead - len(size)
	copy(buf[begin:], size)
	buf = append(buf, "\r\n"...)
	return frame{chunk: buf[begin:len(buf):len(buf)], head: len(size)}, nil
}

// ResetReason says why a subscriber could not resume after its last event.
type ResetReason string

// The reasons of a reset.
const (
	ReasonEvicted ResetReason = "evicted" // the history no longer has all later events
	ReasonEpoch   ResetReason = "epoch"   // the ID is of another epoch
	ReasonAhead   ResetReason = "ahead"   // the ID was not given out yet
	ReasonInvalid ResetReason = "invalid" // the text is not an ID
)

var resets = map[ResetReason]*Event{
	ReasonEvicted: newReset(ReasonEvicted),
	ReasonEpoch:   newReset(ReasonEpoch),
	ReasonAhead:   newReset(ReasonAhead),
	ReasonInvalid: newReset(ReasonInvalid),
}

func newReset(reason ResetReason) *Event {
	data := []byte(`{"reason": "` + string(reason) + `"}`)
	plain, err := encode(sse.Event{Name: ResetEvent, Data: data})
	if err != nil {
		panic(err) // the four reasons are constants
	}
	return &Event{kind: KindReset, data: data, plain: plain} // of no size: it is kept by nobody
}
