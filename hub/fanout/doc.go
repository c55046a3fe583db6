// Package fanout carries subscriptions of a hub to the sockets of clients, as
// text/event-stream (WHATWG HTML 9.2).
//
// An HTTP handler calls [Engine.Open], which subscribes and may refuse, sets the
// headers of the answer, and calls [Client.Serve], which writes until the stream
// ends.
//
// # What a client gets
//
// First a retry field, random between 2 and 5 s, so that no client comes back
// in step with another, and a comment. Then the replay of its subscription, then
// the events as they come. Whatever is ready goes out in one write and one
// flush. After 15 s ± 20 % of silence there is a heartbeat. A stream ends at a
// whole frame: after the number of documents asked for, at a random age of 48 to
// 60 minutes (by default), or when the engine drains.
//
// # Where a client stands
//
// Behind its replay a client is told its position by a block with nothing but an ID,
// unless an event has told it. A position that moved over what was not sent is told
// by the next heartbeat. The ID of a client is never ahead of what it was given.
//
// # Views
//
// A client may ask for the differences between documents, for parts of them, or
// for lines of JSON. Package view makes what it gets, once for all clients that want the
// same, and keeps it in a cache. Work on large documents is left to workers, half as
// many as there are processors. A client whose next event is not made yet waits alone,
// with its heartbeats and deadlines; everybody else goes on.
//
// # Slow clients
//
// A client that the hub found slow goes on behind the last event that was put into
// its channel (see [hub.Subscription.Resume]), and takes what it missed from history. A
// client that reads slowly gets a large frame whole, however long that takes. A
// client that is stalled is closed: it has the write timeout to take what there is for
// it, and each byte that it takes buys as much time as it has for one at
// Options.MinRate, up to the write timeout. When a stream
// reaches its age within a frame, that goes on to its end; when the engine drains,
// the client has the write timeout for it. No client delays another: one that takes
// a long replay gets a few portions at a time.
//
// # Two writers
//
// On Linux, while [Engine.Run] runs, a connection that is plain HTTP/1.1 on TCP
// (which came by [Engine.Serve] or [Engine.ConnContext]) is handed over: hijacked,
// its descriptor duplicated, the original closed. From then on the client is a
// struct and a channel, owned by one of a few writers, who write without waiting
// and let epoll tell of sockets that are writable again and of clients who left.
// Every other connection keeps the goroutine of its handler, which writes through
// net/http. Both keep the same promises. A stream that was handed over ends with
// its connection. A client that closes its half of the connection gets the
// present frame, and the end.
//
// # Admission
//
// A client has a place from Open until its descriptor is closed, and a request that
// is held (see [Engine.Admit]) while it is. [Engine.Serve] bounds the connections
// that are neither, and closes some for others where there are many: see there.
// [LimitsFor] derives both bounds from the descriptors of the process.
//
// # Compression
//
// A compressed stream is one gzip member, which package wire puts together from parts
// that are compressed once for all clients.
//
// # Ownership
//
// New starts nothing. Run starts the writers and the workers and waits for them;
// Serve starts one goroutine and waits for it. A client belongs
// to the goroutine that called Open, until Serve has returned or a writer has
// adopted it. Only its owner writes to its connection and closes it. Drain waits
// for all clients to be gone.
package fanout
