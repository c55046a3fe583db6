// Package wire makes the bytes that a connection carries: events and other texts, each
// as a chunk of a chunked body (RFC 9112 7.1) or as it is, plain or compressed. It
// knows no sockets, starts nothing, and decides nothing about what a client gets.
//
// # Chunks
//
// An event is framed once for all clients, in the room that [hub.Event.Attachment]
// gives for that: see [Plain] and [Named]. Everything else is a [Fragment].
//
// # Compression
//
// A compressed stream is one gzip member (RFC 1952), see [Member]. It is put together
// from fragments that several clients share: raw deflate (RFC 1951), each fragment
// ended by a sync flush, which leaves it at a whole byte. A [Deflater] compresses a text
// alone, or with the end of a client's [Window] as dictionary. Every client whose window
// ends alike shares that fragment.
//
// A heartbeat goes out in a stored block and becomes part of the window. What differs
// in it from client to client, times and IDs, is NUL in the dictionary: see [Note]. A
// text that holds NUL is never compressed behind a note, so nothing refers to those
// places.
package wire
