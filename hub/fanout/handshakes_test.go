package fanout_test

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// secureHouse is a house with TLS and room for 16 connections, whose visitors have addresses.
type secureHouse struct {
	*house
	client *tls.Config
	hello  []byte // how a handshake begins
	next   string // the address of the next visitor
}

func newSecureHouse(t *testing.T) *secureHouse {
	t.Helper()
	certificate := listentest.NewCertificate(t)
	pair, err := tls.X509KeyPair(certificate.CertPEM, certificate.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	s := &secureHouse{client: certificate.Client()}
	s.client.ServerName = "localhost"
	s.house = newHouseFor(t, fanout.Options{MaxConnections: 16}, func(e *fanout.Engine, server *http.Server, listeners ...net.Listener) error {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
		server.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		return e.Serve(server, addressed{listeners[0], s})
	})

	ours, theirs := net.Pipe()
	go func() { _ = tls.Client(theirs, s.client).Handshake() }() // fails when the pipe is closed
	hello := make([]byte, 4096)
	n, err := ours.Read(hello)
	_, _ = ours.Close(), theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	s.hello = hello[:n]
	return s
}

// addressed gives each connection the address of the next visitor.
type addressed struct {
	net.Listener
	of *secureHouse
}

func (l addressed) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return from{conn, &net.TCPAddr{IP: net.ParseIP(l.of.next), Port: 1}}, nil
}

type from struct {
	net.Conn
	address net.Addr
}

func (c from) RemoteAddr() net.Addr { return c.address }

// half is a visitor that begins a handshake and does not finish it.
func (s *secureHouse) half(address string) *visitor {
	s.next = address
	v := s.come("")
	go func() { _, _ = v.Write(s.hello) }() // fails if it is closed
	synctest.Wait()
	return v
}

// whole is a visitor that asks within TLS. The channel brings how long that took, or less
// than nothing if the server has closed the connection before.
func (s *secureHouse) whole(address string) <-chan time.Duration {
	s.next = address
	conn := tls.Client(s.pipe.Dial(), s.client)
	took := make(chan time.Duration, 1)
	go func() {
		defer func() { _ = conn.Close() }() // the server may have closed it
		begin := time.Now()
		_, err := io.WriteString(conn, "GET /now HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		if err == nil {
			_, err = io.ReadAll(conn)
		}
		if err != nil {
			took <- -1
			return
		}
		took <- time.Since(begin)
	}()
	synctest.Wait()
	return took
}

func (s *secureHouse) counts(when string, handshake, silent int, ended uint64) {
	s.t.Helper()
	synctest.Wait()
	stats := s.engine.Stats()
	if diff := cmp.Diff(map[string]int{"handshake": handshake, "silent": silent, "busy": 0, "idle": 0}, stats.ConnectionStates); diff != "" {
		s.t.Errorf("%s: states (-want +got)\n%s", when, diff)
	}
	if got := stats.ConnectionsClosed[fanout.PressureHandshake]; got != ended {
		s.t.Errorf("%s: %d handshakes were ended, want %d", when, got, ended)
	}
}

// A quarter of the connections may be in a handshake. One address that begins them and
// does not finish delays another address by a quarter of a second at most, and its own
// clients by a second.
func TestHalfHandshakesMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSecureHouse(t)
		defer s.stop()
		s.next = "192.0.2.9"
		silent := s.come("") // has no part in it
		s.counts("a silent one", 0, 1, 0)
		var all []*visitor
		for range 6 {
			all = append(all, s.half("192.0.2.1"))
		}
		s.counts("four begin, two wait", 6, 1, 0)
		s.expect("at first", "++++"+"++"+"+", append(all, silent)...)

		begin := time.Now()
		if took := <-s.whole("192.0.2.2"); took < 0 || took > 250*time.Millisecond {
			t.Errorf("another address is answered after %v, want 250 ms at most", took)
		}
		s.expect("for the other address", "-+++"+"++"+"+", append(all, silent)...)
		s.counts("for the other address", 5, 1, 1)
		if took := <-s.whole("192.0.2.2"); took < 0 || took > 250*time.Millisecond {
			t.Errorf("the next one is answered after %v", took)
		}

		own := s.whole("192.0.2.1")
		if took := <-own; took < 0 || time.Since(begin) > 1250*time.Millisecond {
			t.Errorf("a client of the same address is answered after %v", took)
		}
		for range 20 {
			time.Sleep(time.Second)
		}
		if stats := s.engine.Stats(); stats.ConnectionStates["handshake"] > 4 {
			t.Errorf("%d handshakes", stats.ConnectionStates["handshake"])
		}
		for _, v := range all {
			_ = v.Close()
		}
		synctest.Wait()
		if n := s.engine.Stats().ConnectionStates["handshake"]; n != 0 {
			t.Errorf("%d handshakes are left of connections that are closed", n)
		}
	})
}

// Handshakes of many addresses that do not finish are ended after a second if others wait,
// and not before.
func TestHandshakesOfManyAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSecureHouse(t)
		defer s.stop()
		all := []*visitor{s.half("192.0.2.1"), s.half("192.0.2.2"), s.half("2001:db8::1"), s.half("2001:db8:0:1::1")}
		time.Sleep(time.Minute) // nobody waits
		s.expect("nobody waits", "++++", all...)
		for _, v := range all {
			_ = v.Close()
		}
		all = []*visitor{s.half("192.0.2.1")}
		time.Sleep(time.Millisecond)
		all = append(all, s.half("192.0.2.2"), s.half("2001:db8::1"), s.half("2001:db8:0:1::1"), s.half("192.0.2.3"))
		time.Sleep(998 * time.Millisecond)
		s.expect("somebody waits", "++++"+"+", all...)
		time.Sleep(251 * time.Millisecond)
		s.expect("after a second", "-+++"+"+", all...)
	})
}

// A network of IPv6 counts as one address.
func TestHandshakesOfOneNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSecureHouse(t)
		defer s.stop()
		all := []*visitor{s.half("2001:db8::1")}
		time.Sleep(time.Millisecond)
		all = append(all, s.half("2001:db8::2"), s.half("2001:db8::3"), s.half("2001:db8::ffff:4"))
		if took := <-s.whole("2001:db8:0:1::1"); took < 0 || took > 500*time.Millisecond {
			t.Errorf("another network is answered after %v", took)
		}
		s.expect("for another network", "-+++", all...)
	})
}

// The end of a server ends the handshakes that wait.
func TestEndWhileHandshakesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSecureHouse(t)
		var all []*visitor
		for range 8 {
			all = append(all, s.half("192.0.2.1"))
		}
		s.stop()
		s.expect("afterwards", "--------", all...)
		s.counts("afterwards", 0, 0, 0)
	})
}
