// Package sse writes and reads the text/event-stream format of Server-Sent
// Events, as WHATWG HTML section 9.2 defines it. Most callers need two
// functions: [AppendEvent] to write a frame, and [Decoder.Next] to read one.
//
// # What it guarantees
//
// Writing. An ID or an event name that could end its line early, or that
// browsers would drop, is refused; data and comments are split at CR, LF and
// CRLF, so no text from outside can start a field of its own. What AppendEvent
// writes, Decoder.Next reads back with three changes: line ends in the data
// become LF, bytes that are not UTF-8 become U+FFFD, and the name "message"
// becomes "", because a browser does not tell the two apart.
//
// Reading. The decoder follows "interpreting an event stream" (HTML 9.2.6) to
// the letter, and treats the bytes as the UTF-8 decode of the Encoding Standard
// does: one byte order mark is dropped at the very start, and each maximal
// subpart of an ill-formed sequence becomes one U+FFFD. How the bytes are cut
// into reads never changes the result. An event is returned as soon as the line
// end of its blank line was read, even where that is a lone CR which may yet
// turn out to be half of a CRLF; the decoder never asks for a byte more.
//
// # Limits
//
// A [Decoder] refuses a line or an event above a limit ([DefaultMaxBytes] unless
// told otherwise) with [ErrTooLarge]; its memory stays below a small multiple of
// that limit, whatever the stream holds. The encoder has no limit of its own: it
// writes what it is given.
//
// # What it leaves to its caller
//
// The package knows no HTTP, no clock and no reconnecting. It does not check
// Content-Type, and it does not keep the last event ID from one stream to the
// next: HTML starts every stream with an empty one, while browsers carry it
// over.
//
// # Concurrency
//
// The functions are pure and may be called from any goroutine. A Decoder belongs
// to one goroutine at a time. The package starts no goroutine and holds no lock.
//
// The behaviour on the wire is fixed in testdata/vectors.json, which the tests of
// the browser modules read as well.
package sse
