package secure

import (
	"testing"

	"github.com/polluxhub/pollux/bench/peer"
)

// The rows with a figure to reach are measured in every round, with the most clients, and so are
// clients that read nothing.
func TestPlan(t *testing.T) {
	cases := Plan(Settings{Rounds: 5, Others: 1}, []int{5000, 10000}, "", nil)
	var deciding, gzip, sixStreams int
	for _, c := range cases {
		switch {
		case c.Rounds == 5:
			deciding++
			if !c.Stalls || c.Clients != 10000 || c.Protocol.HTTP2 || c.Protocol.Gzip || c.Peer.Name != peer.Pollux && c.Peer.Name != peer.PolluxTLS {
				t.Errorf("%s, %v has %d rounds, stalls %v", c.Peer.Name, c.Protocol, c.Rounds, c.Stalls)
			}
		case c.Rounds != 1 || c.Stalls:
			t.Errorf("%s, %v has %d rounds, stalls %v", c.Peer.Name, c.Protocol, c.Rounds, c.Stalls)
		}
		if c.Protocol.Gzip {
			gzip++
		}
		if c.Protocol.Streams == 6 {
			sixStreams++
		}
	}
	if len(cases) != 33 || deciding != 2 || gzip != 7 || sixStreams != 10 {
		t.Errorf("%d cases, %d deciding, %d with gzip, %d with six streams", len(cases), deciding, gzip, sixStreams)
	}
	few := Plan(Settings{Rounds: 1, Others: 1}, []int{10}, "", []string{peer.PolluxTLS})
	if len(few) != 6 {
		t.Errorf("%d cases of one server", len(few))
	}
}
