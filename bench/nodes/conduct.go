package nodes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/polluxhub/pollux/bench/load"
	"github.com/polluxhub/pollux/bench/proc"
	"github.com/polluxhub/pollux/bench/subject"
)

// Options say what a run does.
type Options struct {
	Root string // of the Pollux repository
	Self string // this program, which is a load process when it is called with "load"

	Size     int           // of an event's data, in bytes
	Events   int           // to be published
	Interval time.Duration // between two of them
	Quiet    time.Duration // without events, before the first one

	Log func(format string, args ...any)
}

// bound is how long a case may take beside its events.
const bound = 8 * time.Minute

// Conduct runs one case. The error says why it could not be run; what it found is in the row.
func Conduct(ctx context.Context, o Options, one Case) (row *Row, err error) {
	ctx, cancel := context.WithTimeout(ctx, bound+o.Quiet+time.Duration(o.Events)*o.Interval)
	defer cancel()
	dir, err := os.MkdirTemp("", "pollux-nodes-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cores, err := proc.Cores()
	if err != nil {
		return nil, err
	}
	c := &conductor{Options: o, dir: dir, server: cores[0], load: cores[len(cores)-1]}
	c.row = Row{Case: one, Date: time.Now().UTC().Truncate(time.Second), Machine: proc.ReadMachine(), Size: o.Size, Interval: o.Interval}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.start(ctx); err != nil {
		return nil, err
	}
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	if err := c.measure(ctx); err != nil {
		return nil, err
	}
	return &c.row, nil
}

// conductor is a case that is under way. NATS or the origin and all nodes have one core, the
// clients another one.
type conductor struct {
	Options
	row          Row
	dir          string
	server, load int // cores
	log          sharedLog
	nodes        []*node
	clients      []*load.Process // of each node
}

// start starts the log and the nodes.
func (c *conductor) start(ctx context.Context) (err error) {
	c.Log("building")
	builder, err := subject.New(ctx, c.Root, c.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, builder.Close()) }() // it only builds
	if c.row.Version, err = builder.Version(ctx); err != nil {
		return err
	}
	start := func(name string, clients int, configuration string) (*node, error) {
		dir := filepath.Join(c.dir, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, err
		}
		server, err := builder.Another(dir)
		if err != nil {
			return nil, err
		}
		return startNode(ctx, server, c.server, clients, configuration)
	}
	if c.row.Log == NATS {
		nats, err := startNATS(ctx, c.Root, c.dir, c.server)
		if err != nil {
			return err
		}
		c.log = nats
	} else {
		one, err := start("origin", c.row.Nodes, streams)
		if err != nil {
			return err
		}
		c.log = origin{one}
	}
	c.Log("starting %d nodes", c.row.Nodes)
	for i := range c.row.Nodes {
		name := fmt.Sprint("node", i)
		one, err := start(name, c.share(i), c.log.configuration(name))
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, one)
	}
	return nil
}

// share is how many clients a node has.
func (c *conductor) share(i int) int { return (c.row.Clients + i) / c.row.Nodes }

// connect connects the clients, those of all nodes at once.
func (c *conductor) connect(ctx context.Context) error {
	offset := 0
	for i, one := range c.nodes {
		setup := load.Setup{
			Server: one.address, Path: "/api/sse?stream=" + stream, Publish: "/api/streams/" + stream + "/events",
			Header: map[string]string{"Authorization": "Bearer " + token}, Offset: offset,
		}
		process, err := load.StartProcess(ctx, c.Self, c.load, setup)
		if err != nil {
			return err
		}
		c.clients = append(c.clients, process)
		offset += c.share(i)
	}
	var err error
	if c.row.Base, err = c.memory(); err != nil {
		return err
	}
	before, err := proc.ReadSockets()
	if err != nil {
		return err
	}
	c.Log("connecting %d clients", c.row.Clients)
	begin := time.Now()
	failures := make([]error, len(c.clients))
	var opening sync.WaitGroup
	for i, process := range c.clients {
		opening.Go(func() {
			opened, err := process.Open(ctx, c.share(i), false)
			if err == nil && opened.Failed > 0 {
				err = fmt.Errorf("nodes: %d of %d clients get no answer: %s\n%s", opened.Failed, c.share(i), opened.Failure, c.nodes[i].LastWords())
			}
			failures[i] = err
		})
	}
	opening.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	c.row.Opened = time.Since(begin).Seconds()
	c.Log("all are connected after %.1f s", c.row.Opened)
	time.Sleep(settle)
	after, err := proc.ReadSockets()
	if err != nil {
		return err
	}
	c.row.Kernel = after.Slab + after.Bytes - before.Slab - before.Bytes
	c.row.Idle, err = c.memory()
	return err
}

// settle is how long after the last client memory is read.
const settle = 2 * time.Second

// measure has events published, after a time without any.
func (c *conductor) measure(ctx context.Context) (err error) {
	if c.row.Quiet, err = c.traffic(ctx, func() error { time.Sleep(c.Quiet); return ctx.Err() }); err != nil {
		return err
	}
	c.Log("publishing %d events", c.Events)
	before, err := c.processor()
	if err != nil {
		return err
	}
	var reports []load.Report
	c.row.Busy, err = c.traffic(ctx, func() (err error) {
		reports, err = load.Together(ctx, c.clients, load.Paced{Count: c.Events, Interval: c.Interval, Size: c.Size})
		return err
	})
	if err != nil {
		return err
	}
	after, err := c.processor()
	if err != nil {
		return err
	}
	c.row.CPU = after - before
	c.take(reports)
	c.Log("%d events published, %d deliveries, %d lost", c.row.Published, c.row.Delivered, c.row.Lost)
	if c.row.Used, err = c.memory(); err != nil {
		return err
	}
	memory, err := c.log.processes().Memory()
	c.row.LogMem = memory.Pss
	return err
}

// take adds up what the load processes report.
func (c *conductor) take(reports []load.Report) {
	c.row.Published = reports[0].Published
	for _, r := range reports {
		c.row.Delivered += r.Delivered
		c.row.Lost += r.Lost
		c.row.Late += r.Late
		c.row.Duplicates += r.Duplicates
		c.row.Broken += r.Broken
		c.row.Gone += r.Gone
		c.row.Middle = append(c.row.Middle, r.MedianClient)
	}
	c.row.Last = load.LastReads(reports)
}

// traffic returns what the log sends to the nodes while something is done.
func (c *conductor) traffic(ctx context.Context, do func() error) (t Traffic, err error) {
	before, err := c.counted(ctx)
	if err != nil {
		return t, err
	}
	begin := time.Now()
	if err := do(); err != nil {
		return t, err
	}
	after, err := c.counted(ctx)
	return Traffic{
		Seconds: time.Since(begin).Seconds(), Messages: after.Messages - before.Messages, Bytes: after.Bytes - before.Bytes, CPU: after.CPU - before.CPU,
	}, err
}

// counted returns what the log has sent since its start.
func (c *conductor) counted(ctx context.Context) (t Traffic, err error) {
	if t, err = c.log.sent(ctx); err != nil {
		return t, err
	}
	t.CPU, err = c.log.processes().CPU()
	return t, err
}

// group is the processes of all nodes.
func (c *conductor) group() (all proc.Group) {
	for _, one := range c.nodes {
		all = append(all, one.Processes()...)
	}
	return all
}

func (c *conductor) memory() (int64, error) {
	memory, err := c.group().Memory()
	return memory.Pss, err
}

func (c *conductor) processor() (time.Duration, error) { return c.group().CPU() }

// close ends the clients, the nodes, and the log.
func (c *conductor) close() error {
	for _, process := range c.clients {
		process.Stop()
	}
	failures := make([]error, len(c.nodes))
	var closing sync.WaitGroup
	for i, one := range c.nodes {
		closing.Go(func() { failures[i] = one.close() })
	}
	closing.Wait()
	err := errors.Join(failures...)
	if c.log != nil {
		err = errors.Join(err, c.log.close())
	}
	return err
}
