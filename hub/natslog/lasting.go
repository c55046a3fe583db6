package natslog

import (
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// reconnectFirst is how long a connection waits at most before it tries all servers for the first
	// time again, and reconnectMost how long in the end. A server that comes back has all
	// connections within that time.
	reconnectFirst = 50 * time.Millisecond
	reconnectMost  = time.Second
)

// Lasting returns the options of a connection that tries to connect again without end. What is sent
// meanwhile fails.
func Lasting() []nats.Option {
	return []nats.Option{
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.ReconnectBufSize(-1),
		nats.CustomReconnectDelay(reconnectDelay),
	}
}

// reconnectDelay returns how long to wait before all servers are tried again: twice as long as before,
// and random, so that not all nodes come at once.
func reconnectDelay(attempts int) time.Duration {
	most := min(reconnectFirst<<min(attempts, 10), reconnectMost)
	return most/2 + rand.N(most/2)
}
