package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/polluxhub/pollux/bench/nodes"
	"github.com/polluxhub/pollux/bench/proc"
	"github.com/polluxhub/pollux/bench/result"
	"github.com/polluxhub/pollux/bench/run"
)

var nodesResult = filepath.Join("results", "nodes.json")

// errNodes is returned for a run in which a client did not get each event once and in order.
var errNodes = errors.New("not every event came once and in order, see the table")

// severalNodes runs several nodes with clients.
func severalNodes(ctx context.Context, args []string) error {
	o := nodes.Options{Root: root, Log: progress()}
	flags := flag.NewFlagSet("nodes", flag.ContinueOnError)
	counts := flags.String("nodes", "1,2,3", "`numbers` of nodes, with commas between")
	clients := flags.Int("clients", 18000, "clients of all nodes together")
	logs := flags.String("log", nodes.NATS+","+nodes.Leaves, "what the nodes have their events from: `names`, with commas between")
	flags.IntVar(&o.Size, "size", 200, "bytes of an event")
	flags.IntVar(&o.Events, "events", 30, "that are published")
	flags.DurationVar(&o.Interval, "interval", time.Second, "between two events")
	flags.DurationVar(&o.Quiet, "quiet", 10*time.Second, "time without events, before the first one")
	write := flags.Bool("write", false, "keep the figures in results")
	if err := flags.Parse(args); err != nil {
		return err
	}
	descriptors, err := proc.RaiseLimit(1 << 20)
	if err != nil {
		return err
	}
	numbers, err := parseNumbers("-nodes", *counts, *clients)
	if err != nil {
		return err
	}
	if o.Events < 1 || o.Interval <= 0 || o.Quiet <= 0 {
		return errors.New("want an event, and times above 0")
	}
	if o.Self, err = os.Executable(); err != nil {
		return err
	}
	var rows []nodes.Row
	for log := range strings.SplitSeq(*logs, ",") {
		if log != nodes.NATS && log != nodes.Leaves {
			return fmt.Errorf("-log is %s: want %s or %s", log, nodes.NATS, nodes.Leaves)
		}
		for _, n := range numbers {
			if most := n * run.Reach(descriptors); *clients > most {
				return fmt.Errorf("-clients is %d: want at most %d for %d nodes, because a process may open %d descriptors here", *clients, most, n, descriptors)
			}
			row, err := nodes.Conduct(ctx, o, nodes.Case{Log: log, Nodes: n, Clients: *clients})
			if err != nil {
				return err
			}
			rows = append(rows, *row)
			if *write {
				if err := keepNodes(row); err != nil {
					return err
				}
			}
		}
	}
	fmt.Print(nodes.Table(rows))
	if slices.ContainsFunc(rows, func(r nodes.Row) bool { return !r.OK() }) {
		return errNodes
	}
	return nil
}

// keepNodes puts a row among those that are kept, in place of the earlier one of its case.
func keepNodes(row *nodes.Row) error {
	var rows []nodes.Row
	if err := result.Read(nodesResult, &rows); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	i := slices.IndexFunc(rows, func(r nodes.Row) bool { return r.Case == row.Case })
	if i < 0 {
		rows = append(rows, *row)
	} else {
		rows[i] = *row
	}
	return result.Write(nodesResult, rows)
}
