package hub

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// DefaultStream is the stream that an empty name means.
const DefaultStream = "default"

// OnceLife is for how long a publication that has a name is known, see [Message.Once].
const OnceLife = 10 * time.Minute

// maxStreamNameLen bounds the name of a stream, in bytes.
const maxStreamNameLen = 64

// ErrInvalidMessage is returned, wrapped with the reason, for a Message that a log
// must not store.
var ErrInvalidMessage = errors.New("hub: invalid message")

// ErrInvalidStream is returned, wrapped with the reason, for an invalid name of a
// stream.
var ErrInvalidStream = errors.New("hub: invalid stream name")

// Message is a document, or a change of freshness, to be published. The log gives it
// an ID.
type Message struct {
	// Stream is the name of the stream, or of a key of one, see [CheckName]. Empty
	// means DefaultStream.
	Stream string

	// Data is the document: valid UTF-8, not empty. The publisher makes JSON
	// compact with document.Compact, because parts and deltas are made only of
	// compact documents. Logs need not copy it, so it must not be modified
	// afterwards.
	Data []byte

	// Status, if not nil, makes the message a change of the stream's freshness. Data
	// must be empty then.
	Status *Status

	// State says that a newer message of the same kind replaces this one. A log that cannot
	// store it now may keep it in memory, in an epoch of its own, instead of refusing it.
	State bool

	// Seen, if not zero, is the position up to which the publisher knew the timeline when it
	// decided on this message. The log refuses the message with ErrSuperseded if the stream
	// has a newer one of the same kind, or if its epoch is another one by now.
	Seen ID

	// Once, if not empty, names the publication, also if it is repeated. A log outside of the process
	// stores the first of several messages with the same stream, Once and Data, and returns its
	// ID for the others, for [OnceLife]. Other logs ignore it.
	Once string
}

// Check returns nil for a message that may be stored, else an error that wraps
// ErrInvalidMessage or ErrInvalidStream.
func (m Message) Check() error {
	if m.Stream != "" {
		if err := CheckName(m.Stream); err != nil {
			return err
		}
	}
	if m.Status != nil {
		if len(m.Data) > 0 {
			return fmt.Errorf("%w: both data and status", ErrInvalidMessage)
		}
		return m.Status.check()
	}
	if len(m.Data) == 0 {
		return fmt.Errorf("%w: no data", ErrInvalidMessage)
	}
	if !utf8.Valid(m.Data) {
		return fmt.Errorf("%w: data is not UTF-8", ErrInvalidMessage)
	}
	return nil
}

// reservedNames are event types with a meaning to Pollux or to EventSource. On a
// connection with several streams, the name of a stream is the type of its events,
// so no stream may have one of these names.
var reservedNames = []string{
	"error", HeartbeatEvent, MergeEvent, MessageEvent, "open", PatchEvent, ResetEvent, SnapshotEvent, StatusEvent,
}

// IsEventType reports whether a name is that of an event type, which no stream may have.
func IsEventType(name string) bool { return slices.Contains(reservedNames, name) }

// CheckStream returns nil if name can be the name of a stream: 1 to 64 ASCII
// letters, digits, '.', '_' and '-', and not a reserved event type (error, hb,
// merge, message, open, patch, reset, snapshot, status). Otherwise it returns an
// error that wraps ErrInvalidStream.
func CheckStream(name string) error {
	if len(name) == 0 || len(name) > maxStreamNameLen {
		return fmt.Errorf("%w: %d bytes, want 1 to %d", ErrInvalidStream, len(name), maxStreamNameLen)
	}
	for i := range len(name) {
		if c := name[i]; !isAlphanumeric(c) && c != '.' && c != '_' && c != '-' {
			return fmt.Errorf("%w %q: want letters, digits, '.', '_' and '-'", ErrInvalidStream, name)
		}
	}
	if IsEventType(name) {
		return fmt.Errorf("%w %q: taken by an event type", ErrInvalidStream, name)
	}
	return nil
}

// ReservedPrefix begins the names of the streams that Pollux itself publishes to.
const ReservedPrefix = "_"

// IsReserved reports whether only Pollux itself publishes to a stream of this name.
func IsReserved(name string) bool { return strings.HasPrefix(name, ReservedPrefix) }

func streamName(name string) string {
	if name == "" {
		return DefaultStream
	}
	return name
}
