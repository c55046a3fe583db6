package natslog_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/natslog/natstest"
)

// Two nodes are both forced to poll, as if each of them had the lease: both publish what they have
// fetched after the same document. Of each round one document is stored, the other node is told
// that it is superseded, and clients of both nodes get one sequence.
func TestBothNodesPoll(t *testing.T) {
	const rounds = 200
	server := natstest.Start(t, "")
	hubs := []*hub.Hub{sharing(t, node(t, server.URL, nil)), sharing(t, node(t, server.URL, nil))}
	seen := publish(t, hubs[0], "a", `"begin"`)
	clients := []*listener{listen(t, hubs[0], seen), listen(t, hubs[1], seen)}
	for _, c := range clients {
		defer func() { c.Close() }()
	}
	var won []string
	wins := make([]int, len(hubs))
	for round := range rounds {
		ids, errs := make([]hub.ID, len(hubs)), make([]error, len(hubs))
		var publishing sync.WaitGroup
		for i, h := range hubs {
			publishing.Go(func() {
				ids[i], errs[i] = h.Publish(t.Context(), hub.Message{Stream: "a", Data: fmt.Appendf(nil, `"%d by %d"`, round, i), State: true, Seen: seen})
			})
		}
		publishing.Wait()
		winner := slices.Index(errs, nil)
		if winner < 0 || !errors.Is(errs[1-winner], hub.ErrSuperseded) {
			t.Fatalf("round %d: %v, want one stored and one superseded", round, errs)
		}
		wins[winner]++
		seen = ids[winner]
		won = append(won, fmt.Sprintf(`"%d by %d"`, round, winner))
		for i, c := range clients {
			if got := c.next(t); got != won[round] {
				t.Fatalf("round %d: a client of node %d gets %s, want %s", round, i, got, won[round])
			}
		}
	}
	t.Logf("node 0 has won %d rounds, and node 1 %d", wins[0], wins[1])
}
