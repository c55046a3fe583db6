package load

import (
	"context"
	"fmt"
	"io"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"os/exec"

	"github.com/polluxhub/pollux/bench/proc"
)

// Process is a Service in a process of its own, at the other end of a pipe. Its methods are those
// of the Service.
type Process struct {
	cmd    *exec.Cmd
	client *rpc.Client
}

// pipe is the two pipes to a process as one connection.
type pipe struct {
	io.Reader
	io.WriteCloser
}

// StartProcess starts a load process on a core. self is this program, which is a Service when it is
// called with "load".
func StartProcess(ctx context.Context, self string, core int, setup Setup) (*Process, error) {
	cmd := exec.Command(self, "load") //nolint:noctx // Stop ends it, and waits
	// The reader's thread and the publisher share a core, but need not wait for
	// each other inside of Go.
	cmd.Env = append(os.Environ(), "GOMAXPROCS=4", "GOGC=400")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("load: process: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("load: process: %w", err)
	}
	if err := proc.StartOn(core, cmd); err != nil {
		return nil, fmt.Errorf("load: process: %w", err)
	}
	p := &Process{cmd, jsonrpc.NewClient(pipe{out, in})}
	if err := p.call(ctx, "Setup", setup, new(None)); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// Stop ends the process by closing its input.
func (p *Process) Stop() {
	// It is gone either way, and what it has measured was told before.
	_ = p.client.Close()
	_ = proc.Stop(p.cmd)
}

func (p *Process) call(ctx context.Context, method string, args, answer any) error {
	call := p.client.Go("Load."+method, args, answer, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		if call.Error != nil {
			return fmt.Errorf("load: process: %s: %w", method, call.Error)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Open opens clients.
func (p *Process) Open(ctx context.Context, clients int, stall bool) (o Opened, err error) {
	err = p.call(ctx, "Open", OpenArgs{Clients: clients, Stall: stall}, &o)
	return o, err
}

// Disconnect closes all clients.
func (p *Process) Disconnect(ctx context.Context) error {
	return p.call(ctx, "Disconnect", None{}, new(None))
}

// Counts tells how many clients there are.
func (p *Process) Counts(ctx context.Context) (c Counts, err error) {
	err = p.call(ctx, "Counts", None{}, &c)
	return c, err
}

// Next returns the number of the next event.
func (p *Process) Next(ctx context.Context) (n uint32, err error) {
	err = p.call(ctx, "Next", None{}, &n)
	return n, err
}

// Paced publishes events at fixed times.
func (p *Process) Paced(ctx context.Context, o Paced) (r Report, err error) {
	err = p.call(ctx, "Paced", o, &r)
	return r, err
}

// Documents publishes the reference document.
func (p *Process) Documents(ctx context.Context, o Documents) (r Report, err error) {
	err = p.call(ctx, "Documents", o, &r)
	return r, err
}

// Burst publishes events back to back.
func (p *Process) Burst(ctx context.Context, o Burst) (r Report, err error) {
	err = p.call(ctx, "Burst", o, &r)
	return r, err
}

// Watch begins to look for events that somebody else publishes.
func (p *Process) Watch(ctx context.Context, first uint32, most int) error {
	return p.call(ctx, "Watch", WatchArgs{First: first, Most: most}, new(None))
}

// Watched ends Watch.
func (p *Process) Watched(ctx context.Context, published int) (r Report, err error) {
	err = p.call(ctx, "Watched", published, &r)
	return r, err
}
