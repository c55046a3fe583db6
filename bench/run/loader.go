package run

import (
	"context"
	"fmt"
	"io"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"os/exec"

	"github.com/polluxhub/pollux/bench/load"
	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/proc"
)

// loader is a load process: load.Service at the other end of a pipe. Its methods
// are those of the service.
type loader struct {
	cmd    *exec.Cmd
	client *rpc.Client
}

// pipe is the two pipes to a process as one connection.
type pipe struct {
	io.Reader
	io.WriteCloser
}

// startLoader starts a load process on a core. offset is the number of its first
// client.
func startLoader(ctx context.Context, self string, core int, p peer.Peer, server string, offset int) (*loader, error) {
	cmd := exec.Command(self, "load") //nolint:noctx // stop ends it, and waits
	// The reader's thread and the publisher share a core, but need not wait for
	// each other inside of Go.
	cmd.Env = append(os.Environ(), "GOMAXPROCS=4", "GOGC=400")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("run: load: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("run: load: %w", err)
	}
	if err := proc.StartOn(core, cmd); err != nil {
		return nil, fmt.Errorf("run: load: %w", err)
	}
	l := &loader{cmd, jsonrpc.NewClient(pipe{out, in})}
	setup := load.Setup{
		Server:  server,
		Path:    p.Path,
		Publish: p.Publish,
		Header:  p.Header,
		Gzip:    p.Gzip,
		Offset:  offset,
	}
	if err := l.call(ctx, "Setup", setup, new(load.None)); err != nil {
		l.stop()
		return nil, err
	}
	return l, nil
}

// stop ends the process by closing its input.
func (l *loader) stop() {
	// It is gone either way, and what it has measured was told before.
	_ = l.client.Close()
	_ = proc.Stop(l.cmd)
}

func (l *loader) call(ctx context.Context, method string, args, answer any) error {
	call := l.client.Go("Load."+method, args, answer, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		if call.Error != nil {
			return fmt.Errorf("run: load: %s: %w", method, call.Error)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *loader) open(ctx context.Context, clients int, stall bool) (o load.Opened, err error) {
	err = l.call(ctx, "Open", load.OpenArgs{Clients: clients, Stall: stall}, &o)
	return o, err
}

func (l *loader) disconnect(ctx context.Context) error {
	return l.call(ctx, "Disconnect", load.None{}, new(load.None))
}

func (l *loader) counts(ctx context.Context) (c load.Counts, err error) {
	err = l.call(ctx, "Counts", load.None{}, &c)
	return c, err
}

func (l *loader) next(ctx context.Context) (n uint32, err error) {
	err = l.call(ctx, "Next", load.None{}, &n)
	return n, err
}

func (l *loader) paced(ctx context.Context, o load.Paced) (r load.Report, err error) {
	err = l.call(ctx, "Paced", o, &r)
	return r, err
}

func (l *loader) documents(ctx context.Context, o load.Documents) (r load.Report, err error) {
	err = l.call(ctx, "Documents", o, &r)
	return r, err
}

func (l *loader) burst(ctx context.Context, o load.Burst) (r load.Report, err error) {
	err = l.call(ctx, "Burst", o, &r)
	return r, err
}

func (l *loader) watch(ctx context.Context, first uint32, most int) error {
	return l.call(ctx, "Watch", load.WatchArgs{First: first, Most: most}, new(load.None))
}

func (l *loader) watched(ctx context.Context, published int) (r load.Report, err error) {
	err = l.call(ctx, "Watched", published, &r)
	return r, err
}
