package fanout_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// eachTLS runs a test once with each version of TLS.
func eachTLS(t *testing.T, test func(t *testing.T, r *rig)) {
	for _, by := range []kind{handedOverTLS, handedOverTLS2} {
		t.Run(string(by), func(t *testing.T) { test(t, newRig(t, hub.Options{}, fanout.Options{}, nil, by)) })
	}
}

// writeRecords sends records of 64 bytes, until that fails.
func writeRecords(c secured, count int) error {
	for range count {
		if _, err := c.Write(make([]byte, 64)); err != nil {
			return err
		}
	}
	return nil
}

// What a client sends after its request is read within a bound. A client that sends more, or
// what is no TLS, is closed, and no other one.
func TestWhatAClientWithTLSSends(t *testing.T) {
	for _, test := range []struct {
		name string
		send func(c secured) error
		stay bool
	}{
		{"a few bytes", func(c secured) error { _, err := c.Write([]byte("GET / HTTP/1.1\r\n\r\n")); return err }, true},
		{"the largest record", func(c secured) error { _, err := c.Write(make([]byte, 200)); return err }, true},
		{"a larger record", func(c secured) error { _, err := c.Write(make([]byte, 257)); return err }, false},
		{"many records", func(c secured) error { return writeRecords(c, 100) }, false},
		{"records of a megabyte in all", func(c secured) error { return writeRecords(c, 16<<10) }, false},
		{"the head of a large record alone", func(c secured) error { _, err := c.TCPConn.Write([]byte{23, 3, 3, 0x40, 0}); return err }, false},
		{"a head in pieces", func(c secured) error {
			var err error
			for _, b := range []byte{23, 3, 3, 0x40, 0} {
				_, more := c.TCPConn.Write([]byte{b})
				err = errors.Join(err, more)
				time.Sleep(time.Millisecond) // so that the server may see each piece, which nothing depends on
			}
			return err
		}, false},
		{"a record that nobody sealed", func(c secured) error {
			_, err := c.TCPConn.Write(append([]byte{23, 3, 3, 0, 64}, make([]byte, 64)...))
			return err
		}, false},
		{"HTTP without TLS", func(c secured) error { _, err := io.WriteString(c.TCPConn, "GET / HTTP/1.1\r\n\r\n"); return err }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachTLS(t, func(t *testing.T, r *rig) {
				conn := r.dial().(secured)
				c := r.open(conn, "")
				other := r.open(r.dial(), "")
				r.publish("1")
				c.expect("1")
				other.expect("1")
				if err := test.send(conn); err != nil {
					t.Log(err) // it may be closed before the last record
				}
				if !test.stay {
					r.await("the client is gone", func(s fanout.Stats) bool { return s.Clients == 1 && s.Ended[fanout.ReasonGone] == 1 })
				}
				r.publish("2")
				other.expect("2")
				if test.stay {
					c.expect("2")
				}
			})
		})
	}
}

// A client that says by close_notify that it sends nothing more, and keeps its socket open,
// gets the end of the stream, and the close_notify of the server.
func TestCloseNotify(t *testing.T) {
	eachTLS(t, func(t *testing.T, r *rig) {
		conn := r.dial().(secured)
		c := r.open(conn, "")
		r.publish("1")
		c.expect("1")
		if err := conn.Conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		c.expectEnd()
		if n, err := conn.Conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("behind the end: %d bytes, %v, want close_notify", n, err)
		}
		r.await("let go", func(s fanout.Stats) bool { return s.Clients == 0 && s.Ended[fanout.ReasonGone] == 1 })
	})
}

// The end of a stream is told by close_notify: without it, a client could not tell the end
// from an attack (RFC 8446 section 6.1).
func TestEndOfAStreamIsSealed(t *testing.T) {
	eachTLS(t, func(t *testing.T, r *rig) {
		r.publish("1")
		conn := r.dial().(secured)
		c := r.open(conn, "limit=1")
		c.expect("1")
		c.expectEnd()
		if n, err := conn.Conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("behind the end: %d bytes, %v, want close_notify", n, err)
		}
	})
}

// A client that resumes its session is handed over like any other one.
func TestResumedSession(t *testing.T) {
	eachTLS(t, func(t *testing.T, r *rig) {
		r.trust.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		r.publish("1")
		for n := range 3 {
			conn := r.dial().(secured)
			c := r.open(conn, "limit=1")
			c.expect("1")
			c.expectEnd()
			if resumed := conn.ConnectionState().DidResume; resumed != (n > 0) {
				t.Errorf("connection %d: resumed %v", n, resumed)
			}
		}
		if n := r.engine.Stats().HandedOver; n != 3 {
			t.Errorf("%d connections were handed over", n)
		}
	})
}

// A client that stalls amid a large document holds no more memory of its own than the
// records that its socket does not take: the document is shared.
func TestStalledClientsWithTLSShareADocument(t *testing.T) {
	const clients, size = 20, 900 << 10
	eachTLS(t, func(t *testing.T, r *rig) {
		for range clients {
			r.open(r.dialSmall(), "")
		}
		r.publish(`"` + strings.Repeat("x", size-2) + `"`)
		r.await("written", func(s fanout.Stats) bool { return s.Deliveries == clients })
		if held := r.engine.Stats().HeldBytes; held < size || held > size+clients*(20<<10) {
			t.Errorf("%d clients hold %d bytes, want about %d", clients, held, size)
		}
	})
}

// readsAhead is a wrapper that has read more than it passed on, as those of the PROXY protocol
// may have.
type readsAhead struct {
	net.Conn
	from *bufio.Reader
}

func (c *readsAhead) Read(p []byte) (int, error) { return c.from.Read(p) }

func (c *readsAhead) TCPConn() (*net.TCPConn, bool) {
	plain, ok := c.Conn.(*net.TCPConn)
	return plain, ok
}

// What a wrapper has read ahead is not lost: TLS could read nothing after it.
func TestWhatAWrapperHasReadAhead(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	other, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(other, "request, and more"); err != nil {
		t.Fatal(err)
	}
	wrapper := &readsAhead{conn, bufio.NewReader(conn)}
	if _, err := wrapper.from.Peek(len("request, and more")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(wrapper, make([]byte, len("request"))); err != nil {
		t.Fatal(err)
	}
	if got := fanout.Unread(wrapper); string(got) != ", and more" {
		t.Errorf("got %q", got)
	}
	if got := fanout.Unread(wrapper); len(got) != 0 {
		t.Errorf("then %q", got)
	}
}

// FuzzRecords cuts a stream of records in any way: the largest one is found, whichever piece its
// head is in.
func FuzzRecords(f *testing.F) {
	f.Add([]byte{23, 3, 3, 0, 2, 1, 2, 23, 3, 3, 1, 0}, uint8(1), uint16(255))
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8, limit uint16) {
		want, rest := true, stream
		for len(rest) >= 5 {
			size := int(rest[3])<<8 | int(rest[4])
			if size > int(limit) {
				want = false
				break
			}
			rest = rest[min(5+size, len(rest)):]
		}
		got, follow := true, fanout.NewRecords(int(limit))
		for reader := bytes.NewReader(stream); got && reader.Len() > 0; {
			buf := make([]byte, int(piece)+1)
			n, _ := reader.Read(buf) // it has more
			got = follow(buf[:n])
		}
		if got != want {
			t.Errorf("%x in pieces of %d: all within %d: %v, want %v", stream, int(piece)+1, limit, got, want)
		}
	})
}
