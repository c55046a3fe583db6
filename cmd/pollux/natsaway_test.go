package main

import (
	"context"
	"flag"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/natstest"
)

// The size of TestNATSServersAway. make cluster-test has a larger one.
var (
	natsKills = flag.Int("nats-kills", 1, "how often TestNATSServersAway kills the NATS server that leads")
	natsAway  = flag.String("nats-away", "1s,6s", "for how long TestNATSServersAway has no NATS server, several times")
)

// Two nodes have three NATS servers. The one that leads is killed, again and again, and then all of
// them, while documents are published at both nodes. No client of any node is dropped. Those who
// listen long enough without a log are told, and told when it is there again. Every document is
// stored once, however often it was tried, and comes once and in order.
func TestNATSServersAway(t *testing.T) {
	t.Parallel()
	servers := natstest.Cluster(t, 3)
	nodes := newPollers(t, func(name string) string {
		return strings.Replace(sharedConfiguration(name, servers...), "streams:\n", "history: 100000\nstreams:\n", 1)
	})
	var clients oracles
	for _, name := range []string{"a", "b"} {
		nodes.begin(t, name)
		url := nodes.node(name).url
		list, _ := listening(t, 10, eventsPath, func() []string { return []string{url} })
		clients = append(clients, list...)
	}
	var flow flow
	ctx, stop := context.WithCancel(t.Context())
	var publishing sync.WaitGroup
	publishing.Go(func() { flow.run(ctx, t, nodes.urls(), 10*time.Millisecond) })
	defer publishing.Wait()
	defer stop()
	flow.awaitAfter(t, time.Now())

	quorum := natstest.NewQuorum(t, natslog.DefaultName, servers...)
	var took []time.Duration
	for range *natsKills {
		leader := quorum.Leader(t)
		killed := time.Now()
		leader.Kill(t)
		flow.awaitAfter(t, killed.Add(100*time.Millisecond)) // not what was on its way
		took = append(took, longestPause(flow.all(), killed))
		leader.Run(t)
		quorum.AwaitWhole(t)
	}
	t.Logf("the NATS server that leads was killed %d times: published again after %v at most", len(took), slices.Max(took).Round(time.Millisecond))

	for text := range strings.SplitSeq(*natsAway, ",") {
		outage, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for _, one := range servers {
			one.Kill(t)
		}
		long := outage > 5*time.Second
		if long {
			awaitTold(t, clients, `"stale"`)
			t.Logf("away for %v: all clients were told that they are stale after %v", outage, time.Since(began).Round(time.Millisecond))
			for _, url := range nodes.urls() {
				if status, _ := tryPublish(t, url, "0", "none"); status != http.StatusServiceUnavailable {
					t.Errorf("publishing without a log: status %d", status)
				}
				getOK(t, url+"/livez")
			}
		}
		time.Sleep(time.Until(began.Add(outage)))
		for _, one := range servers {
			one.Run(t)
		}
		quorum.Await(t)
		there := time.Now()
		stored := flow.awaitAfter(t, there)
		clients.await(t, flow.all()[len(flow.all())-1].id)
		if long {
			awaitTold(t, clients, `"live"`)
		}
		t.Logf("away for %v: a document is stored %v after the quorum is there, and %v after it all clients have it and the right state",
			outage, stored.Round(time.Millisecond), time.Since(there).Round(time.Millisecond))
	}
	stop()
	publishing.Wait()
	a := flow.account(t, nodes.node("a").url)
	clients.await(t, a.stored[len(a.stored)-1].id)
	clients.expect(t, a)
	if most := clients.mostEnds(); most > 0 {
		t.Errorf("a client was dropped %d times", most)
	}
	t.Logf("%d documents, %d deliveries to %d clients", len(a.stored), clients.deliveries(), len(clients))
}

// awaitTold waits until the last status of each client has a text.
func awaitTold(t *testing.T, clients oracles, text string) {
	t.Helper()
	for _, one := range clients {
		eventually(t, "clients are told "+text, func() bool { return one.isTold(text) })
	}
}

// longestPause returns the longest time in which nothing was acknowledged, from a moment on.
func longestPause(list []record, from time.Time) (longest time.Duration) {
	last := from
	for _, one := range list {
		if one.at.After(from) {
			longest, last = max(longest, one.at.Sub(last)), one.at
		}
	}
	return longest
}
