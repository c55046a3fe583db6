//go:build e2e && root

package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub/natslog/natstest"
)

// A node whose network to NATS is cut, while its clients and its upstream reach it, tells its clients
// that they are stale, and stores nothing. If it polled, the other node does, and the upstream is
// never asked by both at once. When the network is there again, its clients get exactly what they
// missed.
func TestNetworkToNATSCut(t *testing.T) {
	spaces := namespaces(t)[:2]
	server := natstest.StartAt(t, nodeNetwork+".254", "")
	upstream := startCountingUpstreamAt(t, clientNetwork+".254")
	r := &clusterRig{nodes: spaces}
	nodes := &pollers{nodes: map[string]*process{}}
	var polled oracles
	var stops []func()
	for i, one := range spaces {
		one.name = string(rune('a' + i))
		config := strings.Replace(nodesConfiguration(one.name, upstream.URL, server), "listen: 127.0.0.1:0\n", "listen: "+one.listen+"\npublic: true\npublish_token: publisher\n", 1)
		one.process = startProcess(t, one.binary, config+"- {name: events, push: true}\n")
		nodes.nodes[one.name] = one.process
	}
	ready := func(one *clusterNode) {
		eventually(t, "node "+one.name+" is ready", func() bool { return one.readiness(t) == "ok" })
	}
	for _, one := range spaces {
		ready(one)
		list, stop := listening(t, 1, polledPath, func() []string { return []string{one.url} })
		polled, stops = append(polled, list...), append(stops, stop)
	}
	r.listen(t)
	for i := range 6 {
		r.publish(t, i%2)
	}
	r.same(t)

	for _, holds := range []bool{true, false, true} {
		holder := nodes.holder(t, "polled")
		cut := 0
		if holds != (spaces[0].name == holder) {
			cut = 1
		}
		other := spaces[1-cut]
		clients := oracles{r.clients[cut], polled[cut]}
		link(t, cut, "down")
		began := time.Now()
		awaitTold(t, clients, `"stale"`)
		told := time.Since(began)
		r.publish(t, 1-cut)
		if status, _ := tryPublish(t, spaces[cut].url, "0", "none"); status != http.StatusServiceUnavailable {
			t.Errorf("publishing at a node that is cut off: status %d", status)
		}
		if state := spaces[cut].readiness(t); state != "log_unavailable" {
			t.Errorf("a node that is cut off is %s", state)
		}
		getOK(t, spaces[cut].url+"/livez")
		eventually(t, "the other node polls", func() bool { return polledBy(t, other.url, "polled") == other.name })
		since := newestID(t, other.url, "polled")
		eventually(t, "what it gets is stored", func() bool { return newestID(t, other.url, "polled") != since })
		taken := time.Since(began)
		for range 20 {
			r.publish(t, 1-cut)
		}
		last := newestID(t, other.url, "polled")
		link(t, cut, "up")
		began = time.Now()
		r.same(t)
		eventually(t, "the client of the polled stream has what it missed", func() bool { return isPast(polled[cut].last(), last) })
		awaitTold(t, clients, `"live"`)
		t.Logf("the node that is cut off polled: %v. Its clients were told after %v, the other node polled after %v, and everything was there %v after the link was up",
			holds, told.Round(time.Millisecond), taken.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		ready(spaces[cut])
		r.publish(t, cut)
		r.same(t)
	}

	a := polled.settle(t, spaces[0].url, "polled", func() {
		for _, stop := range stops {
			stop()
		}
	})
	polled.expect(t, a)
	for i := 1; i < len(a.stored); i++ {
		if numberOf(t, a.stored[i].document) <= numberOf(t, a.stored[i-1].document) {
			t.Errorf("%v is stored after %v", a.stored[i], a.stored[i-1])
		}
	}
	if at, twice := upstream.times(); twice {
		t.Errorf("of %d requests two came at once", len(at))
	}
}
