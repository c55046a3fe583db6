// Package handlers is the HTTP face of Pollux: Echo routes, one file for each
// family of them. It is the only package that knows Echo.
//
// [New] returns an http.Handler for everybody, [NewAdmin] one for operators; both
// start nothing and are safe for concurrent use. A stream lives in the goroutine
// of its request unless the engine takes it over. So does a wait for the next
// document, a minute at most. What is published is answered when it is stored, within
// ten seconds. Everything else is answered at once.
//
// # Answers
//
// Whatever goes wrong is answered as application/problem+json (RFC 9457) that
// tells the caller what to do and nothing of the inside; the cause goes to the
// log. Nothing that a caller sent comes back in an answer, except an origin that is
// allowed, and names that are or could be those of streams. HEAD has the
// status and the headers of GET. Ranges are not served: documents are small, and
// two parts of a document that changes every few seconds do not make a whole.
//
// # Requests
//
// What a route takes is a table (route), from which come parsing, what may be
// given twice, and what counts as a slip. A path has one spelling before it is
// routed. Whom a request is from is decided by one function, clientAddress. Behind a
// request whose end another reader may see elsewhere the connection ends.
//
// # Compression
//
// Assets are compressed once by New; the newest document, and each of its parts that
// somebody asks for, once for each event, in the goroutine of the first who asks.
// Others wait for that, no longer than their request lasts. At most one goroutine for
// each processor compresses; what is kept is bounded, and what is not kept is made
// again. An entity tag is the ID of the event, weak where the client accepts gzip.
//
// # Counts
//
// [Counts] has each refusal once. The log tells of refused tokens and signatures, a
// few each minute, and never what was sent. Nothing waits under a lock of this
// package.
//
// # Time
//
// The server must have neither WriteTimeout nor ReadTimeout, because either
// would cut streams. The handler sets deadlines for each request itself: a body
// has 30 s to arrive, and its answer 30 s more to be taken. Therefore the
// ResponseWriter must be the server's own, or one that
// [http.ResponseController] can unwrap. The engine's Serve bounds the connections.
package handlers
