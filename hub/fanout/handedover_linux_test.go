package fanout

import (
	"crypto/tls"
	"testing"
	"time"
)

// A connection may be handed over while another goroutine is about to close it for a new one.
// Then its descriptor belongs to its client. That goroutine looked for the connection under
// the carrier for ever, and kept a processor busy.
func TestCloseOfAConnectionThatWasHandedOver(t *testing.T) {
	secure := tls.Server(&carrier{fd: -1}, &tls.Config{MinVersion: tls.VersionTLS13})
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		(&connection{conn: secure}).close()
	}()
	select {
	case <-closed:
	case <-time.After(time.Minute):
		t.Fatal("it is still being closed")
	}
}
