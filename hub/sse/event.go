package sse

import (
	"bytes"
	"strings"
)

// ContentType is the value of the Content-Type header of an event stream. HTML
// 9.2 registers text/event-stream; the charset is always UTF-8 and is named for
// the sake of tools that guess.
const ContentType = "text/event-stream; charset=utf-8"

// Event is one event of a stream as the format knows it (HTML 9.2.6).
type Event struct {
	// ID is the event's ID. For AppendEvent "" means that no id line is written,
	// so the reader keeps the ID it has. From a Decoder it is the last event ID
	// as of this event, which an earlier event may have set.
	ID string

	// Name is the type of the event. "" stands for the default type, "message":
	// AppendEvent writes no event line for it, and a Decoder reports "" for an
	// event without a type as well as for one that is called "message".
	Name string

	// Data is the payload, of any number of lines. AppendEvent takes nil for an
	// empty payload; from a Decoder it is never nil, and is the caller's to keep
	// and to change.
	Data []byte
}

// ValidField reports whether s can be written as an ID or an event name: whether
// it holds no CR, LF or NUL. CR and LF would end the line, and browsers ignore an
// ID with a NUL in it (HTML 9.2.6). The empty string is valid.
func ValidField(s string) bool {
	return !strings.ContainsAny(s, "\r\n\x00")
}

// lineEnd returns the index of the first CR or LF in b, or -1. It looks for both
// in windows: IndexByte is several times faster than a loop over the bytes, but
// over the whole of b the pair would be quadratic for text that has many of one
// and none of the other.
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
