package hub

import (
	"context"
	"errors"
)

// Errors of Append, wrapped with the reason.
var (
	// ErrLogClosed is returned by a log that accepts no more messages.
	ErrLogClosed = errors.New("hub: log closed")

	// ErrLogFull is returned by a log that has no room for the message now.
	ErrLogFull = errors.New("hub: no room in the log")

	// ErrLogUnavailable is returned by a log that cannot be reached now, or that cannot
	// store anything for another reason that may pass.
	ErrLogUnavailable = errors.New("hub: the log is not available")

	// ErrSuperseded is returned by a log for a message whose publisher does not know the
	// newest one of its stream and kind, see Message.Seen. Somebody else publishes too.
	ErrSuperseded = errors.New("hub: somebody else has published since")
)

// Log is the timeline: it gives every message an ID and hands the events out in
// that order. [MemoryLog] is the log of a single process. Package hubtest has the
// test that every implementation passes.
//
// Sequence numbers of one epoch rise, from 1 or more; there may be gaps between
// them. When the log cannot promise that any more, for example after a restart that
// lost its memory, a new epoch begins. IDs of the old one are never given out again.
type Log interface {
	// Append stores m after all earlier messages and returns its ID. It may wait
	// for room until ctx ends. Errors: those of [Message.Check], with nothing
	// stored; that of ctx or of a transport, with m stored once or not at all;
	// ErrLogClosed, ErrLogFull, ErrLogUnavailable, ErrSuperseded.
	//
	// A log that several processes share, and that cannot store m now, may keep it if it
	// says State: until it can be stored, or a newer one replaces it, or another process
	// has stored one. Then the ID is zero, without an error.
	//
	// Append is safe for concurrent use. Messages that one goroutine appends keep
	// their order.
	Append(ctx context.Context, m Message) (ID, error)

	// Tail calls emit with every event that the log still keeps, then with each
	// new one, in order, in batches, from the calling goroutine. It returns the
	// error of ctx when ctx ends, that of emit when emit returns one, or its own
	// when the log fails. The memory of a batch belongs to the log again when emit
	// returns, but not the events in it.
	//
	// The first call to emit comes at once, even without events, and tells the
	// epoch. From Batch.After alone, the caller knows whether it has missed events.
	Tail(ctx context.Context, emit func(Batch) error) error
}

// BatchLog is a Log that can store several messages together.
type BatchLog interface {
	Log

	// AppendAll is Append for each message in order until one fails. It returns the
	// IDs of those that were stored, and why the next one was not. Tail emits them in
	// as few batches as it can.
	AppendAll(ctx context.Context, list []Message) ([]ID, error)
}

// KeyLog is a Log that removes the events of keys that have ended. A hub tells it of them
// unless other hubs read the log too (Options.Shared).
type KeyLog interface {
	Log

	// Forget says that a key has ended: its documents up to a position, and its
	// statuses, may be removed. It does not wait. A key that comes back has lost
	// them, and Batch.Lost says so of the stream of the key.
	Forget(key string, upTo ID)
}

// NewestLog is a Log that several hubs share, and that knows the newest events of each stream
// and key. A hub asks it for those of a key that comes into existence (Options.Shared): the
// document may have come while only clients of other hubs listened to the key.
type NewestLog interface {
	Log

	// Newest returns the newest document and the newest status of a stream or key of those
	// that Tail has emitted, and perhaps of those that it is about to emit; nil for none. It
	// does not wait.
	Newest(stream string) (document, status *Event)
}

// Batch is a part of the timeline: the events after the position After that the log still
// has, in order, all of its epoch.
//
// The next batch begins where this one ends. If its After is a later position, the
// log has lost the events in between, and does not know of which streams they were. If
// its After is of another epoch, the old epoch has ended.
type Batch struct {
	After  ID
	Events []*Event

	// Lost names the streams of which the log no longer has events that Tail has not
	// emitted. It counts before Events. Where a number is missing between two events and
	// Lost names no stream, nothing is missing in any stream.
	Lost []Loss

	// Head is the newest position that the log has given out, as far as it knew when it
	// made the batch. A batch that ends before it is not the last one that comes at once.
	// The zero ID means that the batch ends there.
	Head ID

	// Begins have the history of streams up to After, see Options.Beginnings. They count
	// before Lost and Events.
	Begins []Beginning

	// End, if it is behind the last event, is the sequence number at which the batch ends:
	// what is between them is of streams that the log does not tell.
	End uint64
}

// Beginning is the history of one stream, as far as a log has it up to a position. It
// replaces what its reader had of the stream.
type Beginning struct {
	Stream string

	// Lost says that any event of the stream up to this sequence number may be missing.
	Lost uint64

	// Events are the documents up to the position, in order, and Status is the newest
	// status up to there, or nil.
	Events []*Event
	Status *Event
}

// Loss says that events of one stream are missing.
type Loss struct {
	Stream string // or a key; the name of a stream with keys means those of its keys that do not exist
	UpTo   uint64 // any of its events up to this sequence number may be missing
}
