// Package sse writes and reads the text/event-stream format of Server-Sent
// Events, as WHATWG HTML section 9.2 defines it. Most callers need two
// functions: [AppendEvent] to write a frame, and [Decoder.Next] to read one.
//
// # What it guarantees
//
// Writing. An ID or an event name that could end its line early, or that browsers
// would drop, is refused. Data and comments are split at CR, LF and CRLF, so no text
// from outside can start a field. Decoder.Next reads back what AppendEvent writes,
// with three changes: line ends in the data become LF, bytes that are not UTF-8 become
// U+FFFD, and the name "message" becomes "", because a browser does not distinguish
// the two.
//
// Reading. The decoder follows "interpreting an event stream" (HTML 9.2.6) to the
// letter, and decodes UTF-8 as the Encoding Standard does: it drops one byte order mark
// at the very start, and each maximal subpart of an ill-formed sequence becomes one
// U+FFFD. How the bytes are split into reads never changes the result. An event is
// returned as soon as the line end of its blank line was read, even if that is a CR
// that may be the first half of a CRLF.
//
// # Limits
//
// A [Decoder] refuses a line or an event above a limit ([DefaultMaxBytes] by default)
// with [ErrTooLarge]. Its memory stays below a small multiple of that limit, whatever
// the stream contains. The encoder has no limit.
//
// # What it leaves to its caller
//
// The package does not deal with HTTP, time or reconnecting. It does not check
// Content-Type, and it does not carry the last event ID from one stream to the next:
// in HTML every stream starts with an empty one, while browsers carry it over.
//
// # Concurrency
//
// The functions are pure and may be called from any goroutine. A Decoder belongs
// to one goroutine at a time. The package starts no goroutine and holds no lock.
//
// The behaviour on the wire is fixed in testdata/vectors.json, which the tests of
// the browser modules read as well.
package sse
