package natslog

import (
	"context"

	"github.com/nats-io/nats.go"
)

// Server is a server with JetStream, inside the program or beside it.
type Server interface {
	// Start makes the server work, or work again after a failure. It is called until it
	// has succeeded, and again when JetStream has failed. Renew means that acknowledged
	// messages may be missing, or were never on disk, so that a new epoch has to begin.
	Start(ctx context.Context) (renew bool, err error)

	// Health returns a context that ends when the server says that it stores nothing any
	// more, with the reason as its cause. The next Start begins another one.
	Health() context.Context

	// Owned reports whether nobody else has access to the store, so that whatever is missing
	// there was lost by the store itself, and the timeline may go on in memory. Otherwise the
	// log is shared: see the package comment.
	Owned() bool

	// Connect returns a connection, which goes on when the server is started again: with the
	// options of Lasting, and these.
	Connect(opts ...nats.Option) (*nats.Conn, error)

	// Opened is told the newest sequence when the stream is there, after a new epoch has
	// begun if Start has asked for one.
	Opened(seq uint64) error

	// Stored is told the sequence of each message that was acknowledged, in order.
	Stored(seq uint64)

	// Damaged makes a server of the log's own set aside a store that has lost messages. The
	// next Start begins with an empty one. A server of others returns errors.ErrUnsupported.
	Damaged(damage error) error

	// Close ends the server, if it is the log's own.
	Close(ctx context.Context) error
}
