// Package followlog is the [hub.Log] of another Pollux, read over HTTP: that of a leaf, which
// polls nothing. See [Log] and "POST /api/follow" in docs/protocol.md.
//
// # What it tells
//
// The timeline is the origin's: the same IDs, the same epoch, the same documents. Tail connects
// to one origin at a time, and when it loses that, to the next one, with jittered backoff and
// without end. It goes on after the last ID. So an event comes once and in order, whichever
// origin it comes from. An origin that knows less than was read already tells nothing before it
// has caught up.
//
// The history of a plain stream begins when its origin tells the stream, and that of a key when
// somebody listens to it here. So the hub needs Options.Shared and Options.Beginnings. Two
// Tails have a connection each.
//
// # Failure
//
// Tail ends with its context alone. Lines that it cannot read, and documents that are larger
// than it accepts, are skipped and counted. If the origin is silent for [Silence] the connection
// counts as lost, and [Options.Lost] is called when there was no connection for [Grace]. An
// origin that follows this process, directly or by others, is refused.
//
// # Concurrency
//
// Tail works in the goroutine that calls it, and has one more that reads, for which it waits.
// [Log.Run] has one that tells the origin what is wanted. The functions of Options are called
// by Tail. No lock is held while anything waits.
package followlog
