package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/polluxhub/pollux/bench/proc"
)

const (
	startTimeout = 15 * time.Second      // until a server listens, and has started its processes
	pause        = 50 * time.Millisecond // between two looks
)

// Server is a peer that runs.
type Server struct {
	Address   string
	Processes proc.Group

	cmd *exec.Cmd
	log *tail
}

// Start starts p on a core, for so many clients, and returns when it listens.
func (w *Workshop) Start(ctx context.Context, p Peer, core, clients int) (*Server, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	cmd, err := p.Command(w, port, clients)
	if err != nil {
		return nil, fmt.Errorf("peer: %s: %w", p.Name, err)
	}
	s := &Server{Address: "127.0.0.1:" + strconv.Itoa(port), cmd: cmd, log: new(tail)}
	cmd.Stdout, cmd.Stderr = s.log, s.log
	if err := proc.StartOn(core, cmd); err != nil {
		return nil, fmt.Errorf("peer: %s: %w", p.Name, err)
	}
	if err := s.listening(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("peer: %s: %w: %s", p.Name, err, s.log), s.Stop())
	}
	if err := s.complete(ctx, p.Children); err != nil {
		return nil, errors.Join(fmt.Errorf("peer: %s: %w: %s", p.Name, err, s.log), s.Stop())
	}
	return s, nil
}

// complete waits until the server has started so many processes. nginx listens before it
// starts the worker that does everything.
func (s *Server) complete(ctx context.Context, children int) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		if s.Processes, err = proc.Family(s.cmd.Process.Pid); err != nil || len(s.Processes) > children {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("has started %d processes, want %d: %w", len(s.Processes)-1, children, ctx.Err())
		}
	}
}

// Stop ends the server.
func (s *Server) Stop() error { return proc.Stop(s.cmd) }

// Log returns the last of what the server has said.
func (s *Server) Log() string { return s.log.String() }

func (s *Server) listening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("does not listen: %w", err)
		}
	}
}

// freePort returns a port of 127.0.0.1 that nobody listens on now.
func freePort(ctx context.Context) (int, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // a TCP listener has one
	return port, listener.Close()
}

// tail keeps the last of what a server says.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(b []byte) (int, error) {
	const most = 4 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if len(t.text) > most {
		t.text = bytes.Clone(t.text[len(t.text)-most:])
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
