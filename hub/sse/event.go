package sse

import (
	"bytes"
	"strings"
)

// ContentType is the value of the Content-Type header of an event stream. An event
// stream is always UTF-8 (HTML 9.2); the charset is for tools that guess otherwise.
const ContentType = "text/event-stream; charset=utf-8"

// Event is one event of a stream as the format knows it (HTML 9.2.6).
type Event struct {
	// ID is the event's ID. For AppendEvent "" means that no id line is written,
	// so the reader keeps the ID it has. From a Decoder it is the last event ID
	// as of this event, which an earlier event may have set.
	ID string

	// Name is the type of the event. "" means the default type, "message":
	// AppendEvent writes no event line for it, and a Decoder returns "" for an event
	// without a type as well as for one named "message".
	Name string

	// Data is the payload, of any number of lines. For AppendEvent, nil is an empty
	// payload. From a Decoder it is never nil, and belongs to the caller.
	Data []byte
}

// ValidField reports whether s can be written as an ID or an event name: it must not
// contain CR, LF or NUL. CR and LF would end the line, and browsers ignore an ID with
// NUL (HTML 9.2.6). The empty string is valid.
func ValidField(s string) bool {
	return !strings.ContainsAny(s, "\r\n\x00")
}

// lineEnd returns the index of the first CR or LF in b, or -1. IndexByte is several
// times faster than a loop over the bytes. It is called for windows of b, because for
// all of b the two calls would take quadratic time for text with many of one byte and
// none of the other.
func lineEnd(b []byte) int {
	const window = 256
	for at := 0; at < len(b); at += window {
		w := b[at:min(at+window, len(b))]
		lf := bytes.IndexByte(w, '\n')
		if lf >= 0 {
			w = w[:lf]
		}
		if cr := bytes.IndexByte(w, '\r'); cr >= 0 {
			return at + cr
		}
		if lf >= 0 {
			return at + lf
		}
	}
	return -1
}
