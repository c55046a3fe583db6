package hub

import (
	"context"
	"errors"
)

// ErrLogClosed is returned by a log that accepts no more messages.
var ErrLogClosed = errors.New("hub: log closed")

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
	// ErrLogClosed.
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

// Batch is a part of the timeline without a gap: the events after the position
// After, in order, all of its epoch.
//
// The next batch begins where this one ends. If its After is a later position, the
// log has lost the events in between. If its After is of another epoch, the old
// epoch has ended.
type Batch struct {
	After  ID
	Events []*Event
}
