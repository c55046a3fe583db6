package fanout_test

import (
	"bytes"
	"net"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// A writer keeps no document that history has dropped, and that it has written together with
// something else. It kept one in each place of its scratch, until as much was written at once.
func TestAWriterKeepsNoDocumentThatItHasWritten(t *testing.T) {
	for _, by := range []kind{handedOver, handedOverTLS} {
		t.Run(string(by), func(t *testing.T) {
			r := newRig(t, hub.Options{Streams: hub.Named("large", "other", "small"), History: 1}, fanout.Options{Heartbeat: time.Hour}, nil, by)
			var stay []*client
			for range runtime.GOMAXPROCS(0) { // one with each writer, which lets go of everything without a client
				stay = append(stay, r.open(r.dial(), "stream=small"))
			}
			document := bytes.Repeat([]byte("1"), 1<<20)
			reads := r.open(r.dial(), "stream=large&stream=other")
			kept := publishWeak(t, r, document) // in two buffers: the name of the stream is in the first one
			reads.expect(string(document))
			leave(t, r, reads.conn, len(stay))
			r.publishTo("large", "2")
			r.publishTo("small", "3")
			for _, c := range stay {
				c.expect("3")
			}
			for deadline := time.Now().Add(patience); kept.Value() != nil; runtime.GC() {
				if time.Now().After(deadline) {
					t.Fatal("the document is kept")
				}
			}
		})
	}
}

// publishWeak publishes a document, and returns a pointer that does not keep it.
func publishWeak(t *testing.T, r *rig, document []byte) weak.Pointer[byte] {
	t.Helper()
	r.publishTo("large", string(document))
	e, err := r.hub.Latest("large")
	if err != nil {
		t.Fatal(err)
	}
	return weak.Make(&e.Data()[0])
}

// leave ends a connection, and waits until only so many clients are left.
func leave(t *testing.T, r *rig, conn net.Conn, left int) {
	t.Helper()
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	r.await("left", func(s fanout.Stats) bool { return s.Clients == left })
}
