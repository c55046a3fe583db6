package soak

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Options say what a run does.
type Options struct {
	Root string // of the Pollux repository
	Self string // this program, which is a Service when it is called with "soak-clients"

	Clients   int           // in all
	TLS       bool          // they use it, and so does the server
	Stalled   int           // readers that read nothing, beside these clients
	Processes int           // that they are divided among
	Churn     int           // clients that leave and come back in a second
	Time      time.Duration // that the run takes, without its beginning and its end
	Publish   time.Duration // between two documents
	Reload    time.Duration // between two reloads; 0: none
	Restart   time.Duration // between two restarts; 0: none
	Warm      time.Duration // after the start of a process, in which its figures may grow
	Sample    time.Duration // between two looks at the process

	Log func(format string, args ...any)
}

// Result is what came of a run.
type Result struct {
	Options   Options
	Version   string
	Counts    Counts
	Published int
	Refused   int // publishes while the server was not there
	Uncertain int // publishes without an answer, while the server was going
	Reloads   int
	Restarts  []time.Duration // how long each server took to end
	Away      []Span          // from when a server was told to end until the next one was ready
	Samples   []Sample
	Took      time.Duration
	Failures  []string // what else went wrong
}

// patience is how long after the last document a client may still get it: as long as a
// client waits that the server has sent away.
const patience = 2 * time.Minute

// conductor is a run that is under way.
type conductor struct {
	Options
	result Result
	begin  time.Time
	server *server
	crowds []*crowdProcess
	next   int // number of the next document
}

// crowdProcess is a Service at the other end of a pipe.
type crowdProcess struct {
	cmd    *exec.Cmd
	client *rpc.Client
}

// Conduct makes a run. The error says why it could not be made; what it found is in the
// result.
func Conduct(ctx context.Context, o Options) (result *Result, err error) {
	c := &conductor{Options: o, next: 1, result: Result{Options: o}}
	dir, err := os.MkdirTemp("", "pollux-soak-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	begin := time.Now()
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	failing := &http.Server{
		Handler:           newUpstream(func() time.Duration { return time.Since(begin) }),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          nil,
	}
	served := make(chan error, 1)
	go func() { served <- failing.Serve(listener) }()
	defer func() {
		_ = failing.Close()
		<-served
	}()

	c.Log("building")
	if c.server, err = newServer(ctx, o.Root, dir, listener.Addr().String(), o.Clients+o.Spare(), o.TLS); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.server.Close()) }()
	if c.result.Version, err = c.server.Version(ctx); err != nil {
		return nil, err
	}
	if err := c.server.start(ctx); err != nil {
		return nil, err
	}
	defer c.end()
	if err := c.gather(ctx); err != nil {
		return nil, err
	}
	c.begin = time.Now()
	if err := c.run(ctx); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, c.server.LastWords())
	}
	if err := c.finish(ctx); err != nil {
		return nil, err
	}
	c.result.Took = time.Since(c.begin)
	return &c.result, nil
}

// Spare is how many places clients need beside their own while some leave, and those that
// read nothing: a place is free when the descriptor is closed.
func (o *Options) Spare() int { return 100 + 2*o.Churn + 2*o.Stalled }

// gather starts the processes with clients, and waits until all clients are there.
func (c *conductor) gather(ctx context.Context) error {
	first := 0
	for i := range c.Processes {
		clients := (c.Clients + i) / c.Processes
		p, err := startCrowd(c.Self)
		if err != nil {
			return err
		}
		c.crowds = append(c.crowds, p)
		churn := (c.Churn + i) / c.Processes
		if err := p.call("Start", Start{c.server.address, c.TLS, first, clients, churn, (c.Stalled + i) / c.Processes}, new(None)); err != nil {
			return err
		}
		first += clients
	}
	c.Log("%d clients connect", c.Clients)
	for deadline := time.Now().Add(5 * time.Minute); ; {
		counts, err := c.counts(0)
		if err != nil {
			return err
		}
		if counts.Open+int64(c.Spare()) >= int64(c.Clients) {
			return nil
		}
		if time.Now().After(deadline) || !sleep(ctx, time.Second) {
			return fmt.Errorf("soak: only %d of %d clients are there: %v", counts.Open, c.Clients, counts.Notes)
		}
	}
}

func startCrowd(self string) (*crowdProcess, error) {
	cmd := exec.Command(self, "soak-clients") //nolint:noctx // end ends it, and waits
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &crowdProcess{cmd, jsonrpc.NewClient(pipe{out, in})}, nil
}

// end ends the processes with clients.
func (c *conductor) end() {
	for _, p := range c.crowds {
		_ = p.client.Close()
		_ = p.cmd.Process.Kill() // what it has seen was told before
		_ = p.cmd.Wait()
	}
}

func (p *crowdProcess) call(method string, args, answer any) error {
	if err := p.client.Call("Soak."+method, args, answer); err != nil {
		return fmt.Errorf("soak: clients: %s: %w", method, err)
	}
	return nil
}

// counts tells the clients what was published, and returns what all of them have seen.
func (c *conductor) counts(acknowledged int) (sum Counts, err error) {
	for _, p := range c.crowds {
		var one Counts
		if err := p.call("Acknowledged", acknowledged, &one); err != nil {
			return sum, err
		}
		sum.add(one)
	}
	return sum, nil
}

func (n *Counts) add(other Counts) {
	n.Open += other.Open
	n.Events += other.Events
	n.Statuses += other.Statuses
	n.Resets += other.Resets
	n.Ended += other.Ended
	n.Left += other.Left
	n.Refused += other.Refused
	n.Cut += other.Cut
	n.Unanswered = append(n.Unanswered, other.Unanswered...)
	n.Overloaded += other.Overloaded
	n.Stalled += other.Stalled
	n.Kept += other.Kept
	n.Checked += other.Checked
	n.Violations += other.Violations
	n.Notes = append(n.Notes, other.Notes...)
}

// run publishes, reloads, restarts and looks at the server until the time is over.
func (c *conductor) run(ctx context.Context) error {
	publish, sample := every(c.Publish), every(c.Sample)
	reload, restart := every(c.Reload), every(c.Restart)
	defer publish.Stop()
	defer sample.Stop()
	defer reload.Stop()
	defer restart.Stop()
	over := time.NewTimer(c.Time)
	defer over.Stop()
	for {
		select {
		case <-publish.C:
			if err := c.publish(ctx); err != nil {
				return err
			}
		case <-sample.C:
			s, err := c.server.sample(ctx, c.begin)
			if err != nil {
				return err
			}
			c.result.Samples = append(c.result.Samples, s)
		case <-reload.C:
			if err := c.server.reload(ctx); err != nil {
				c.result.Failures = append(c.result.Failures, "reload: "+err.Error())
			}
			c.result.Reloads++
		case <-restart.C:
			if err := c.restart(ctx); err != nil {
				return err
			}
		case <-over.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// every is a ticker, or one that never ticks.
func every(d time.Duration) *time.Ticker {
	if d <= 0 {
		t := time.NewTicker(time.Hour)
		t.Stop()
		return t
	}
	return time.NewTicker(d)
}

// publish publishes the next document, and tells clients that it was.
func (c *conductor) publish(ctx context.Context) error {
	if err := errors.Join(c.server.publish(ctx, c.next), c.server.publishLarge(ctx)); err != nil {
		return fmt.Errorf("soak: document %d: %w", c.next, err)
	}
	c.result.Published++
	c.next++
	counts, err := c.counts(c.next - 1)
	if err == nil && c.result.Published%60 == 0 {
		c.Log("%d clients, %d documents published, %d received, %d resets, %d not accounted for",
			counts.Open, c.result.Published, counts.Events, counts.Resets, counts.Violations)
	}
	return err
}

// restart stops the server and starts it again. Documents are published as long as it
// takes any. One that it did not take is published again by the next one, in a new epoch.
func (c *conductor) restart(ctx context.Context) error {
	c.Log("restart")
	begin := time.Now()
	ended := make(chan error, 1)
	var took time.Duration
	go func() {
		var err error
		took, err = c.server.stop()
		ended <- err
	}()
	tick := time.NewTicker(c.Publish)
	defer tick.Stop()
	for stopping := true; stopping; {
		select {
		case <-tick.C:
			switch err := c.server.publish(ctx, c.next); {
			case err == nil:
				c.result.Published++
				c.next++
			case errors.Is(err, errUncertain):
				c.result.Uncertain++
			default:
				c.result.Refused++
			}
		case err := <-ended:
			if err != nil {
				c.result.Failures = append(c.result.Failures, err.Error())
			}
			stopping = false
		}
	}
	c.result.Restarts = append(c.result.Restarts, took)
	c.server.http.CloseIdleConnections() // of the process that has ended
	if err := c.server.start(ctx); err != nil {
		return err
	}
	c.result.Away = append(c.result.Away, Span{begin, time.Now()})
	_, err := c.counts(c.next - 1)
	return err
}

// finish waits until each client has everything.
func (c *conductor) finish(ctx context.Context) error {
	c.Log("waiting until each client has everything")
	// The upstream may be about to change once more. Clients compare themselves with
	// others, so that is no matter.
	last := c.next
	if err := c.publish(ctx); err != nil {
		return err
	}
	answers := make([]Counts, len(c.crowds))
	calls := make([]*rpc.Call, len(c.crowds))
	for i, p := range c.crowds {
		calls[i] = p.client.Go("Soak.Finish", Finish{last, patience}, &answers[i], make(chan *rpc.Call, 1))
	}
	for i, call := range calls {
		select {
		case <-call.Done:
			if call.Error != nil {
				return call.Error
			}
			c.result.Counts.add(answers[i])
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	took, err := c.server.stop()
	if err != nil {
		c.result.Failures = append(c.result.Failures, err.Error())
	}
	c.result.Restarts = append(c.result.Restarts, took)
	return nil
}

// sleep returns false when ctx has ended before d has passed.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
