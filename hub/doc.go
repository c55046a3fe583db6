// Package hub keeps one timeline of events and fans it out to any number of
// subscribers. It knows no sockets and no web framework: see [New], [Hub.Run],
// [Hub.Publish] and [Hub.Subscribe].
//
// # The timeline
//
// A [Log] gives every [Message] an [ID] and thereby makes it an [Event]. All
// streams of a hub share that timeline: an ID is a position in each of them.
// The log of a single process is a [MemoryLog]; other logs let several
// processes share one. What is published comes back to the hub through the log,
// in one process as in many, so there is one path.
//
// # Order and delivery
//
//   - A subscriber receives the events of its streams in the order of their
//     IDs, without repetition. Only the freshness that it is told when it joins
//     may be older than the ID after which it resumes.
//   - Joining is atomic. Every event is in the replay or comes through the
//     channel: never both, never neither.
//   - A subscriber that resumes after an ID gets every document behind it, as
//     long as history reaches back so far. Otherwise, or if the ID is of another
//     epoch, not given out yet, or no ID, it gets a reset with the [Reason], and
//     the newest document of each stream.
//   - A subscription knows its position from its first moment, also where there is
//     no event yet: see [Subscription.Position].
//   - Freshness travels in the same order. Only the newest status of a stream is
//     kept. Who joins is told it where the stream is not live; who resumes, also
//     where it changed since.
//   - The channel of a subscription is bounded. A full channel never blocks the
//     hub: the subscription ends with [ErrSlow], and its owner goes on behind the
//     last event in it with [Subscription.Resume]. So nothing is skipped unseen.
//   - A replay is bounded as well. What goes beyond comes with Resume, which goes
//     on exactly where the replay was cut.
//   - If the log lost something, or began a new epoch, all subscriptions end with
//     [ErrGap] in the same way. So do those that asked for a position before the log
//     had told its epoch.
//   - Who asks for what is kept since a time gets that, behind a reset if there
//     was more.
//   - Streams can be added and removed while the hub runs. A subscriber is told
//     of the end of a stream by a last status, and keeps its others.
//
// # Failure
//
// A refused message changes nothing. A failure of the log ends Run with the
// log's error. What is kept of each stream is bounded, and so is what is kept of
// all together; the newest document of each is kept whatever the bounds.
//
// # Concurrency
//
// New starts nothing. Run works in the goroutine that calls it and starts no
// other. It alone writes history and sends on the channels of subscriptions;
// the channels are closed under the same lock under which they are sent to.
// Subscribers are divided among groups, each with a lock of its own, so a
// joining subscriber waits for a small part of a broadcast at most, and no lock is
// held longer than one portion of a replay takes. Whoever serves many subscribers
// from one goroutine makes a [Group] for them. Nothing waits while it holds a lock.
// Publish waits for the log, and until Run has made the event part of history.
//
// The package's clock is package time, which testing/synctest replaces.
package hub
