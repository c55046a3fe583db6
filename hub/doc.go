// Package hub keeps one timeline of events and fans it out to any number of
// subscribers. It knows no sockets and no web framework: see [New], [Hub.Run],
// [Hub.Publish] and [Hub.Subscribe].
//
// # The timeline
//
// A [Log] gives every [Message] an [ID] and so makes it an [Event]. All streams of
// a hub share that timeline: an ID is a position in each of them. The log of a
// single process is a [MemoryLog]; several processes can share another log. A
// published message always comes back to the hub through the log, so there is one
// path for one process and for many.
//
// # Order and delivery
//
//   - A subscriber receives the events of its streams in the order of their IDs,
//     each once. Only a status in its first replay may be older than the ID after
//     which it resumes.
//   - Joining is atomic. Every event is in the replay or comes through the
//     channel: never both, never neither.
//   - A subscriber that resumes after an ID gets every later document if history still
//     has them all, unless [Replay] says otherwise. If history does not have them all, or
//     if the ID is invalid, of another epoch, or not assigned yet, the subscriber gets a
//     reset with a [ResetReason], and the newest document of each stream.
//   - With [ReplayAuto], a subscriber that missed many documents of a stream gets only
//     the newest one. With [ReplayLatest] it always does. A reset with [ReasonSkipped]
//     before that document says how many were left out.
//   - If a subscription has several streams, a reset with ReasonSkipped or
//     [ReasonEvicted] concerns only one stream, and the others continue. With [ReplayAll]
//     it comes even if no document of the stream follows, because the subscriber has the
//     newest one.
//   - The owner of a slow subscription for which [Subscription.Conflates] is true can
//     do the same with events that it has received: see [Subscription.Newest].
//   - A subscription knows its position from the start, even before the first
//     event: see [Subscription.Position].
//   - A change of freshness is an event in the same order. Only the newest status of
//     a stream is kept. A subscriber that joins gets it if the stream is not live. A
//     subscriber that resumes also gets it if it changed in the meantime.
//   - The channel of a subscription is bounded. A full channel never blocks the
//     hub: the subscription ends with [ErrSlow], and its owner continues after the
//     last event in the channel with [Subscription.Resume]. So no event is lost
//     silently.
//   - A replay is bounded as well. Resume continues exactly where it was cut.
//   - If the log lost events or began a new epoch, all subscriptions end with
//     [ErrGap], and can be resumed likewise. So do subscriptions that asked for a
//     position before the log had told its epoch.
//   - A subscriber that asks for the events since a time gets those that history still
//     has, whatever Replay says. If there were more, a reset comes first.
//   - Streams can be added and removed while the hub runs. A subscriber of a removed
//     stream gets a last status for it, and keeps its other streams.
//
// # Keys
//
// A stream with keys, see [KeyOptions], has one stream for each key that exists. The
// stream "prices/BTC" is like any other to its subscribers.
//
//   - A key exists as long as it has subscribers, and for KeyOptions.Idle after the last
//     one has left. Touch makes a key exist for that long too, and so does Publish, if
//     the stream takes keys that are published to. Keys that nobody listens to are
//     bounded in number and bytes.
//   - A key that ends loses its history. Clients that resume later get a reset, if a
//     document may be missing. If several hubs share a log that is a [NewestLog], a key
//     begins with the newest document and status that the log knows: clients of another hub
//     may have listened to it.
//   - No subscriber loses an event because keys come and go: a subscriber counts before
//     it joins, and a key ends only if nobody counts.
//   - [Hub.Keys] tells a poller which keys exist, and which of them have listeners.
//
// # Failure
//
// A refused message changes nothing. A failure of the log ends Run with the log's
// error. The history of each stream is bounded, and so are all histories together;
// the newest document of each stream is always kept.
//
// # Concurrency
//
// New starts nothing. Run works in the goroutine that calls it. It starts another one,
// which ends keys, and waits for it. Only Run writes history and sends on the channels of
// subscriptions. A channel is closed under the lock under which it is sent to.
// Subscribers are divided among groups, each with its own lock. So a joining subscriber
// waits at most for a small part of a broadcast, and no lock is held longer than one
// portion of a replay takes. An owner that serves many subscribers from one goroutine
// makes a [Group] for them. Nothing waits while it holds a lock, but for the one by which
// calls of SetStreams come one after the other: SetStreams waits for the broadcast before
// it tells of removed streams. Publish waits for the log, and until Run has made the event
// part of history. [Hub.AwaitBroadcast] waits until it was handed to the subscribers too.
//
// The clock is package time, which testing/synctest replaces.
package hub
