package fanout

import "net"

// Unread returns what a wrapper has read ahead.
func Unread(wrapper net.Conn) []byte { return unread(wrapper) }

// NewRecords returns the function that looks at the next bytes of a connection with TLS, and
// reports whether no record announces more than limit.
func NewRecords(limit int) (follow func([]byte) bool) {
	r := new(records)
	return func(p []byte) bool { return r.follow(p, limit) }
}

// MaxHeard is how many bytes a client with TLS may send after its request.
const MaxHeard = maxHeard
