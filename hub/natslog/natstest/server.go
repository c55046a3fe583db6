// Package natstest runs NATS servers with JetStream for tests, as processes of their own.
package natstest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// patience bounds the waits. It says nothing about speed.
const patience = time.Minute

// binary builds the server. It stays in the cache of the user, so only the first test waits.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	file := filepath.Join(dir, "pollux-test", "nats-server")
	out, err := exec.CommandContext(context.Background(), "go", "build", "-o", file, "github.com/nats-io/nats-server/v2").CombinedOutput() //nolint:gosec // the cache of the user
	if err != nil {
		return "", fmt.Errorf("go build nats-server: %w\n%s", err, out)
	}
	return file, nil
})

// Server is a NATS server.
type Server struct {
	URL  string
	Name string

	config string
	cmd    *exec.Cmd
	output *os.File
}

// Start starts a server whose configuration has the extra lines. It ends with the test.
func Start(t testing.TB, extra string) *Server {
	t.Helper()
	return StartAt(t, loopback, extra)
}

// loopback is where servers listen.
const loopback = "127.0.0.1"

// StartAt starts a server at another address of this machine.
func StartAt(t testing.TB, host, extra string) *Server {
	t.Helper()
	s := prepare(t, "pollux-test", host, extra)
	s.Run(t)
	return s
}

// Cluster starts several servers that are a cluster.
func Cluster(t testing.TB, n int) []*Server {
	t.Helper()
	addresses, routes := make([]string, n), make([]string, n)
	for i := range addresses {
		addresses[i] = listentest.FreeAddress(t)
		routes[i] = "nats://" + addresses[i]
	}
	list := make([]*Server, n)
	for i := range list {
		list[i] = prepare(t, fmt.Sprintf("s%d", i+1), loopback, fmt.Sprintf("cluster { name: pollux, listen: %q, routes: [%s] }", addresses[i], strings.Join(routes, ", ")))
	}
	for _, s := range list {
		s.Run(t)
	}
	return list
}

func prepare(t testing.TB, name, host, extra string) *Server {
	t.Helper()
	dir := t.TempDir()
	_, port, err := net.SplitHostPort(listentest.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort(host, port)
	s := &Server{URL: "nats://" + address, Name: name, config: filepath.Join(dir, "nats.conf")}
	text := fmt.Sprintf("server_name: %s\nlisten: %q\njetstream { store_dir: %q }\n%s\n", name, address, filepath.Join(dir, "store"), extra)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Kill(t) })
	return s
}

// Run starts a server that does not run, with the store that it had.
func (s *Server) Run(t testing.TB) {
	t.Helper()
	file, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd = exec.CommandContext(context.Background(), file, "-c", s.config) //nolint:gosec // it was built above, and Kill ends it
	if s.output, err = os.OpenFile(s.config+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		t.Fatal(err)
	}
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(s.URL, "nats://")
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if greets(t, address) {
			return
		}
		if time.Since(began) > patience {
			log, _ := os.ReadFile(s.config + ".log")
			t.Fatalf("the NATS server does not start: %s", log)
		}
	}
}

// greets reports whether a server at an address begins as NATS does.
func greets(t testing.TB, address string) bool {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	line, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && strings.HasPrefix(line, "INFO ")
}

// Kill ends the server at once, if it runs.
func (s *Server) Kill(t testing.TB) { s.end(t, syscall.SIGKILL) }

// Stop ends the server as an operator does, if it runs.
func (s *Server) Stop(t testing.TB) { s.end(t, syscall.SIGTERM) }

// Pause stops the process of the server, which keeps its connections. All of its threads stand still
// when Pause returns: on a busy machine some go on for a while after kill(2) has returned.
func (s *Server) Pause(t testing.TB) {
	t.Helper()
	s.signal(t, syscall.SIGSTOP)
	var status syscall.WaitStatus
	for began := time.Now(); !status.Stopped(); time.Sleep(time.Millisecond) {
		if _, err := syscall.Wait4(s.cmd.Process.Pid, &status, syscall.WUNTRACED|syscall.WNOHANG, nil); err != nil || time.Since(began) > patience {
			t.Fatalf("the NATS server does not stop: %v", err)
		}
	}
}

// Continue goes on with a server that was paused.
func (s *Server) Continue(t testing.TB) { s.signal(t, syscall.SIGCONT) }

func (s *Server) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) end(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if s.cmd == nil {
		return
	}
	s.signal(t, signal)
	if signal != syscall.SIGKILL {
		s.signal(t, syscall.SIGCONT)
	}
	_ = s.cmd.Wait() // it was told to end
	_ = s.output.Close()
	s.cmd = nil
}
