package natslog_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub/natslog/embedded"
	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// refusals counts the handshakes that a server refuses.
type refusals struct {
	slog.Handler
	count atomic.Int64
}

func (r *refusals) Handle(ctx context.Context, record slog.Record) error {
	record.Attrs(func(a slog.Attr) bool {
		if strings.Contains(a.Value.String(), "TLS route handshake error") {
			r.count.Add(1)
		}
		return true
	})
	return r.Handler.Handle(ctx, record)
}

// A server that takes the place of a node that is gone, and has another secret or the
// certificate of another authority, does not become a member, and is told nothing. Neither is
// one that has none, although it is at the address of a node.
func TestStrangersAreNoMembers(t *testing.T) {
	t.Parallel()
	foreign := listentest.NewCertificate(t)
	certFile, keyFile := foreign.Files(t)
	g := newGroup(t)
	id := g.append(t, 0, `"known to members alone"`)
	g.stop(t, 2)
	for what, guard := range map[string]embedded.Guard{
		"another secret":    embedded.Secret(strings.Repeat("o", embedded.MinSecret)),
		"another authority": embedded.Certificates{CertFile: certFile, KeyFile: keyFile, CAFile: certFile},
	} {
		t.Run(what, func(t *testing.T) {
			seen := &refusals{Handler: slog.NewTextHandler(t.Output(), nil)}
			stranger, err := embedded.New(embedded.Options{
				Dir: t.TempDir(), Logger: slog.New(seen),
				Cluster: &embedded.Cluster{Node: name(2), Listen: g.routes[2], Routes: g.routes, Guard: guard},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer stranger.Close(t.Context()) //nolint:errcheck // it has nothing
			if _, err := stranger.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			eventually(t, "handshakes are refused", func() bool { return seen.count.Load() >= 4 })
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			view, err := stranger.View(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range view.Members {
				if m.Online && m.Name != name(2) {
					t.Errorf("the stranger knows %s", m.Name)
				}
			}
			if view.Leader != "" || view.Last >= id.Seq() {
				t.Errorf("the stranger sees %+v", view)
			}
			known, err := g.nodes[0].server.View(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range known.Members {
				if m.Online && m.Name == name(2) {
					t.Error("the cluster takes the stranger for a member")
				}
			}
			g.append(t, 0, "2")
		})
	}

	t.Run("at the address of a node", func(t *testing.T) {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", g.routes[2])
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		text := make([]byte, 4096)
		n, err := conn.Read(text)
		if err != nil || text[0] != 0x16 || bytes.Contains(text[:n], []byte(testSecret)) || bytes.Contains(text[:n], []byte("CONNECT")) {
			t.Errorf("a stranger is told %q, %v", text[:n], err)
		}
	})
}

// Whatever a stranger sends to the port between nodes, the answer is at most that he is no
// member, and the cluster goes on.
func TestStrangersAreToldNothing(t *testing.T) {
	t.Parallel()
	certificate, err := tls.LoadX509KeyPair(listentest.NewCertificate(t).Files(t))
	if err != nil {
		t.Fatal(err)
	}
	g := newGroup(t)
	random := make([]byte, 1<<20)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	connect := "CONNECT {\"verbose\":false,\"lang\":\"go\",\"name\":\"x\",\"protocol\":1}\r\nPING\r\n"
	route := "CONNECT {\"name\":\"x\",\"cluster\":\"pollux\",\"headers\":true}\r\nINFO {\"server_id\":\"x\"}\r\nPING\r\n"
	for what, text := range map[string]string{
		"nothing": "", "client": connect, "route": route, "HTTP": "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "random bytes": string(random),
		"a line without an end": "CONNECT " + strings.Repeat("x", 1<<22),
	} {
		for how, secure := range map[string]*tls.Config{
			"plain":                {},
			"TLS":                  {InsecureSkipVerify: true},
			"TLS with certificate": {InsecureSkipVerify: true, Certificates: []tls.Certificate{certificate}},
		} {
			t.Run(what+", "+how, func(t *testing.T) {
				conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", g.routes[0])
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if how != "plain" {
					conn = tls.Client(conn, secure)
				}
				if text == "" && how == "plain" {
					_ = conn.(*net.TCPConn).CloseWrite() // it may be closed already
				}
				_, _ = io.WriteString(conn, text) // it may be closed meanwhile
				answer, _ := io.ReadAll(conn)     // likewise
				if bytes.Contains(answer, []byte("INFO")) || bytes.Contains(answer, []byte("ERR")) || len(answer) > 64 {
					t.Errorf("a stranger is told %q", answer[:min(len(answer), 300)])
				}
			})
		}
	}
	g.append(t, 0, "1")
}

// The process listens for the other nodes alone: there is no port for clients of NATS.
func TestNoOtherPortIsOpen(t *testing.T) {
	before := listeners(t)
	g := newGroup(t)
	if opened := listeners(t) - before; opened != len(g.routes) {
		t.Errorf("%d ports are open, want %d", opened, len(g.routes))
	}
}

// listeners returns how many sockets of this process listen.
func listeners(t *testing.T) (count int) {
	t.Helper()
	own := sockets(t)
	for _, file := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) > 9 && fields[3] == "0A" && own["socket:["+fields[9]+"]"] {
				count++
			}
		}
	}
	return count
}

// sockets returns the sockets of this process.
func sockets(t *testing.T) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	own := make(map[string]bool)
	for _, entry := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil {
			own[target] = true
		}
	}
	return own
}
