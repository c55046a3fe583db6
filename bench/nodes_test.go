package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/bench/nodes"
	"github.com/polluxhub/pollux/bench/result"
)

// Three nodes beside NATS, and three leaves, in small: each client gets each event once.
func TestNodes(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const clients, events = 50, 5
	o := nodes.Options{Root: root, Self: self, Size: 200, Events: events, Interval: 100 * time.Millisecond, Quiet: time.Second, Log: t.Logf}
	for _, log := range []string{nodes.NATS, nodes.Leaves} {
		row, err := nodes.Conduct(t.Context(), o, nodes.Case{Log: log, Nodes: 3, Clients: clients})
		if err != nil {
			t.Fatal(err)
		}
		if !row.OK() || row.Delivered != int64(clients*row.Published) || len(row.Last) != row.Published || len(row.Middle) != 3 {
			t.Errorf("%+v", row)
		}
		// The log sends each event once to each node. NATS sends the answers to the publisher besides.
		if row.EventBytes() < 100 || row.EventBytes() > 2000 || row.CPU <= 0 || row.Busy.CPU <= 0 || row.Base <= 0 || row.LogMem <= 0 {
			t.Errorf("%+v, for each event and node %.0f bytes", row, row.EventBytes())
		}
	}
}

// The page has what was measured.
func TestNodesPage(t *testing.T) {
	var rows []nodes.Row
	if err := result.Read(nodesResult, &rows); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	if table := nodes.Table(rows); !strings.Contains(string(page), table) {
		t.Errorf("docs/scale.md has other figures than %s. Paste them:\n%s", nodesResult, table)
	}
	for _, r := range rows {
		if !r.OK() {
			t.Errorf("%d nodes with %s: not every event came once and in order", r.Nodes, r.Log)
		}
	}
}
