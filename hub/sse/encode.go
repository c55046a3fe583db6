package sse

import (
	"errors"
	"slices"
	"strconv"
	"time"
)

// ErrInvalidID is returned by AppendEvent for an ID that holds CR, LF or NUL.
// Nothing was appended.
var ErrInvalidID = errors.New("sse: event ID contains CR, LF or NUL")

// ErrInvalidName is returned by AppendEvent for an event name that holds CR, LF
// or NUL. Nothing was appended.
var ErrInvalidName = errors.New("sse: event name contains CR, LF or NUL")

// AppendEvent appends the frame of e to dst and returns the extended slice: the
// id line, the event line, one data line for each line of the data, and the
// blank line that makes the reader dispatch the event (HTML 9.2.5). An empty ID
// or Name gives no line; Data is split at CR, LF and CRLF and gives at least one
// line, since an event without data lines is never dispatched.
//
// It returns ErrInvalidID or ErrInvalidName, and dst unchanged, for a field that
// ValidField refuses. It allocates nothing if dst has room for the frame, and otherwise
// at most once for data of a single line.
func AppendEvent(dst []byte, e Event) ([]byte, error) {
	if !ValidField(e.ID) {
		return dst, ErrInvalidID
	}
	if !ValidField(e.Name) {
		return dst, ErrInvalidName
	}
	// The size must not exceed that of the frame, or a dst with just enough room would
	// be copied needlessly.
	size := len("data: \n\n") + len(e.Data)
	if e.ID != "" {
		size += len("id: \n") + len(e.ID)
	}
	if e.Name != "" {
		size += len("event: \n") + len(e.Name)
	}
	dst = slices.Grow(dst, size)
	if e.ID != "" {
		dst = append(dst, "id: "...)
		dst = append(dst, e.ID...)
		dst = append(dst, '\n')
	}
	if e.Name != "" {
		dst = append(dst, "event: "...)
		dst = append(dst, e.Name...)
		dst = append(dst, '\n')
	}
	dst = appendLines(dst, "data: ", e.Data)
	return append(dst, '\n'), nil
}

// AppendComment appends text to dst as comment lines, one for each line of text, which
// is split at CR, LF and CRLF, and returns the extended slice. Readers ignore comments,
// so they serve as heartbeats (HTML 9.2.7). An empty text gives one empty comment.
//
// No blank line follows, so that a comment can stand inside an event. A
// heartbeat between events adds one itself: append(AppendComment(dst, "hb"), '\n').
func AppendComment(dst []byte, text string) []byte {
	return appendLines(dst, ": ", []byte(text)) // the compiler does not copy it
}

// AppendRetry appends a retry line to dst, which sets how long the reader waits
// before it reconnects, and returns the extended slice. The line carries d in
// milliseconds, rounded to the nearest (halves up); a negative d becomes 0. No
// blank line follows: a reader obeys the line at once (HTML 9.2.6).
func AppendRetry(dst []byte, d time.Duration) []byte {
	ms := max(d.Round(time.Millisecond), 0).Milliseconds()
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, ms, 10)
	return append(dst, '\n')
}

// appendLines appends each line of text after prefix. The prefix must end with a space:
// readers remove exactly one, so a line that begins with a space keeps it.
func appendLines(dst []byte, prefix string, text []byte) []byte {
	for {
		i := lineEnd(text)
		dst = append(dst, prefix...)
		if i < 0 {
			dst = append(dst, text...)
			return append(dst, '\n')
		}
		dst = append(dst, text[:i]...)
		dst = append(dst, '\n')
		if text[i] == '\r' && i+1 < len(text) && text[i+1] == '\n' {
			i++
		}
		text = text[i+1:]
	}
}
