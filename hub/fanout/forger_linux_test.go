package fanout_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// A client that sends a hundred times as much as it may after its request is closed, whatever
// the records are, and holds no memory. Others get every event meanwhile. The bounds are those of
// maxHeard and maxHeardRecord in carrier_linux.go, and crypto/tls takes 16 records in a row that
// carry no data.
func TestAHundredTimesTheBoundOfTLS(t *testing.T) {
	const bytes = 100 * fanout.MaxHeard
	only12, only13, both := []kind{handedOverTLS2}, []kind{handedOverTLS}, []kind{handedOverTLS2, handedOverTLS}
	for _, test := range []struct {
		name   string
		record func(f *forger) []byte
		over   []kind
	}{
		{"key updates", (*forger).keyUpdate, only13},
		{"records without data", func(f *forger) []byte { return f.record(recordApplication, nil) }, both},
		{"data", func(f *forger) []byte { return f.record(recordApplication, make([]byte, 100)) }, both},
		{"data, a byte in each record", func(f *forger) []byte { return f.record(recordApplication, []byte{0}) }, both},
		{"data and records without any in turns", func(f *forger) []byte {
			return append(f.record(recordApplication, []byte{0}), f.record(recordApplication, nil)...)
		}, both},
		{"data and key updates in turns", func(f *forger) []byte {
			return append(f.record(recordApplication, []byte{0}), f.keyUpdate()...)
		}, only13},
		{"warnings", func(f *forger) []byte { return f.record(recordAlert, []byte{1, 90}) }, both}, // user_canceled
		{"alerts that are none", func(f *forger) []byte { return f.record(recordAlert, []byte{9, 255, 1}) }, both},
		{"handshake messages that are none", func(f *forger) []byte { return f.record(recordHandshake, []byte(strings.Repeat("\xff", 100))) }, both},
		{"a handshake message that never ends", func(f *forger) []byte { return f.record(recordHandshake, []byte{messageClientHello, 0, 0xff, 0xff}) }, both},
		{"requests for a renegotiation", func(f *forger) []byte { return f.record(recordHandshake, []byte{messageHelloRequest, 0, 0, 0}) }, only12},
		{"hellos of a renegotiation", func(f *forger) []byte {
			return f.record(recordHandshake, append([]byte{messageClientHello, 0, 0, 150, 3, 3}, make([]byte, 148)...))
		}, only12},
		{"records of an unknown type", func(f *forger) []byte { return f.record(99, make([]byte, 10)) }, both},
	} {
		for _, by := range test.over {
			t.Run(test.name+", "+string(by), func(t *testing.T) {
				r := newRig(t, hub.Options{}, fanout.Options{}, nil, by)
				r.publish("0")
				other := r.open(r.dial(), "")
				other.expect("0")
				f, c := r.forge()
				c.expect("0")
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				f.send(bytes, func() []byte { return test.record(f) })
				r.await("the client is gone", func(s fanout.Stats) bool { return s.Clients == 1 && s.Ended[fanout.ReasonGone] == 1 })
				runtime.GC()
				runtime.ReadMemStats(&after)
				if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > bytes/2 {
					t.Errorf("%d of %d bytes are left in the heap", grown, bytes)
				}
				if held := r.engine.Stats().HeldBytes; held != 0 {
					t.Errorf("%d bytes are held", held)
				}
				r.publish("1")
				other.expect("1")
			})
		}
	}
}

// What a client may send is answered: the stream goes on under the keys that it asked for.
func TestKeyUpdatesAreAnswered(t *testing.T) {
	r := newRig(t, hub.Options{}, fanout.Options{}, nil, handedOverTLS)
	r.publish("0")
	f, c := r.forge()
	c.expect("0")
	for n := range 16 { // as many as crypto/tls takes in a row
		if _, err := f.conn.Write(f.keyUpdate()); err != nil {
			t.Fatalf("key update %d: %v", n, err)
		}
	}
	for _, document := range []string{"1", "2", "3"} {
		r.publish(document)
		c.expect(document)
	}
	// A seventeenth one is too much.
	if _, err := f.conn.Write(f.keyUpdate()); err != nil {
		t.Fatal(err)
	}
	r.await("the client is gone", func(s fanout.Stats) bool { return s.Clients == 0 && s.Ended[fanout.ReasonGone] == 1 })
	if _, err := c.Next(); err == nil || !strings.Contains(err.Error(), "unexpected message") {
		t.Errorf("the client got %v, want the alert unexpected_message", err)
	}
}

// A client that closes its half between the handshake and its request is closed, and so is one
// that says by close_notify that it sends nothing more. Neither keeps a place.
func TestHalfClosedAfterTheHandshake(t *testing.T) {
	for name, leave := range map[string]func(c secured) error{
		"half-close":   func(c secured) error { return c.TCPConn.CloseWrite() },
		"close_notify": func(c secured) error { return c.Conn.CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			eachTLS(t, func(t *testing.T, r *rig) {
				r.publish("0")
				r.open(r.dial(), "").expect("0") // so that a connection is handed over
				conn := r.dial().(secured)
				defer func() { _ = conn.Close() }()
				if err := conn.Handshake(); err != nil {
					t.Fatal(err)
				}
				if err := leave(conn); err != nil {
					t.Fatal(err)
				}
				if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
					t.Errorf("the server has answered with %d bytes, %v", n, err)
				}
				r.await("nothing is left", func(s fanout.Stats) bool { return s.Connections == 0 && s.Clients == 1 })
			})
		})
	}
}
