package httpjson_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// silence is a network in memory whose connections can all die at once without a sign,
// as behind a gateway that has forgotten them: writes are swallowed, or block, and
// nothing comes back. New connections work.
type silence struct {
	*memoryNetwork
	deaths, opened atomic.Int32
	full           bool // writes block
}

func (s *silence) Accept() (net.Conn, error) {
	conn, err := s.memoryNetwork.Accept()
	if err != nil {
		return nil, err
	}
	s.opened.Add(1)
	return &mortal{Conn: conn, of: s, born: s.deaths.Load()}, nil
}

func (s *silence) fall() { s.deaths.Add(1) }

type mortal struct {
	net.Conn
	of   *silence
	born int32
}

func (m *mortal) dead() bool { return m.of.deaths.Load() != m.born }

func (m *mortal) Read(p []byte) (int, error) {
	for {
		if m.dead() && m.of.full {
			<-m.of.done
			return 0, net.ErrClosed
		}
		if n, err := m.Conn.Read(p); err != nil || !m.dead() {
			return n, err
		}
	}
}

func (m *mortal) Write(p []byte) (int, error) {
	if m.dead() {
		return len(p), nil
	}
	return m.Conn.Write(p)
}

// Close of a dead connection does not reach the other side, which closes its own end
// later.
func (m *mortal) Close() error {
	if m.dead() {
		return nil
	}
	return m.Conn.Close()
}

// selfSigned returns a certificate for an address, valid in the time of a bubble.
func selfSigned(t *testing.T, address string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.ParseIP(address)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// silentUpstream serves TLS in memory, with or without HTTP/2, and returns a source for
// it.
func silentUpstream(t *testing.T, http2 bool, handler http.HandlerFunc) (*silence, *httpjson.Source) {
	t.Helper()
	const address = "192.0.2.1"
	network := &silence{memoryNetwork: newMemoryNetwork()}
	certificate := selfSigned(t, address)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetHTTP2(http2)
	server := &http.Server{
		Handler: handler, ErrorLog: discardLog(), Protocols: protocols,
		// A pipe has no buffer for a ticket that the server sends while the client writes.
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, SessionTicketsDisabled: true},
	}
	served := make(chan error)
	go func() { served <- server.ServeTLS(network, "", "") }()
	s := newSource(t, httpjson.Options{URL: "https://" + address, Dial: network.dial})
	s.Trust(certificate.Leaf)
	t.Cleanup(func() {
		_ = s.Close()
		_ = server.Close()
		<-served
	})
	return network, s
}

// fetch fetches within 4 s, and returns the class of the failure and the time it took.
func fetch(t *testing.T, s *httpjson.Source) (string, time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	began := time.Now()
	_, err := s.Fetch(ctx, poller.Version{})
	return class(t, err), time.Since(began)
}

// TestSilentDeath has connections that die without a sign, at every point. One fetch
// fails, and the next one has a new connection.
func TestSilentDeath(t *testing.T) {
	for _, http2 := range []bool{true, false} {
		for _, test := range []struct {
			name  string
			dying func(w http.ResponseWriter, fall func())
			want  string // the class of the fetch during which it dies
			took  time.Duration
		}{
			{"before the answer", func(_ http.ResponseWriter, fall func()) { fall() }, "timeout", 4 * time.Second},
			{"within the answer", func(w http.ResponseWriter, fall func()) {
				_, _ = io.WriteString(w, `[1,`)
				_ = http.NewResponseController(w).Flush()
				time.Sleep(time.Second) // until it has arrived
				fall()
			}, "timeout", 4 * time.Second},
			{"within an error page", func(w http.ResponseWriter, fall func()) {
				w.WriteHeader(http.StatusServiceUnavailable)
				_ = http.NewResponseController(w).Flush()
				time.Sleep(time.Second)
				fall()
			}, "http_503", 4 * time.Second},
			{"within a redirect", func(w http.ResponseWriter, fall func()) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(http.StatusFound)
				_ = http.NewResponseController(w).Flush()
				time.Sleep(time.Second)
				fall()
			}, "timeout", 4 * time.Second},
		} {
			name := test.name + ", HTTP/1"
			if http2 {
				name = test.name + ", HTTP/2"
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var network *silence
					var asked atomic.Int32
					network, s := silentUpstream(t, http2, func(w http.ResponseWriter, _ *http.Request) {
						if asked.Add(1) == 2 {
							test.dying(w, network.fall)
							return
						}
						_, _ = io.WriteString(w, `1`)
					})
					for n, want := range []string{"", test.want, "", ""} {
						got, took := fetch(t, s)
						if got != want || took != 0 && n != 1 || n == 1 && took != test.took {
							t.Errorf("fetch %d: class %q after %v, want %q", n, got, took, want)
						}
					}
					if n := network.opened.Load(); n != 2 {
						t.Errorf("%d connections, want 2", n)
					}
				})
			})
		}
	}
}

// TestSilentDeathBetween has a connection that dies between two fetches. HTTP/2 detects
// that by a ping, so that no fetch fails.
func TestSilentDeathBetween(t *testing.T) {
	for _, test := range []struct {
		name  string
		pause time.Duration
		want  string
		conns int32
	}{
		{"given up before it is found out", 21*time.Second - 1, "timeout", 1},
		{"found out while a fetch waits, which is sent again", 21*time.Second + 1, "", 2},
		{"found out before", 25*time.Second + 1, "", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network, s := silentUpstream(t, true, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `1`) })
				if got, _ := fetch(t, s); got != "" {
					t.Fatalf("class %q", got)
				}
				network.fall()
				time.Sleep(test.pause)
				if got, _ := fetch(t, s); got != test.want || network.opened.Load() != test.conns {
					t.Errorf("class %q, %d connections, want %q and %d", got, network.opened.Load(), test.want, test.conns)
				}
			})
		})
	}
}

// TestConnectionThatTakesNothing has a connection that dies between two fetches, and
// then accepts no byte.
func TestConnectionThatTakesNothing(t *testing.T) {
	for _, http2 := range []bool{true, false} {
		for _, pause := range []time.Duration{0, time.Second, 14 * time.Second, 20 * time.Second, time.Minute} {
			t.Run(fmt.Sprintf("after %v, HTTP/2 %v", pause, http2), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					network, s := silentUpstream(t, http2, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `1`) })
					network.full = true
					if got, _ := fetch(t, s); got != "" {
						t.Fatalf("class %q", got)
					}
					synctest.Wait() // the other side reads: it accepts one more write
					network.fall()
					time.Sleep(pause)
					first, _ := fetch(t, s)
					second, took := fetch(t, s)
					if first != "" && first != "timeout" || second != "" || took != 0 || network.opened.Load() != 2 {
						t.Errorf("class %q, then %q after %v, %d connections, want a document on a new one", first, second, took, network.opened.Load())
					}
				})
			})
		}
	}
}

// TestLivingConnectionIsKept has an HTTP/2 connection that answers a ping: it is kept,
// and closed when it was not used for two minutes.
func TestLivingConnectionIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, s := silentUpstream(t, true, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `1`) })
		for n, pause := range []time.Duration{0, time.Minute, 2*time.Minute - 1, 2*time.Minute + time.Second} {
			time.Sleep(pause)
			if got, _ := fetch(t, s); got != "" {
				t.Errorf("fetch %d: class %q", n, got)
			}
			if want := int32(1 + n/3); network.opened.Load() != want {
				t.Errorf("fetch %d: %d connections, want %d", n, network.opened.Load(), want)
			}
		}
	})
}

// TestHandshakeIsGivenUp has an upstream that accepts and sends nothing: long after the
// fetch has failed, its connection ends as well.
func TestHandshakeIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := newMemoryNetwork()
		s := newSource(t, httpjson.Options{URL: "https://192.0.2.1", Dial: network.dial})
		ended := make(chan time.Duration)
		began := time.Now()
		go func() {
			conn, err := network.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, conn)
			ended <- time.Since(began)
		}()
		if got, took := fetch(t, s); got != "timeout" || took != 4*time.Second {
			t.Errorf("class %q after %v", got, took)
		}
		if lasted := <-ended; lasted > 30*time.Second {
			t.Errorf("the connection lasted %v, want 30s at most", lasted)
		}
	})
}
