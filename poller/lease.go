package poller

import (
	"context"
	"errors"
	"time"
)

// ErrElsewhere is returned by PollNow for a stream that another node polls, or that no node
// polls for the moment.
var ErrElsewhere = errors.New("poller: the stream is polled by another node")

// Lease decides which of the nodes that publish to one log polls a stream, or a group of the keys
// of a stream, whose lease [SplitLease] understands. Its methods are
// safe for concurrent use, and Observe does not wait.
type Lease interface {
	// Acquire waits until this node holds the lease of a stream. It returns an error when
	// ctx ends, or when there are no leases any more.
	Acquire(ctx context.Context, stream string) (Held, error)

	// Observe returns the name of the node that holds the lease of a stream, as far as is
	// known here, and what was saved last, and how long ago. The name is empty if nobody
	// holds it.
	Observe(stream string) (node string, saved []byte, age time.Duration)
}

// Held is the lease of one stream, which this node holds until it loses or releases it. The
// methods are for the goroutine that polls the stream.
type Held interface {
	// Context ends when the lease is lost, and with the context of Acquire.
	Context() context.Context

	// Holds reports whether the lease is held at this very moment, by the clock: a process
	// that was stopped learns from it before it learns from Context.
	Holds() bool

	// Wanted returns a channel that is closed when another node should hold the lease. This
	// node releases it as soon as nothing is under way.
	Wanted() <-chan struct{}

	// Saved returns what the last holder has saved, nil for nothing, and how long ago.
	Saved() (saved []byte, age time.Duration)

	// Save keeps a text for the next holder. It does not wait: the text is stored when the
	// lease is renewed next, or released.
	Save(text []byte)

	// Release gives the lease to the next one that wants it. It waits until that is known to others,
	// or until ctx ends; then the lease runs out.
	Release(ctx context.Context) error
}
