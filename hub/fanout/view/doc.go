// Package view makes what each client gets of an event: the whole document, parts of
// it, how it differs from the document before, or HTML, as an event stream or as lines of
// JSON, compressed or not. It knows no sockets.
//
// # One encoding for all
//
// Clients that ask for the same [View] share what is made of an event, no matter when
// they connected: it is an entry of one cache, which keeps the entries that were used
// last, up to a limit in bytes. What an entry holds follows from the view, the event, and
// the event before it in its stream. A client remembers the last event that it took,
// whether or not it was sent, so clients that connected at different times compare the
// same two documents. A document is parsed once for all views.
//
// Whole documents without compression are the hot path. They do not touch the cache.
//
// # Workers
//
// Parsing, comparing or compressing a large document takes tens of milliseconds. Work
// on more than 8 kB, and each rendering of HTML, is left to the workers of [Views.Start], so that the goroutine that
// writes to many clients is never held up. A client whose next event is not made yet
// waits alone: see [Encoder.Event]. An entry is in the queue of the workers once, and
// only while somebody waits for it, so the number of clients bounds the queue.
//
// # Ownership
//
// [Views] are safe for concurrent use. An [Encoder] belongs to the goroutine that
// writes to its client, and must be closed. Start starts the workers; the function that
// it returns waits for them.
package view
