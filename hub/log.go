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
// Sequence numbers of one epoch rise by one. An epoch ends when the log cannot
// promise that any more (a restart without its memory, say): then a new epoch
// begins, and IDs of the old one are never given out again.
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
	// new one, in order, in batches of at least one, from the calling
	// goroutine. It returns ctx's error when ctx ends, emit's error when emit
	// returns one, or the log's own when it can go on no more. Batches belong
	// to the log again when emit returns; the events in them do not.
	//
	// A log that had to drop events before they could be emitted goes on with
	// the next one that it has: the jump in the sequence tells.
	Tail(ctx context.Context, emit func(batch []*Event) error) error
}
