package natslog_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"testing"
	"time"

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
	t.Parallel()
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
	quorum := natstest.NewQuorum(t, natslog.DefaultName, servers...)

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
		leader := quorum.Leader(t)
		leader.Kill(t)
		t.Logf("the leader is gone: stored again after %v", publishing())
		leader.Run(t)
		quorum.AwaitWhole(t)
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
	quorum.Await(t)
	began = time.Now()
	eventually(t, "the log is there again", func() bool { return log.Failure() == nil && other.Failure() == nil })
	t.Logf("with a quorum: there again after %v", time.Since(began))
	if got := c.next(t); got != fmt.Sprint(n) {
		t.Errorf("%s comes, want %d, which has waited", got, n)
	}
	publishing()
}
