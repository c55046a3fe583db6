package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/metrics"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/lease"
	"github.com/polluxhub/pollux/hub/natslog/peers"
	"github.com/polluxhub/pollux/poller"
)

// nodes are the other processes that share events with this one.
type nodes struct {
	*lease.Leases
	node  string
	lag   func() uint64
	size  int // of a cluster of Pollux; 0 if any number of nodes may come
	peers *peers.Peers
	link  *lease.Link
}

var _ pollux.Nodes = (*nodes)(nil)

// newNodes returns the other processes that share a log of these options, of a cluster of this
// size. lag is how far this one is behind the log.
func newNodes(shared natslog.Options, size int, lag func() uint64) (*nodes, error) {
	link := lease.NewLink(shared.Server.Connect)
	name := cmp.Or(shared.Name, natslog.DefaultName) + "-nodes" // no subject of the log, and the name of a bucket
	bucket := lease.NewBucket(link, name, cmp.Or(shared.Replicas, natslog.DefaultReplicas))
	held, err := lease.New(lease.Options{Store: bucket, Node: shared.Node, Logger: shared.Logger})
	if err != nil {
		return nil, err
	}
	others, err := peers.New(peers.Options{Conn: link.Conn, Name: name, Node: shared.Node, Lag: lag, Logger: shared.Logger})
	if err != nil {
		return nil, err
	}
	return &nodes{Leases: held, node: shared.Node, lag: lag, size: size, peers: others, link: link}, nil
}

// View implements pollux.Nodes.
func (n *nodes) View() handlers.Nodes {
	view := handlers.Nodes{Here: handlers.Node{Name: n.node, Lag: n.lag()}, Size: n.size, Differences: n.differences()}
	for _, one := range n.peers.Nodes() {
		view.All = append(view.All, handlers.Node(one))
	}
	return view
}

// differences returns the streams that another node has configured in another way.
func (n *nodes) differences() []handlers.Difference {
	list := []handlers.Difference{}
	for _, d := range n.peers.Differences() {
		list = append(list, handlers.Difference{
			Stream: d.Stream, Node: d.Node, Since: hub.FormatTime(d.Since), Keys: append([]string{}, d.Keys...), Missing: known(d.Missing),
		})
	}
	return list
}

// Acquire implements poller.Lease.
func (n *nodes) Acquire(ctx context.Context, stream string) (poller.Held, error) {
	held, err := n.Leases.Acquire(ctx, stream)
	if err != nil {
		return nil, err
	}
	return held, nil
}

// Run implements pollux.Nodes.
func (n *nodes) Run(ctx context.Context, here pollux.Here) error {
	var all sync.WaitGroup
	var talked error
	all.Go(func() { talked = n.peers.Run(ctx, here) })
	err := n.Leases.Run(ctx)
	all.Wait()
	return errors.Join(err, talked)
}

// PollNow implements pollux.Nodes.
func (n *nodes) PollNow(ctx context.Context, stream string) (time.Time, error) {
	at, err := n.peers.PollNow(ctx, stream)
	if err != nil {
		return at, fmt.Errorf("%w: %w", handlers.ErrNobodyPolls, err)
	}
	return at, nil
}

// Stats implements pollux.Nodes.
func (n *nodes) Stats() metrics.Leases {
	s := n.Leases.Stats()
	return metrics.Leases{
		Held: s.Held, Nodes: s.Nodes, Taken: s.Taken, Released: s.Released, Lost: s.Lost, Failures: s.Failures,
		Differ: n.differing(),
	}
}

// differing returns how many streams another node has configured in another way.
func (n *nodes) differing() int {
	streams := map[string]bool{}
	for _, d := range n.peers.Differences() {
		streams[d.Stream] = true
	}
	return len(streams)
}

// Close implements pollux.Nodes.
func (n *nodes) Close() { n.link.Close() }
