package poller

import (
	"context"
	"time"

	"github.com/polluxhub/pollux/hub"
)

const (
	// DefaultFeedEvery is the default of Stream.Every for a stream with a Feed: such
	// upstreams break their silence about as often (HTML 9.2.7).
	DefaultFeedEvery = 15 * time.Second

	// DefaultReconnect is how long a stream with a Feed waits before it connects again,
	// unless the upstream says how long.
	DefaultReconnect = 3 * time.Second
)

// Feed is an upstream that sends its documents when it has them, over a connection that
// stays open. A Feed belongs to one stream. The poller calls Open from one goroutine, and
// never has two Flows of a Feed. As a [Source], it may be an [io.Closer], and have a method
// Stats.
type Feed interface {
	// Open connects to the upstream. after is the ID of the newest event that has been
	// dealt with, as the upstream wrote it. It is empty if there is no such event. The upstream
	// should continue after that event. ctx bounds only the time until Open returns, which it must do when ctx ends.
	//
	// heard is called each time that something has come from the upstream, whether it is
	// a part of an event or not, by the goroutine that calls Next. It does not wait.
	Open(ctx context.Context, after string, heard func()) (Flow, error)

	// Origin names the upstream that gives the IDs, for comparison alone: an ID is sent
	// back only to an origin of the same name. It need not be readable, and must contain
	// no secret.
	Origin() string
}

// Flow is an open connection of a [Feed].
type Flow interface {
	// Opening returns what the upstream said when the connection was opened: Wait, Said
	// and Notice of a Reading.
	Opening() Reading

	// Next waits for the next event. After an error, which is io.EOF if the upstream has
	// ended the connection in order, it is not called again, and News has nothing but ID
	// and Retry. It returns when Close is called. It may panic; that is an error like any
	// other. The poller calls it from one goroutine.
	Next() (News, error)

	// Close ends the connection. It may be called while Next waits.
	Close() error
}

// News is what an event of a [Flow] says: one of Reading, Err, Status and Gap.
type News struct {
	// Reading has the document of the event, and Looks.
	Reading Reading

	// Err says why the event has no document although it should, preferably as an
	// [*Error]. The next event may have one.
	Err error

	// Status is what an upstream that is a Pollux says of its own upstream: State and
	// Error. Nil if it says nothing.
	Status *hub.Status

	// Gap says that events are missing before the next one, and why, in a word of the
	// upstream that contains no secret.
	Gap string

	// ID is what the upstream wants to be told to go on behind this event. It is empty if
	// the upstream has no IDs.
	ID string

	// Retry is how long the upstream wants to be left alone when the connection has ended,
	// and 0 if it has not said.
	Retry time.Duration
}
