// Package httpsse is a feed that follows an event stream by HTTP: any upstream that answers
// with text/event-stream, as WHATWG HTML section 9.2 defines it. See [New].
//
// # What counts as a document
//
// A document is the data of each event whose name is one of Options.Events. It has at most MaxBody
// bytes, and is turned into JSON if it has another Format. Other events are left out. The poller
// treats these documents like documents that it has asked for: an event whose document says nothing
// new does not become an event of the stream.
//
// # Position
//
// The ID of the newest event is sent back as Last-Event-ID when the stream is opened again, as far
// as a header can have it: at most 1,024 bytes without control characters. An upstream that does
// not accept it, with one of the statuses in refusals, is asked at once without it. An upstream
// that gives no IDs sends what it sends to a new client, and the events that it sent meanwhile are
// lost.
//
// # Another Pollux as upstream
//
// Events with the names that Pollux uses are never documents. A status says how fresh the
// documents of the upstream are, and the stream is no fresher: what it says of one of
// Options.Events counts, or of any stream if these are the events without a name. A status by
// which a Pollux refuses a client ends the connection. A reset says that events are missing.
// Snapshots, patches and merges are the answer to ?mode=patch and ?mode=merge, and are
// refused: they are changes, not documents.
//
// # Limits
//
// The request, its redirects, the guard, TLS, the headers of the answer, and gzip are those of
// package httpjson. The context of Open bounds the time until the headers have come. From then on,
// a line or the data of an event may have MaxBody bytes and the name of a field. A larger one ends
// the connection, because nothing after it can be relied on. One event is read at a time: as long
// as nobody calls Next, the upstream has to wait, and only the kernel keeps what has been received.
//
// # Errors
//
// Each is a *poller.Error, as in package httpjson. An answer with status 200 that is not an event
// stream has the class "format".
//
// # Concurrency
//
// A Source is safe for concurrent use, and starts no goroutine. A flow is for one goroutine, except
// for Close.
package httpsse
