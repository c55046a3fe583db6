// Package subject is Pollux in a process of its own, built from this repository, with a
// configuration file. Whoever starts it stops it; it ends with this program in any case.
package subject

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/polluxhub/pollux/bench/proc"
)

// Server is Pollux. Its methods are for one goroutine, apart from those that read.
type Server struct {
	binary, config string
	log            *os.File

	cmd     *exec.Cmd
	ended   chan error // receives how the process ended
	started time.Time
}

// New builds Pollux from the repository at root, into dir.
func New(ctx context.Context, root, dir string) (*Server, error) {
	binary := filepath.Join(dir, "pollux")
	if err := Build(ctx, root, binary, "./cmd/pollux"); err != nil {
		return nil, err
	}
	return newServer(binary, dir)
}

// Build builds a program of the repository at root, or of a module that it needs, into a file.
func Build(ctx context.Context, root, file, path string) error {
	build := exec.CommandContext(ctx, "go", "build", "-o", file, path) //nolint:gosec // a file that this program names
	build.Dir = root
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("subject: go build: %w\n%s", err, text)
	}
	return nil
}

// Another returns a further Pollux of the same binary, whose files are in dir.
func (s *Server) Another(dir string) (*Server, error) { return newServer(s.binary, dir) }

func newServer(binary, dir string) (s *Server, err error) {
	s = &Server{binary: binary, config: filepath.Join(dir, "pollux.yaml")}
	s.log, err = os.Create(filepath.Join(dir, "pollux.log")) //nolint:gosec // a file that this program names
	return s, err
}

// Version says what is tested.
func (s *Server) Version(ctx context.Context) (string, error) {
	text, err := exec.CommandContext(ctx, s.binary, "version").Output() //nolint:gosec // a file that this program made
	return strings.TrimSpace(string(text)), err
}

// FreeAddress returns an address at which nobody listens.
func FreeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// Configure writes the configuration, for a start or a reload.
func (s *Server) Configure(text string) error { return os.WriteFile(s.config, []byte(text), 0o600) }

// Start starts a process, on a core or, with -1, on all of them, and waits until ready
// returns nil. variables are added to its environment.
func (s *Server) Start(ctx context.Context, core int, ready func() error, variables ...string) error {
	s.cmd = exec.Command(s.binary, "--config", s.config) //nolint:gosec,noctx // Stop ends it, and waits
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "POLLUX_") {
			s.cmd.Env = append(s.cmd.Env, variable)
		}
	}
	s.cmd.Env = append(s.cmd.Env, variables...)
	s.cmd.Stderr = s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	begin := s.cmd.Start
	if core >= 0 {
		begin = func() error { return proc.StartOn(core, s.cmd) }
	}
	if err := begin(); err != nil {
		return err
	}
	s.started = time.Now()
	s.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan error) { ended <- cmd.Wait() }(s.cmd, s.ended)
	for deadline := time.Now().Add(20 * time.Second); ready() != nil; time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-s.ended:
			s.ended <- err
			return fmt.Errorf("subject: pollux ended at its start: %w\n%s", err, s.LastWords())
		default:
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("subject: pollux is not ready\n%s", s.LastWords())
		}
	}
	return nil
}

// Processes returns the process that runs.
func (s *Server) Processes() proc.Group { return proc.Group{s.cmd.Process.Pid} }

// Age returns how long it has run.
func (s *Server) Age() time.Duration { return time.Since(s.started) }

// Stop asks the process to end, and returns how long that took. An error says that it
// did not end in time, or not with status 0.
func (s *Server) Stop(patience time.Duration) (time.Duration, error) {
	begin := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, fmt.Errorf("subject: pollux: %w", err)
	}
	select {
	case err := <-s.ended:
		s.ended <- err
		if err != nil {
			err = fmt.Errorf("subject: pollux at SIGTERM: %w", err)
		}
		return time.Since(begin), err
	case <-time.After(patience):
		return time.Since(begin), errors.Join(fmt.Errorf("subject: pollux did not end within %v of SIGTERM", patience), s.cmd.Process.Kill())
	}
}

// Close kills the process if it runs.
func (s *Server) Close() error {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill() // it may have ended
		err := <-s.ended
		s.ended <- err
	}
	return s.log.Close()
}

// LastWords is the end of what all processes have logged.
func (s *Server) LastWords() string {
	text, err := os.ReadFile(s.log.Name())
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("the log of pollux ends with:\n%s", text[max(0, len(text)-2000):])
}
