// Package conflate publishes at most one document of a stream within a gap, and always
// the newest. It stands between publishers and the hub, so a document that a newer one
// replaces gets no ID, and takes no room in the log and in history. See [New],
// [Conflator.Publish] and [Conflator.Run].
//
// # What waits
//
//   - The gap of a stream begins when a document of it has been published. The first
//     document after the gap is published at once, by its publisher.
//   - A document that comes sooner waits, alone: it replaces the one that waits. When the
//     gap is over, Run publishes what waits. The same holds for documents that come
//     while one of the stream is being published.
//   - A stream without a gap passes through. So does a status, which nothing replaces.
//   - Each key of a stream has a gap of its own, as long as that of the stream.
//   - A change of the gap holds from the next document of the stream on.
//
// # Order and delivery
//
// A document is never published after one of the same stream that was passed to Publish
// later, and the last document that Publish accepted is the last one that is published.
// Two calls at the same time have no order, and neither have documents of different
// streams.
//
// # Failure
//
// A publisher gets the error of the document that is published in its own call, or its
// panic, which counts as an error after which the document may have been stored. A
// document that Run cannot publish keeps waiting, and is tried again when another gap is
// over, after 100 ms at least. So it can be stored twice, if the log has stored it and
// did not say so. A document that was refused because of what it is, or because somebody
// else has published since, or whose stream or hub has ended, is dropped:
// [Conflator.Replaced] counts it. For failures in Run the log has a line, at most one a
// minute.
//
// # Bounds
//
// For each stream that has a gap, at most one document waits. All waiting documents
// together take at most 64 MiB: a document for which there is no room is published at
// once, in spite of the gap. The state of a stream is removed when its gap is over.
//
// # Shutdown
//
// Flush publishes what waits. From then on nothing waits any more: each document is
// published at once, in spite of the gap. Call it before subscribers are sent away, so
// that they get the newest document, and before the hub ends. Run ends with a Flush of its
// own, which takes a second at most.
//
// # Concurrency
//
// New starts nothing. Run works in the goroutine that calls it, and starts no other. It
// publishes one document after the other, each within 10 s. The lock is held for a few
// steps of arithmetic, and nothing waits while it is held.
//
// The clock is package time, which testing/synctest replaces.
package conflate
