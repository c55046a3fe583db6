package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub/natslog/lease"
	"github.com/polluxhub/pollux/poller"
)

// clusterCommand asks a running pollux how the nodes are that share its events, and prints it.
type clusterCommand struct {
	Config      string `placeholder:"FILE" help:"Configuration of the pollux to ask."`
	AdminListen string `placeholder:"ADDRESS" help:"Address that pollux serves operators on. Default: the address in the configuration."`
}

// clusterTimeout bounds how long the answer may take.
const clusterTimeout = 10 * time.Second

// clusterInfo is the answer of GET /-/cluster. A field whose value is not known is null.
type clusterInfo struct {
	Node   string      `json:"node"`   // that answers
	Stored bool        `json:"stored"` // it can store events
	Nodes  []nodeInfo  `json:"nodes"`
	Leases []leaseInfo `json:"leases"`

	Differences []handlers.Difference `json:"differences"`

	// Of a cluster of Pollux. Size is 0 if the events are beside it, in NATS.
	Size         int          `json:"size"`
	Leader       *string      `json:"leader"`       // of the cluster
	Writer       *string      `json:"writer"`       // who orders the events
	LastSequence *uint64      `json:"lastSequence"` // of the newest event
	Members      []memberInfo `json:"members"`
}

// nodeInfo is a Pollux that shares the events, as it has told of itself.
type nodeInfo struct {
	Node   string `json:"node"`
	Unread uint64 `json:"unread"` // events that were stored and that it has not read yet
	AgeMs  int64  `json:"ageMs"`  // since it has told so
}

// leaseInfo says which node polls a stream, or a group of its keys.
type leaseInfo struct {
	Stream string `json:"stream"`
	Group  *int   `json:"group"`  // null: the stream has no keys
	Groups *int   `json:"groups"` // how many there are
	Node   string `json:"node"`
}

func newLeaseInfo(held lease.Holder) leaseInfo {
	stream, group, groups := poller.SplitLease(held.Stream)
	one := leaseInfo{Stream: stream, Node: held.Node}
	if groups > 0 {
		one.Group, one.Groups = &group, &groups
	}
	return one
}

// memberInfo is a node of a cluster of Pollux, which keeps events. Each sees the others for
// itself, so a member that is not online may be cut off from the node that answers alone.
type memberInfo struct {
	Node     string `json:"node"`
	Online   bool   `json:"online"`
	Current  bool   `json:"current"` // it has all events
	Lag      uint64 `json:"lag"`
	SilentMs int64  `json:"silentMs"`
}

// view returns what answers GET /-/cluster, or nil if no other process shares the log.
func (t *timeline) view() func(ctx context.Context) (any, error) {
	if t.nodes == nil {
		return nil
	}
	return func(ctx context.Context) (any, error) {
		info := clusterInfo{
			Node: t.nodes.node, Stored: t.log.Failure() == nil,
			Nodes: []nodeInfo{}, Leases: []leaseInfo{}, Differences: t.nodes.differences(), Members: []memberInfo{},
		}
		for _, n := range t.nodes.peers.Nodes() {
			info.Nodes = append(info.Nodes, nodeInfo{n.Name, n.Lag, n.Age.Milliseconds()})
		}
		for _, h := range t.nodes.Holders() {
			info.Leases = append(info.Leases, newLeaseInfo(h))
		}
		if t.cluster == nil {
			return info, nil
		}
		view, err := t.cluster.View(ctx)
		if err != nil {
			return nil, errors.New("the node has not started its part of the cluster")
		}
		info.Size, info.Leader, info.Writer, info.LastSequence = view.Size, known(view.Leader), known(view.Writer), &view.Last
		for _, m := range view.Members {
			info.Members = append(info.Members, memberInfo{m.Name, m.Online, m.Current, m.Lag, m.Silent.Milliseconds()})
		}
		return info, nil
	}
}

// known returns a text, or nil for the empty one.
func known(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// Why no events are stored.
var (
	errNoMajority = errors.New("the cluster stores no events: a majority of its nodes is not there, or it has not formed yet")
	errNotStored  = errors.New("no events are stored: NATS is not reached, or has no quorum or no room")
)

func (c *clusterCommand) run(ctx context.Context, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	body, err := askOperator(ctx, c.Config, c.AdminListen, http.MethodGet, "/-/cluster")
	if errors.Is(err, errNoRoute) {
		return errors.New("this pollux shares its events with no other: it has neither --nats nor --cluster-listen")
	}
	if err != nil {
		return err
	}
	var info clusterInfo
	if err := json.Unmarshal(body, &info); err != nil {
		return fmt.Errorf("not the answer of a node: %w", err)
	}
	if err := info.print(stdout); err != nil {
		return err
	}
	switch {
	case info.Size > 0 && info.Writer == nil:
		return errNoMajority
	case info.Size == 0 && !info.Stored:
		return errNotStored
	}
	return nil
}

// print writes tables of the nodes and of the leases.
func (i *clusterInfo) print(stdout io.Writer) error {
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	if i.Size > 0 {
		i.printMembers(table)
	} else {
		i.printNodes(table)
	}
	if len(i.Leases) > 0 {
		fmt.Fprint(table, "\nSTREAM\tPOLLED BY\n")
	}
	for at := 0; at < len(i.Leases); {
		l := i.Leases[at]
		if l.Groups == nil {
			fmt.Fprintf(table, "%s\t%s\n", l.Stream, l.Node)
			at++
			continue
		}
		polled := map[string]int{}
		for ; at < len(i.Leases) && i.Leases[at].Stream == l.Stream; at++ {
			polled[i.Leases[at].Node]++
		}
		var shares []string
		for _, node := range slices.Sorted(maps.Keys(polled)) {
			shares = append(shares, fmt.Sprintf("%s %d/%d", node, polled[node], *l.Groups))
		}
		fmt.Fprintf(table, "%s\t%s\n", l.Stream, strings.Join(shares, ", "))
	}
	if len(i.Differences) > 0 {
		fmt.Fprint(table, "\nSTREAM\tNODE\tOTHER SETTINGS\n")
	}
	for _, d := range i.Differences {
		what := strings.Join(d.Keys, ", ")
		if d.Missing != nil {
			what = "missing on " + *d.Missing
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", d.Stream, d.Node, what)
	}
	return table.Flush()
}

// printMembers writes the table of a cluster of Pollux.
func (i *clusterInfo) printMembers(table io.Writer) {
	newest := uint64(0)
	if i.LastSequence != nil {
		newest = *i.LastSequence
	}
	fmt.Fprintf(table, "node %s, %d nodes, newest event %d\n", i.Node, i.Size, newest)
	fmt.Fprint(table, "NODE\tSTATE\tROLE\tLAG\tHEARD\tUNREAD\tLEASES\n")
	for _, m := range i.Members {
		state := "offline"
		switch {
		case m.Current:
			state = "current"
		case m.Online:
			state = "online"
		}
		role, unread := "-", "-"
		isLeader, isWriter := i.Leader != nil && *i.Leader == m.Node, i.Writer != nil && *i.Writer == m.Node
		switch {
		case isLeader && isWriter:
			role = "leader, writer"
		case isLeader:
			role = "leader"
		case isWriter:
			role = "writer"
		}
		for _, n := range i.Nodes {
			if n.Node == m.Node {
				unread = strconv.FormatUint(n.Unread, 10)
			}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\t%d\n", m.Node, state, role, m.Lag, ago(m.SilentMs), unread, i.leasesOf(m.Node))
	}
}

// printNodes writes the table of nodes beside NATS.
func (i *clusterInfo) printNodes(table io.Writer) {
	fmt.Fprintf(table, "node %s, %d nodes beside NATS\n", i.Node, len(i.Nodes))
	fmt.Fprint(table, "NODE\tHEARD\tUNREAD\tLEASES\n")
	for _, n := range i.Nodes {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\n", n.Node, ago(n.AgeMs), n.Unread, i.leasesOf(n.Node))
	}
}

// leasesOf returns how many streams a node polls.
func (i *clusterInfo) leasesOf(node string) (n int) {
	for _, l := range i.Leases {
		if l.Node == node {
			n++
		}
	}
	return n
}

// ago returns words for a time in milliseconds.
func ago(ms int64) string {
	if ms <= 0 {
		return "-"
	}
	return (time.Duration(ms) * time.Millisecond).String() + " ago"
}
