package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// moveWriter restarts nodes until one orders the events, or until it does not.
func (r *clusterRig) moveWriter(t *testing.T, i int, orders bool) {
	t.Helper()
	for (r.writer(t, i) == i) != orders {
		now := r.writer(t, i)
		r.nodes[now].stop(t)
		r.start(t, now)
		r.awaitReady(t)
	}
}

// The disk of one node is full, whether it orders the events or not. The node goes on running, and
// the others store what is published. When there is room again, it has all that it missed, and its
// clients have got everything once and in order.
func TestFullDiskOfNode(t *testing.T) {
	t.Parallel()
	nodes := localNodes(t, 3)
	nodes[2].dir = smallDisk(t)
	r := newClusterRig(t, nodes, brief)
	r.listen(t)
	for i := range 6 {
		r.publish(t, i%3)
	}
	r.same(t)
	r.padding = strings.Repeat("x", 20_000)
	for _, orders := range []bool{false, true} {
		r.moveWriter(t, 2, orders)
		other := filepath.Join(nodes[2].dir, "other")
		fillDisk(t, other)
		began := time.Now()
		r.publish(t, 0, 1)
		took := time.Since(began)
		for range 50 {
			r.publish(t, 0, 1)
		}
		select {
		case <-nodes[2].ended:
			t.Fatalf("the node whose disk is full has ended: %v", nodes[2].err)
		default:
			getOK(t, nodes[2].url+"/livez")
		}
		if err := os.Remove(other); err != nil {
			t.Fatal(err)
		}
		began = time.Now()
		r.awaitReady(t)
		t.Logf("the disk of one node is full, which orders the events: %v. Published again after %v; whole %v after there was room", orders,
			took.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		r.publish(t, 2)
		r.same(t)
	}
}
