package lease

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
)

// Link is a connection to NATS, which is made when it is first needed. It is apart from that
// of the log, so that no renewal waits behind documents. Its methods are safe for concurrent
// use.
type Link struct {
	connect func(opts ...nats.Option) (*nats.Conn, error)
	turn    chan *nats.Conn // holds the connection, nil before there is one, while nobody makes it
}

// errUnconnected is returned while there is no connection.
var errUnconnected = errors.New("lease: no connection to NATS")

// NewLink returns a link that connects by the function, which returns a connection that tries to connect
// again without end, and by which nothing can be sent meanwhile.
func NewLink(connect func(opts ...nats.Option) (*nats.Conn, error)) *Link {
	l := &Link{connect: connect, turn: make(chan *nats.Conn, 1)}
	l.turn <- nil
	return l
}

// Conn returns the connection. It is there for ever, but for Close.
func (l *Link) Conn(ctx context.Context) (*nats.Conn, error) {
	var conn *nats.Conn
	select {
	case conn = <-l.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { l.turn <- conn }()
	if conn == nil {
		made, err := l.connect(nats.Name("pollux nodes"))
		if err != nil {
			return nil, err
		}
		conn = made
	}
	if !conn.IsConnected() {
		return nil, errors.Join(errUnconnected, conn.LastError())
	}
	return conn, nil
}

// Close ends the connection. The link must not be used any more.
func (l *Link) Close() {
	if conn := <-l.turn; conn != nil {
		conn.Close()
	}
	l.turn <- nil
}
