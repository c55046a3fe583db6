package hub

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"time"
	"unique"

	"github.com/polluxhub/pollux/hub/sse"
)

// Kind is the kind of an event.
type Kind uint8

// The kinds of events.
const (
	KindData   Kind = iota // a new document of a stream
	KindStatus             // a change of a stream's freshness
	KindReset              // the subscriber missed events that are no longer kept
)

// Event is one entry of the timeline. It is immutable, shared by all subscribers, and
// encoded once. All methods are safe for concurrent use. Their results must not be
// modified.
type Event struct {
	id     ID
	stream string
	time   time.Time
	kind   Kind
	marked bool   // a KindStatus that every new subscriber is told
	last   bool   // see IsLast
	state  State  // of a KindStatus
	data   []byte // the document; where possible a part of room
	room   []byte // the frame, with Headroom before it and Tailroom after it
	size   int    // in bytes, as counted in the history

	// Of a KindReset.
	reason  ResetReason
	skipped uint64

	once       sync.Once
	attachment any
}

// NewEvent returns the event for m at the given place in the timeline. It is meant for
// implementations of [Log]; only they make events. The errors are those of
// [Message.Check].
func NewEvent(id ID, at time.Time, m Message) (*Event, error) {
	if id.IsZero() || id.seq == 0 {
		return nil, fmt.Errorf("%w: no ID", ErrInvalidMessage)
	}
	if err := m.Check(); err != nil {
		return nil, err
	}
	// The name may be a part of a large text, such as a request.
	e := &Event{id: id, stream: unique.Make(streamName(m.Stream)).Value(), time: at, data: m.Data}
	wire := sse.Event{ID: id.String(), Data: m.Data}
	if m.Status != nil {
		document, err := m.Status.Document(e.stream)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalidMessage, err)
		}
		e.kind, e.state, e.data = KindStatus, m.Status.State, document
		e.marked = m.Status.State != Live || m.Status.Error == ErrorNotStored
		// A status has a place in the timeline, but no id line: a client resumes
		// after documents, and gets the newest status anyway.
		wire = sse.Event{Name: StatusEvent, Data: document}
	}
	var err error
	if e.room, err = encode(wire); err != nil {
		return nil, err
	}
	frame := e.Frame()
	// The frame contains a document of one line unchanged. Sharing it halves the
	// memory of the history.
	if at := len(frame) - len(e.data) - len("\n\n"); at >= 0 && bytes.Equal(frame[at:at+len(e.data)], e.data) {
		e.data = frame[at : at+len(e.data) : at+len(e.data)]
		e.size = eventOverhead + len(frame)
	} else {
		e.size = eventOverhead + len(frame) + len(e.data)
	}
	return e, nil
}

// ID returns the event's place in the timeline. It is the zero ID for a KindReset, for the
// last status of a stream, and for a status that the hub tells by itself, see [Hub.Override].
func (e *Event) ID() ID { return e.id }

// Stream returns the name of the event's stream. It is empty for a KindReset that
// concerns all streams of the subscription.
func (e *Event) Stream() string { return e.stream }

// Kind returns the kind of the event.
func (e *Event) Kind() Kind { return e.kind }

// Time returns when the event was stored. A KindReset has none.
func (e *Event) Time() time.Time { return e.time }

// IsLast reports whether the event is the last one of its stream for the subscriber: a status
// that says that the stream was removed, or does not exist for this subscriber. A later
// stream of that name is another one.
func (e *Event) IsLast() bool { return e.last }

// Reason returns why there is a KindReset. It is empty for any other event.
func (e *Event) Reason() ResetReason { return e.reason }

// Skipped returns how many documents a KindReset with ReasonSkipped says were left out. It
// is 0 for any other event.
func (e *Event) Skipped() uint64 { return e.skipped }

// Data returns the document, or the JSON object of a status or reset.
func (e *Event) Data() []byte { return e.data }

// Frame returns the event as text/event-stream. The frame of a document has no event
// name, so that onmessage receives it.
func (e *Event) Frame() []byte {
	end := len(e.room) - Tailroom
	return e.room[Headroom:end:end]
}

// Attachment returns the result of the first call of fill for this event: the data
// that a transport computes once for all subscribers. A hub has one transport. room is
// Frame with Headroom bytes before it and Tailroom bytes after it. fill may write into
// these, so that a transport can put bytes around the frame without copying it. The
// attachment may take AttachmentBytes.
func (e *Event) Attachment(fill func(room []byte) any) any {
	e.once.Do(func() { e.attachment = fill(e.room) })
	return e.attachment
}

// The memory of an event for a transport, in bytes.
const (
	Headroom        = 16
	Tailroom        = 2
	AttachmentBytes = 224
)

// eventOverhead is the most that an event takes beside its encoding: the Event, its
// attachment, unused capacity of its encoding, and its places in lists.
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

// ResetReason says why a subscriber does not get every event after its last one.
type ResetReason string

// The reasons of a reset.
const (
	ReasonEvicted ResetReason = "evicted" // the history no longer has all later events
	ReasonEpoch   ResetReason = "epoch"   // the ID is of another epoch
	ReasonAhead   ResetReason = "ahead"   // the ID was not given out yet
	ReasonInvalid ResetReason = "invalid" // the text is not an ID
	ReasonSkipped ResetReason = "skipped" // only the newest document follows, see Replay
)

// ResetReasons returns all reasons of a reset.
func ResetReasons() []ResetReason {
	return []ResetReason{ReasonEvicted, ReasonEpoch, ReasonAhead, ReasonInvalid, ReasonSkipped}
}

var resets = map[ResetReason]*Event{
	ReasonEvicted: newReset(ReasonEvicted),
	ReasonEpoch:   newReset(ReasonEpoch),
	ReasonAhead:   newReset(ReasonAhead),
	ReasonInvalid: newReset(ReasonInvalid),
}

func newReset(reason ResetReason) *Event {
	return encodeReset(&Event{reason: reason, data: []byte(`{"reason": "` + string(reason) + `"}`)})
}

// newStreamReset returns a reset that concerns one stream. It names the stream if the
// subscription has several.
func newStreamReset(reason ResetReason, stream string, several bool, skipped uint64) *Event {
	data := []byte(`{"reason":"` + string(reason) + `"`)
	if reason == ReasonSkipped {
		data = strconv.AppendUint(append(data, `,"skipped":`...), skipped, 10)
	}
	if several {
		data = append(append(append(data, `,"stream":"`...), stream...), '"') // names need no escapes
	}
	return encodeReset(&Event{reason: reason, stream: stream, skipped: skipped, data: append(data, '}')})
}

// encodeReset completes a reset. It is of no size, because it is not kept.
func encodeReset(e *Event) *Event {
	room, err := encode(sse.Event{Name: ResetEvent, Data: e.data})
	if err != nil {
		panic(err) // the data are of one line
	}
	e.kind, e.room = KindReset, room
	return e
}
