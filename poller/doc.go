// Package poller asks upstreams for their documents on a schedule and publishes
// every change, and how fresh what was published is. See [Source] for what it
// asks, [New] and [Poller.Run] for how it is set going, [Poller.Status] for what
// can be told of it.
//
// # Schedule
//
// Each stream is asked at once when Run begins, then on a fixed grid: start,
// start + Every, start + 2*Every and so on, without drift. There is never more
// than one fetch of a stream at once. A tick that finds the fetch before it
// still running is dropped and counted, not made up for. Each fetch has Timeout
// to end, which is shorter than Every.
//
// # Failure
//
// No error ends a stream. A fetch that fails, takes too long, panics, or
// returns what is no JSON document, and a document that cannot be published,
// are failures of that attempt, and clients keep what they have. The first
// attempt after a failure comes Every later; from the second failure in a row
// on it comes at random between Every and an interval that grows by half each
// time, up to five minutes. One success ends that, and is the start of a new
// grid.
//
// # Order and delivery
//
//   - A document that equals the newest one published gives no event.
//   - A document is published before the version that came with it is sent back
//     to the upstream. When Publish fails, what clients have is unknown: the
//     next fetch asks without a version, and what it gives is published in any
//     case. So nothing is lost, and a document may come twice.
//   - On recovery the document comes first, then the status: nobody is told
//     "live" of an old document.
//
// # Freshness
//
// A stream is stale when two intervals have been missed, which is 3*Every after
// its last success, and down when five have, which is 6*Every after. It is live
// again with the next success. Before its first success it counts from the
// start of Run, and is stale at the first failure. Status computes this from
// what happened and the time, so it is exact at any moment. Clients are told of
// each change by a message. An attempt under way delays that until it has ended,
// by Timeout for the fetch and once more for the publishing at most, and a
// change that a success has overtaken meanwhile is not told. A message that
// cannot be published is tried again after the next attempt, or after Every.
// At the start clients are taken to know the stream as live.
//
// # Concurrency and shutdown
//
// New starts nothing. Run starts one goroutine a stream, and returns when its
// context has ended and all of them have. That takes as long as a Source and
// the Publisher need to notice the end of their context. Everything of a stream
// belongs to its goroutine, but for what Status reads, which has a lock of its
// own; nothing waits while it holds that lock.
//
// The clock is package time, which testing/synctest replaces; randomness is an
// option.
package poller
