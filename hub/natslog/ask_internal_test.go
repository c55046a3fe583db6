package natslog

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// Only the state that the leader tells counts.
func TestStateIsFromLeader(t *testing.T) {
	cluster := func(leader string, replicas ...string) *jetstream.ClusterInfo {
		c := &jetstream.ClusterInfo{Leader: leader}
		for _, name := range replicas {
			c.Replicas = append(c.Replicas, &jetstream.PeerInfo{Name: name})
		}
		return c
	}
	for what, row := range map[string]struct {
		replicas int
		cluster  *jetstream.ClusterInfo
		want     bool
	}{
		"a server that is alone":                 {1, nil, true},
		"one of several that alone has it":       {1, cluster("a"), true},
		"the leader":                             {3, cluster("a", "b", "c"), true},
		"the leader, and a replica without name": {3, cluster("a", "b", ""), true},
		"another one":                            {3, cluster("a", "a", "c"), false},
		"one that knows no leader":               {3, cluster("", "a", "b", "c"), false},
		"one whose part has not started":         {3, cluster("b"), false},
		"one that tells of no cluster":           {3, nil, false},
	} {
		info := &jetstream.StreamInfo{Config: jetstream.StreamConfig{Replicas: row.replicas}, Cluster: row.cluster}
		if got := isFromLeader(info); got != row.want {
			t.Errorf("%s: %v, want %v", what, got, row.want)
		}
	}
}
