package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/polluxhub/pollux/hub/natslog/embedded"
)

// clusterCommand asks a running pollux how its cluster is, and prints it.
type clusterCommand struct {
	Config      string `placeholder:"FILE" help:"Configuration of the pollux to ask."`
	AdminListen string `placeholder:"ADDRESS" help:"Address that pollux serves operators on. Default: the address in the configuration."`
}

// clusterTimeout bounds how long the answer may take.
const clusterTimeout = 10 * time.Second

// clusterInfo is the answer of GET /-/cluster. A name that is not known is null.
type clusterInfo struct {
	Node         string       `json:"node"` // that answers
	Size         int          `json:"size"`
	Leader       *string      `json:"leader"`       // of the cluster
	Writer       *string      `json:"writer"`       // who orders the events
	LastSequence uint64       `json:"lastSequence"` // of the newest event
	Members      []memberInfo `json:"members"`
}

// memberInfo is a node in that answer. Each sees the others for itself, so a member that is
// not online may be cut off from the node that answers alone.
type memberInfo struct {
	Node     string `json:"node"`
	Online   bool   `json:"online"`
	Current  bool   `json:"current"` // it has all events
	Lag      uint64 `json:"lag"`
	SilentMs int64  `json:"silentMs"`
}

// viewOf returns what answers GET /-/cluster of a server, or nil for none.
func viewOf(cluster *embedded.Server) func(ctx context.Context) (any, error) {
	if cluster == nil {
		return nil
	}
	return func(ctx context.Context) (any, error) {
		view, err := cluster.View(ctx)
		if err != nil {
			return nil, errors.New("the node has not started its part of the cluster")
		}
		info := clusterInfo{Node: view.Node, Size: view.Size, Leader: known(view.Leader), Writer: known(view.Writer), LastSequence: view.Last, Members: []memberInfo{}}
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

// errNoMajority is what a cluster is without that stores nothing.
var errNoMajority = errors.New("the cluster stores no events: a majority of its nodes is not there, or it has not formed yet")

func (c *clusterCommand) run(ctx context.Context, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	body, err := askOperator(ctx, c.Config, c.AdminListen, http.MethodGet, "/-/cluster")
	if errors.Is(err, errNoRoute) {
		return errors.New("this pollux is no node of a cluster")
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
	if info.Writer == nil {
		return errNoMajority
	}
	return nil
}

// print writes a table of the nodes.
func (i *clusterInfo) print(stdout io.Writer) error {
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "node %s, %d nodes, newest event %d\n", i.Node, i.Size, i.LastSequence)
	fmt.Fprintf(table, "NODE\tSTATE\tROLE\tLAG\tHEARD\n")
	for _, m := range i.Members {
		state := "offline"
		switch {
		case m.Current:
			state = "current"
		case m.Online:
			state = "online"
		}
		role, heard := "-", "-"
		isLeader, isWriter := i.Leader != nil && *i.Leader == m.Node, i.Writer != nil && *i.Writer == m.Node
		switch {
		case isLeader && isWriter:
			role = "leader, writer"
		case isLeader:
			role = "leader"
		case isWriter:
			role = "writer"
		}
		if m.SilentMs > 0 {
			heard = (time.Duration(m.SilentMs) * time.Millisecond).String() + " ago"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", m.Node, state, role, m.Lag, heard)
	}
	return table.Flush()
}
