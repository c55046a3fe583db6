package hub

import (
	"bytes"
	"fmt"
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
// and encoded once. All methods are safe for concurrent use, and what they return
// must not be modified.
type Event struct {
	id     ID
	stream string
	time   time.Time
	kind   Kind
	state  State  // of a KindStatus
	data   []byte // the document; where possible a part of room
	room   []byte // the frame, with Headroom before it and Tailroom behind it
	size   int    // what the event counts for where it is kept

	once       sync.Once
	attachment any
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
	if e.room, err = encode(wire); err != nil {
		return nil, err
	}
	frame := e.Frame()
	// A document of one line stands in the frame as it is; sharing it halves
	// the memory that history takes.
	if at := bytes.LastIndex(frame, e.data); at >= 0 && len(frame)-at == len(e.data)+len("\n\n") {
		e.data = frame[at : at+len(e.data) : at+len(e.data)]
		e.size = eventOverhead + len(frame)
	} else {
		e.size = eventOverhead + len(frame) + len(e.data)
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
func (e *Event) Frame() []byte {
	end := len(e.room) - Tailroom
	return e.room[Headroom:end:end]
}

// Attachment returns what fill returned when Attachment was called first for this
// event: what a transport makes of an event once, for all its subscribers. A hub has
// one transport. room is Frame with Headroom bytes before it and Tailroom behind it,
// in which fill may write, so that a frame and what a transport puts around it are one
// piece without a copy. The attachment may take AttachmentBytes.
func (e *Event) Attachment(fill func(room []byte) any) any {
	e.once.Do(func() { e.attachment = fill(e.room) })
	return e.attachment
}

// What an event holds for a transport, in bytes.
const (
	Headroom        = 16
	Tailroom        = 2
	AttachmentBytes = 224
)

// eventOverhead is what an event takes beside its encoding, at most: itself, its
// attachment, room that its encoding did not need, and its places in lists.
const eventOverhead = 512

// encode returns the event with room around it.
func encode(wire sse.Event) ([]byte, error) {
	const fields = 64 // enough for the id, the event name and the ends of lines
	buf := make([]byte, Headroom, Headroom+len(wire.Data)+fields+Tailroom)
	buf, err := sse.AppendEvent(buf, wire)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidMessage, err)
	}
	return append(buf, make([]byte, Tailroom)...), nil
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
	room, err := encode(sse.Event{Name: ResetEvent, Data: data})
	if err != nil {
		panic(err) // the four reasons are constants
	}
	return &Event{kind: KindReset, data: data, room: room} // of no size: it is kept by nobody
}
