package hub

import (
	"context"
	"errors"
)

// ErrLogClosed is returned by a log that takes no more messages.
var ErrLogClosed = errors.New("hub: log closed")

// Log is the timeline: it gives every message an ID and hands the events out in
// that order. [MemoryLog] is the one for a single process. Package hubtest holds
// the law test that every implementation passes.
//
// Sequence numbers of one epoch rise, from 1 or more; they need not be dense. An
// epoch ends when the log cannot promise that any more (a restart without its
// memory, say): then a new epoch begins, and IDs of the old one are never given
// out again.
type Log interface {
	// Append stores m behind everything that was stored before and returns its
	// ID. It may wait for room, but not longer than ctx. Errors: those of
	// [Message.Check], with nothing stored; ctx's, or one of the transport,
	// after which m is stored once or not at all; ErrLogClosed.
	//
	// Append is safe for concurrent use. Messages that one goroutine appends
	// keep their order.
	Append(ctx context.Context, m Message) (ID, error)

	// Tail calls emit with every event that the log still keeps, then with each
	// new one, in order, in batches, from the calling goroutine. It returns
	// ctx's error when ctx ends, emit's error when emit returns one, or the
	// log's own when it can go on no more. Batches belong to the log again when
	// emit returns; the events in them do not.
	//
	// The first call to emit comes at once, with no events if there are none:
	// from then on it is known which epoch this is. Whoever follows a log knows
	// from Batch.After alone whether it has missed anything.
	Tail(ctx context.Context, emit func(Batch) error) error
}

// Batch is a part of the timeline without a gap: Events are everything that came
// behind After, in order, all of After's epoch.
//
// The next batch begins where this one ends. If its After is a later position,
// the log has lost what was between; if its After is of another epoch, the old
// one is over.
type Batch struct {
	After  ID
	Events []*Event
}
