// Package handlers serves Pollux over HTTP: Echo routes, one file for each family of
// them. It is the only package of the library that imports Echo.
//
// [New] returns an http.Handler for the public, [NewAdmin] one for operators. Both start
// no goroutine and are safe for concurrent use. A stream runs in the goroutine of its
// request unless the engine takes the connection over. A wait for the next document runs
// there too, for at most a minute. A request that publishes a document is answered when
// the document is stored, within ten seconds. Every other request is answered at once.
//
// # Answers
//
// Each failure is answered as application/problem+json (RFC 9457). The detail says
// what the caller can do, and nothing about the inside of the program. The log gets
// the cause. An answer quotes nothing that the caller sent, except an allowed origin
// and valid names of streams. HEAD gets the status and the headers of GET. Ranges are
// not served: two parts of a document that changes every few seconds do not make a
// whole.
//
// # Requests
//
// The parameters of a route are a table (route). The table decides what is parsed,
// which parameters can be repeated, and which names count as slips. A path is
// normalised before it is routed. Only clientAddress decides which client a request
// is from. The connection ends after a request whose end another HTTP parser could
// see elsewhere.
//
// # Compression
//
// New compresses each asset once. The newest document, and each requested part of it, is
// compressed once for each event, in the goroutine of the first request for it. Other
// requests wait for that as long as they last. At most one goroutine for each processor
// compresses. The cache is bounded; an entry that was dropped is made again. An entity
// tag is the ID of the event, weak if the client accepts gzip.
//
// # Counts
//
// [Counts] counts each refusal once. The log reports refused tokens and signatures, a few
// each minute, but never their content. No goroutine waits while it holds a lock of this
// package.
//
// # Time
//
// The server must have neither WriteTimeout nor ReadTimeout, because either would
// cut streams. The handler sets the deadlines of each request itself: the body must
// arrive at 1,000 bytes per second after a grace of 5 s, and within 30 s, and the client must read the answer within 30 s more.
// Therefore the ResponseWriter must be the one of the server, or one that
// [http.ResponseController] can unwrap. The engine's Serve limits the number of
// connections.
package handlers
