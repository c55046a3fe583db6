//go:build e2e && root

package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The networks of nodes: they talk to each other and to NATS in the first one, and to clients and
// upstreams in the second. This process has the address 254 in both.
const (
	nodeNetwork   = "10.213.77"
	clientNetwork = "10.214.77"
)

// namespaces makes three network namespaces, each with a link to both networks, and returns
// their nodes. It needs root.
func namespaces(t *testing.T) (nodes []*clusterNode) {
	t.Helper()
	ip := func(args string) {
		t.Helper()
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
	networks := map[string]string{"pxn": nodeNetwork, "pxc": clientNetwork}
	for bridge, network := range networks {
		ip("link add " + bridge + " type bridge")
		t.Cleanup(func() { ip("link delete " + bridge) })
		ip("link set " + bridge + " up")
		ip("addr add " + network + ".254/24 dev " + bridge)
	}
	dir := t.TempDir()
	for i := range 3 {
		space := fmt.Sprint("px", i)
		ip("netns add " + space)
		t.Cleanup(func() { ip("netns delete " + space) })
		ip("-n " + space + " link set lo up")
		for bridge, network := range networks {
			outside, inside := fmt.Sprint(bridge, i), "in"+bridge
			ip("link add " + outside + " type veth peer name " + inside + " netns " + space)
			ip("link set " + outside + " master " + bridge)
			ip("link set " + outside + " up")
			ip(fmt.Sprintf("-n %s addr add %s.%d/24 dev %s", space, network, i+1, inside))
			ip("-n " + space + " link set " + inside + " up")
		}
		script := filepath.Join(dir, space)
		if err := os.WriteFile(script, []byte("#!/bin/sh\nexec ip netns exec "+space+" "+testBinary+" \"$@\"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, &clusterNode{binary: script, listen: fmt.Sprintf("%s.%d:3000", clientNetwork, i+1), route: fmt.Sprintf("%s.%d:6222", nodeNetwork, i+1)})
	}
	return nodes
}

// link sets the link of a node to the others up or down.
func link(t *testing.T, i int, state string) {
	t.Helper()
	if out, err := exec.Command("ip", "link", "set", fmt.Sprint("pxn", i), state).CombinedOutput(); err != nil {
		t.Fatalf("ip link: %v: %s", err, out)
	}
}

// A node whose network is cut tells its clients that they are stale, and stores nothing. The
// others go on, whether the node that is cut orders the events or not. When the network is
// there again, its clients get exactly what they missed.
func TestNetworkCut(t *testing.T) {
	r := newClusterRig(t, namespaces(t), brief)
	r.listen(t)
	for i := range 6 {
		r.publish(t, i%3)
	}
	r.same(t)
	for _, what := range []string{"the writer", "another node", "the writer again"} {
		cut := r.writer(t, 0)
		if what == "another node" {
			cut = (cut + 1) % 3
		}
		others := slices.DeleteFunc([]int{0, 1, 2}, func(i int) bool { return i == cut })
		before, _ := r.clients[cut].told()
		link(t, cut, "down")
		began := time.Now()
		r.publish(t, others...)
		took := time.Since(began)
		var told time.Duration
		eventually(t, "clients are told that they are stale", func() bool {
			list, _ := r.clients[cut].told()
			if len(list) > len(before) && r.clients[cut].isTold(`"stale"`) {
				told = list[len(list)-1].at.Sub(began)
			}
			return told > 0
		})
		if status, _ := tryPublish(t, r.nodes[cut].url, "0", "none"); status != http.StatusServiceUnavailable {
			t.Errorf("publishing at a node that is cut off: status %d", status)
		}
		if status, body := request(t, http.MethodGet, r.nodes[cut].url+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "log_unavailable") {
			t.Errorf("a node that is cut off is ready: %d %s", status, body)
		}
		getOK(t, r.nodes[cut].url+"/livez")
		for range 20 {
			r.publish(t, others...)
		}
		link(t, cut, "up")
		began = time.Now()
		r.same(t)
		t.Logf("%s is cut off: published again after %v, stale after %v, everything there %v after the link was up",
			what, took.Round(time.Millisecond), told.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		r.awaitReady(t)
		r.publish(t, cut)
		r.same(t)
	}
}
