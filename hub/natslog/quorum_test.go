package natslog_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/beside"
	"github.com/polluxhub/pollux/hub/natslog/natstest"
)

// The size of TestQuorum. make cluster-test has a larger one.
var (
	quorumKills  = flag.Int("quorum-kills", 1, "how often TestQuorum kills the server that leads")
	quorumOutage = flag.Duration("quorum-outage", 5*time.Second, "how long TestQuorum has no quorum")
)

// replicated keeps the stream on three servers.
func replicated(servers []*natstest.Server) func(*natslog.Options, *beside.Options) {
	return func(o *natslog.Options, b *beside.Options) {
		o.Replicas, b.URLs = 3, nil
		for _, s := range servers {
			b.URLs = append(b.URLs, s.URL)
		}
	}
}

// Three servers keep the events. When the one that leads is killed, publishing goes on; when two
// are gone, nothing is stored, nobody who listens is dropped, and everything goes on when there is
// a quorum again. No acknowledged event is lost.
func TestQuorum(t *testing.T) {
	servers := natstest.Cluster(t, 3)
	log := newNode(t, servers[0].URL, replicated(servers))
	other := newNode(t, servers[0].URL, replicated(servers))
	for _, one := range []*natslog.Log{log, other} {
		if err := one.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { end(t, one) })
	}
	eventually(t, "there is a quorum", func() bool { return log.Failure() == nil && other.Failure() == nil })
	h, far := sharing(t, log), sharing(t, other)
	js := operator(t, servers[0].URL+","+servers[1].URL+","+servers[2].URL)

	c := listen(t, far, hub.ID{})
	defer func() { c.Close() }()
	n, acked := 0, 0
	// publishing publishes numbers until one is stored, and returns after how long.
	publishing := func() time.Duration {
		t.Helper()
		began := time.Now()
		eventually(t, "a document is stored", func() bool {
			n++
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, err := h.Publish(ctx, hub.Message{Stream: "a", Data: fmt.Append(nil, n)})
			return err == nil
		})
		acked = n
		// What was refused may have been stored, but nothing comes out of order, or twice.
		for last := -1; last != acked; {
			var got int
			if text := c.next(t); true {
				if _, err := fmt.Sscan(text, &got); err != nil || got <= last || got > n {
					t.Fatalf("%s comes after %d", text, last)
				}
			}
			last = got
		}
		return time.Since(began)
	}
	publishing()
	for range *quorumKills {
		leader := leaderOf(t, js, servers)
		leader.Kill(t)
		t.Logf("the leader is gone: stored again after %v", publishing())
		leader.Run(t)
		eventually(t, "all replicas are there", func() bool { return isWhole(t, js) })
	}

	servers[0].Kill(t)
	servers[1].Kill(t)
	began := time.Now()
	eventually(t, "the log is lost", func() bool { return log.Failure() != nil && other.Failure() != nil })
	t.Logf("without a quorum: lost after %v", time.Since(began))
	if _, err := h.Publish(t.Context(), hub.Message{Stream: "a", Data: []byte("0")}); !errors.Is(err, hub.ErrLogUnavailable) {
		t.Errorf("published with %v", err)
	}
	n++
	if id, err := h.Publish(t.Context(), hub.Message{Stream: "a", Data: fmt.Append(nil, n), State: true}); err != nil || !id.IsZero() {
		t.Errorf("polled: %v, %v", id, err)
	}
	time.Sleep(time.Until(began.Add(*quorumOutage)))
	servers[0].Run(t)
	eventually(t, "there is a quorum", func() bool {
		_, err := js.Publish(t.Context(), "pollux.x", nil)
		return err == nil
	})
	began = time.Now()
	eventually(t, "the log is there again", func() bool { return log.Failure() == nil && other.Failure() == nil })
	t.Logf("with a quorum: there again after %v", time.Since(began))
	if got := c.next(t); got != fmt.Sprint(n) {
		t.Errorf("%s comes, want %d, which has waited", got, n)
	}
	publishing()
}

func leaderOf(t *testing.T, js jetstream.JetStream, servers []*natstest.Server) *natstest.Server {
	t.Helper()
	var leader *natstest.Server
	eventually(t, "a server leads", func() bool {
		stream, err := js.Stream(t.Context(), natslog.DefaultName)
		if err != nil || stream.CachedInfo().Cluster == nil {
			return false
		}
		for _, s := range servers {
			if s.Name == stream.CachedInfo().Cluster.Leader {
				leader = s
			}
		}
		return leader != nil
	})
	return leader
}

// isWhole reports whether each replica has everything.
func isWhole(t *testing.T, js jetstream.JetStream) bool {
	t.Helper()
	stream, err := js.Stream(t.Context(), natslog.DefaultName)
	if err != nil || stream.CachedInfo().Cluster == nil || stream.CachedInfo().Cluster.Leader == "" {
		return false
	}
	for _, replica := range stream.CachedInfo().Cluster.Replicas {
		if !replica.Current || replica.Offline {
			return false
		}
	}
	return len(stream.CachedInfo().Cluster.Replicas) == 2
}
