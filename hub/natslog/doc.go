// Package natslog is a hub.Log on NATS JetStream: a timeline that outlives the process, in a NATS
// server inside the program (package embedded) or in one beside it.
//
// # The timeline
//
// One JetStream stream has the events of all streams of Pollux. Its sequence is the sequence of the
// events, and each stream has a subject for its documents and one for its status. An event carries
// the sequence of the document before it in the same stream, so Tail knows which streams have lost
// something, and a hole that was made by trimming is no loss. Messages that other programs have
// stored, and broken ones, are skipped and counted.
//
// The epoch is that of the newest root message, together with the time at which the JetStream
// stream was made. So the epoch is the same for all readers of the stream, and it is another one if
// the stream is made anew, from whatever configuration. A root is written when the stream is made,
// when somebody has purged it, and when the store says that acknowledged messages may be missing.
// The documents stay when a new epoch begins.
//
// # Delivery
//
// Append returns when JetStream has stored the event, and Tail emits only what is stored.
// An event names the predecessor that it expects, so one attempt to store it stores it once or not at all. A
// message with State whose acknowledgement was lost is not stored again if it is there.
//
// A message that names its publication (hub.Message.Once) has a message ID of epoch, name and content. So
// a publisher that repeats it within hub.OnceLife, in this process or another one, gets the ID of the first.
// No other message has one, because a server keeps each ID in memory for that time, and 1,000 a second are
// 75 MB. The log sets this time as the duplicate window of the JetStream stream, also of one that exists. A
// longer window stays. If a server or its user does not allow it, the log says so and uses what there is.
//
// # Failure
//
// While JetStream stores nothing, because its disk is full or it cannot be reached, Append refuses
// events with hub.ErrLogFull or hub.ErrLogUnavailable. Messages with Message.State continue in
// memory, in an epoch of their own that begins with the newest document of each stream. When
// JetStream works again, the newest messages that were kept in memory are appended to it, and the
// timeline moves back to its epoch. No ID is assigned twice.
//
// # Several processes
//
// A log whose server is not its own (Server.Owned) is shared: other processes write and read the
// same stream. Each event expects a predecessor, so none overtakes another one. If another process
// was faster, a published message is tried again after the event of that process. A message with
// Seen is refused with hub.ErrSuperseded if there is a newer one.
//
// Such a log has no timeline in memory. While JetStream stores nothing, or Tail hears nothing for
// three seconds, Failure says so, messages with State wait, one for each stream, key and kind, and
// others are refused. When the stream is heard again, the messages that have waited are stored,
// unless another process has stored newer ones. If the stream is emptied or made anew, a process
// that knows the newest documents stores them again.
//
// So that silence means something, one of the processes writes a beat in each second in which there
// was no other message. All processes read it, and it is not an event.
//
// # Trimming
//
// Beyond the bounds of a stream its oldest documents are removed, but never the newest
// one. Each stream has its own bounds, so a busy stream never pushes out a quiet one. In a
// server of the log's own, a message says so before it is done: a process that is killed
// meanwhile leaves a hole, which is no damage.
//
// In a server of the log's own, a key that has ended loses its messages (Forget), and so does
// a stream that was not configured for Options.Unused. First a floor is stored, which says up
// to where documents of the stream are missing.
//
// In a log that is shared, a process does not know what the others use. So each of them stores a
// mark for the streams that it has configured, and for the keys that somebody listens to, if
// nothing else was stored of them for half of Options.Unused. A stream or key that has had neither
// a message nor a mark for the whole of Options.Unused is removed in the same way, by one of the
// processes (Options.First), up to what that process has read.
//
// # Goroutines
//
// New starts nothing. Open starts the connection, one goroutine that trims and that looks whether a
// store that has failed works again, and, in a log that is shared, one that writes beats and stores
// what has waited. Close ends them. Tail reads ahead in a goroutine, and asks for the state of the
// stream in another one, for which it waits. Nothing waits while it holds a lock. The exception is
// the right to append: a caller waits for it with its context.
package natslog
