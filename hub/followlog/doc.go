// Package followlog is the [hub.Log] of a leaf, which polls nothing: it reads the log of another
// Pollux over HTTP. See [Log] and "POST /api/follow" in docs/protocol.md.
//
// # What it tells
//
// The timeline is the origin's: the same IDs, the same epoch, the same documents. Tail connects to
// one origin at a time. When it loses that origin, it connects to the next one, with jittered
// backoff and without end, and continues after the last ID. So an event comes once and in order,
// whichever origin it comes from. An origin that is behind what Tail has already read sends nothing
// before it has caught up.
//
// The history of a plain stream begins when its origin tells the stream, and that of a key when
// somebody listens to it here. So the hub needs Options.Shared and Options.Beginnings. Each call of
// Tail has a connection of its own.
//
// # Failure
//
// Tail ends only with its context. Lines that it cannot read, and documents that are larger than it
// accepts, are skipped and counted. If the origin is silent for [Silence] the connection counts as
// lost, and [Options.Lost] is called when there was no connection for [Grace]. Tail refuses an
// origin that follows this process, directly or through others.
//
// # Concurrency
//
// Tail works in the goroutine that calls it. It starts another one, which reads, and waits for it.
// [Log.Run] starts one that tells the origin what is wanted. The functions of Options are called by
// Tail. No lock is held while anything waits.
package followlog
