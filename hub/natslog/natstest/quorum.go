package natstest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Quorum looks at a JetStream stream of several servers as an operator does.
type Quorum struct {
	stream  string
	servers []*Server
	js      jetstream.JetStream
}

// NewQuorum connects to the servers of a cluster, of which none has to be there.
func NewQuorum(t testing.TB, stream string, servers ...*Server) *Quorum {
	t.Helper()
	urls := make([]string, len(servers))
	for i, s := range servers {
		urls[i] = s.URL
	}
	conn, err := nats.Connect(strings.Join(urls, ","), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.RetryOnFailedConnect(true))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return &Quorum{stream: stream, servers: servers, js: js}
}

// await waits for a condition.
func (q *Quorum) await(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for began := time.Now(); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// Await waits until the servers store messages of the stream, whose subjects begin with its name. One
// message that is foreign to it is stored.
func (q *Quorum) Await(t testing.TB) {
	t.Helper()
	q.await(t, "the NATS servers have a quorum", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := q.js.Publish(ctx, q.stream+".x", nil)
		return err == nil
	})
}

// Leader waits until one of the servers orders the messages of the stream, and returns it.
func (q *Quorum) Leader(t testing.TB) (leader *Server) {
	t.Helper()
	q.await(t, "a NATS server leads", func() bool {
		if info := q.info(t); info != nil {
			for _, s := range q.servers {
				if s.Name == info.Leader {
					leader = s
				}
			}
		}
		return leader != nil
	})
	return leader
}

// AwaitWhole waits until each server has all messages.
func (q *Quorum) AwaitWhole(t testing.TB) {
	t.Helper()
	q.await(t, "each NATS server has everything", func() bool {
		info := q.info(t)
		if info == nil || info.Leader == "" || len(info.Replicas) != len(q.servers)-1 {
			return false
		}
		for _, replica := range info.Replicas {
			if !replica.Current || replica.Offline {
				return false
			}
		}
		return true
	})
}

// info returns who keeps the stream, nil if that is not known.
func (q *Quorum) info(t testing.TB) *jetstream.ClusterInfo {
	stream, err := q.js.Stream(t.Context(), q.stream)
	if err != nil {
		return nil
	}
	return stream.CachedInfo().Cluster
}
