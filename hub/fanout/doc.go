// Package fanout carries subscriptions of a hub to the sockets of clients, as
// text/event-stream (WHATWG HTML 9.2).
//
// An HTTP handler calls [Engine.Open], which subscribes the client or refuses it, sets
// the headers of the answer, and calls [Client.Serve], which writes until the stream
// ends.
//
// # What a client gets
//
// A stream begins with a retry field, random between 2 and 5 s, so that clients do not
// return in step, and a comment. The replay of the subscription follows, then each event
// as it comes. Everything that is ready goes out in one write and one flush. After 15 s
// ± 20 % of silence there is a heartbeat. A stream ends after a whole frame: at the
// number of documents that the client asked for, at a random age of 48 to 60 minutes by
// default, or when the engine drains.
//
// # The position of a client
//
// After its replay a client gets a block with its position as ID and nothing else, unless
// an event had that ID. The next heartbeat announces a position that has moved past
// events which the client does not get. The ID that a client has is never ahead of the
// events that it got.
//
// # Views
//
// A client may ask for the differences between documents, for parts of them, for lines of
// JSON, or for HTML. Package view makes each result once for all clients that want the
// same, and keeps it in a cache. Workers do the work on large documents; there are half
// as many of them as processors. A client whose next event is not made yet waits alone,
// and keeps its heartbeats and deadlines. The other clients go on.
//
// # Slow clients
//
// A client whose subscription the hub has ended as slow resumes after the last event
// that was put into its channel, see [hub.Subscription.Resume], and gets what it missed
// from history. A client that reads slowly gets a large frame whole, however long that
// takes. A client that has stalled is closed: it has the write timeout to take what was
// written to it. Each byte that it takes adds the time that Options.MinRate gives it for
// one byte, up to the write timeout.
//
// Options.HeldBytes limits what all such clients together hold in memory. A client that
// would exceed it waits before its next portion. Meanwhile it gets heartbeats, and holds
// nothing. Then it continues from its position.
//
// A stream that reaches its maximum age within a frame goes on to the end of the frame.
// When the engine drains, the client has the write timeout for that. No client delays
// another one: a client with a long replay gets a few portions at a time.
//
// # Rights
//
// [Request.Until] says until when a client may have its streams, and [Engine.Review] asks
// again. A stream whose client may not have it any more ends with a status that says so.
// If a stream is hidden from a client, the client is told the same as for a stream that
// does not exist.
//
// # Two writers
//
// On Linux, while [Engine.Run] runs, a connection with HTTP/1.1 on TCP, or on TLS on TCP, is
// handed over: it is hijacked, its descriptor is duplicated, and the original is closed. A
// connection without TLS has to come by [Engine.Serve] or [Engine.ConnContext], and one with
// TLS by [Engine.Serve]. From then on the client is a struct and a channel, owned by one of a
// few writers. They write without waiting, and epoll reports the sockets that are writable
// again and the clients that have left. Every other connection keeps the goroutine of its
// handler, which writes through net/http. Both kinds of writer keep the same promises. A
// stream that was handed over ends with its connection. A client that closes its half of the
// connection gets the rest of the present frame, and the end of the stream.
//
// With TLS, crypto/tls makes the records, and a carrier takes them. A client whose socket
// is full holds 16 KiB in records at most; the rest stays shared with other clients. When
// epoll reports that a client has sent something after its request, the writer reads it:
// alerts, and key updates, which it answers. It closes a client that sends a record of
// more than 256 bytes, or more than 4 KiB in all, or breaks a rule of TLS. After the end
// of a stream it sends close_notify.
//
// # Admission
//
// A client holds a place from Open until its descriptor is closed. A request that is
// held for long holds one too, see [Engine.Admit]. [Engine.Serve] bounds the connections
// without a place, and may close some to make room for others. [LimitsFor] derives both
// bounds from the descriptors of the process.
//
// A connection with TLS holds a place of its own from the first message of its handshake to
// its first request. These places are shared out among addresses. While each processor writes
// an event to its clients, a new handshake waits until one of them is done, and for 100 ms at
// most.
//
// # Compression
//
// A compressed stream is one gzip member. Package wire puts it together from parts that
// are compressed once for all clients.
//
// # Ownership
//
// New starts nothing. Run starts the writers and the workers, and waits for them. Serve
// starts one goroutine and waits for it. A client belongs to the goroutine that called
// Open, until Serve has returned or a writer has adopted the client. Only its owner
// writes to its connection and closes it. Drain waits until every client has left.
package fanout
