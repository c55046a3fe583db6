package hub

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// DefaultStream is the stream that an empty name stands for.
const DefaultStream = "default"

// maxStreamNameLen is the longest name of a stream, in bytes.
const maxStreamNameLen = 64

// ErrInvalidMessage is returned, wrapped with the reason, for a Message that no
// log may store.
var ErrInvalidMessage = errors.New("hub: invalid message")

// ErrInvalidStream is returned, wrapped with the reason, for a name that no
// stream may have.
var ErrInvalidStream = errors.New("hub: invalid stream name")

// Message is what a publisher hands in: a document, or a change of freshness.
// It has no ID; the log gives one.
type Message struct {
	// Stream is the name of the stream, see [CheckStream]. Empty means
	// DefaultStream.
	Stream string

	// Data is the document: valid UTF-8, not empty. The publisher makes a JSON
	// document compact, by document.Compact: the hub does not, and parts and
	// differences are made only of compact ones. Not every log copies it, so it must
	// not be modified after it was handed in.
	Data []byte

	// Status, if not nil, makes the message a change of the stream's freshness.
	// Data must be empty then.
	Status *Status
}

// Check returns nil for a message that may be stored, else an error that wraps
// ErrInvalidMessage or ErrInvalidStream.
func (m Message) Check() error {
	if m.Stream != "" {
		if err := CheckStream(m.Stream); err != nil {
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

// reservedNames are event types with a meaning of their own, either to Pollux
// or to EventSource. With several streams on one connection the name of a
// stream is the type of its events, so no stream may have one of these.
var reservedNames = []string{
	"error", HeartbeatEvent, MergeEvent, MessageEvent, "open", PatchEvent, ResetEvent, SnapshotEvent, StatusEvent,
}

// CheckStream returns nil if name can be the name of a stream: 1 to 64 ASCII
// letters, digits, '.', '_' and '-', and none of the event types that are taken
// (error, hb, merge, message, open, patch, reset, snapshot, status). Otherwise it
// returns an error that wraps ErrInvalidStream.
func CheckStream(name string) error {
	if len(name) == 0 || len(name) > maxStreamNameLen {
		return fmt.Errorf("%w: %d bytes, want 1 to %d", ErrInvalidStream, len(name), maxStreamNameLen)
	}
	for i := range len(name) {
		if c := name[i]; !isAlphanumeric(c) && c != '.' && c != '_' && c != '-' {
			return fmt.Errorf("%w %q: want letters, digits, '.', '_' and '-'", ErrInvalidStream, name)
		}
	}
	if slices.Contains(reservedNames, name) {
		return fmt.Errorf("%w %q: taken by an event type", ErrInvalidStream, name)
	}
	return nil
}

func streamName(name string) string {
	if name == "" {
		return DefaultStream
	}
	return name
}
