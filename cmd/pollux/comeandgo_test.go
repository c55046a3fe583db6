package main

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub/natslog/natstest"
)

// The size of TestNodesComeAndGo. make cluster-test has a larger one.
var (
	nodesFor    = flag.Duration("nodes-for", 24*time.Second, "how long TestNodesComeAndGo takes")
	nodeClients = flag.Int("node-clients", 50, "how many clients TestNodesComeAndGo has")
)

// One node beside three NATS servers, then five, then two. All the time their upstream is asked
// once a second as by one, and never twice at once. Clients go to any of the nodes, again and again,
// and get each document once and in order.
func TestNodesComeAndGo(t *testing.T) {
	t.Parallel()
	servers := natstest.Cluster(t, 3)
	upstream := startCountingUpstream(t)
	upstream.takes = 300 * time.Millisecond // so that two requests at once are seen
	nodes := newPollers(t, func(name string) string {
		config := nodesConfiguration(name, upstream.URL, servers...)
		return strings.Replace(config, "drain: 50ms\n", "drain: 2s\nmax_age: 1m\n", 1)
	})
	nodes.begin(t, "a")
	clients, stop := listening(t, *nodeClients, polledPath, nodes.urls)
	for i, one := range clients {
		eventually(t, fmt.Sprintf("client %d gets a document", i), func() bool { return one.last() != "" })
	}

	began, dropped := time.Now(), 0
	before, _ := upstream.times()
	until := func(twelfths int) {
		time.Sleep(time.Until(began.Add(*nodesFor * time.Duration(twelfths) / 12)))
	}
	ending := func(name string) {
		dropped += countersOf(t, nodes.node(name).admin)["polled"]["poll_dropped_ticks"]
		nodes.end(t, name)
	}
	for i, name := range []string{"b", "c", "d", "e"} {
		until(2 + i)
		nodes.begin(t, name)
	}
	for i, polls := range []bool{true, false, true} {
		until(8 + i)
		name := nodes.holder(t, "polled")
		if !polls {
			name = nodes.names()[(slices.Index(nodes.names(), name)+1)%len(nodes.names())]
		}
		ending(name)
	}
	until(12)
	at, twice := upstream.times()
	at = at[max(len(before), 1)-1:]

	names := nodes.names()
	a := clients.settle(t, nodes.node(names[0]).url, "polled", stop)
	clients.expect(t, a)
	for i := 1; i < len(a.stored); i++ {
		if numberOf(t, a.stored[i].document) <= numberOf(t, a.stored[i-1].document) {
			t.Errorf("%v is stored after %v", a.stored[i], a.stored[i-1])
		}
	}
	for _, name := range names {
		dropped += countersOf(t, nodes.node(name).admin)["polled"]["poll_dropped_ticks"]
	}
	took := at[len(at)-1].Sub(at[0])
	want := int(took.Round(time.Second)/time.Second) + 1
	t.Logf("%d requests in %v, of which %d were to come, and %d ticks that this machine was too busy for; the longest pause was %v. %d clients got %d documents, and had %d connections at most",
		len(at), took.Round(time.Millisecond), want, dropped, longestOf(at).Round(time.Millisecond), len(clients), clients.deliveries(), 1+clients.mostEnds())
	if twice {
		t.Error("two requests came at once")
	}
	if n := len(at); n > want+2 || *nodesFor >= 10*time.Minute && n+dropped < want-2 {
		t.Errorf("%d requests, want %d", n, want)
	}
}

// longestOf returns the longest time between two of these.
func longestOf(at []time.Time) (longest time.Duration) {
	for i := 1; i < len(at); i++ {
		longest = max(longest, at[i].Sub(at[i-1]))
	}
	return longest
}
