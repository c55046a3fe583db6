package secure

import (
	"fmt"
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

// A later run replaces the rows that it has measured again, and the others stay.
func TestAgain(t *testing.T) {
	row := func(peer string, clients int, rounds ...Figures) Row {
		return Row{Peer: peer, Clients: clients, Rounds: rounds}
	}
	first := Result{Rows: []Row{row("a", 1, Figures{Join: 1}), row("a", 2, Figures{Join: 2}), row("b", 1, Figures{Join: 3})}}
	first.About.Command, first.Settings.Rounds = "all", 5
	later := Result{Rows: []Row{row("a", 2, Figures{Join: 4}), row("c", 1, Figures{Join: 5})}}
	later.About.Command = "some"
	all := first.Again(&later)
	got := ""
	for _, row := range all.Rows {
		got += fmt.Sprintf("%s %d %v; ", row.Peer, row.Clients, row.Rounds[0].Join)
	}
	if want := "a 1 1; a 2 4; b 1 3; c 1 5; "; got != want {
		t.Errorf("rows %s, want %s", got, want)
	}
	if all.About.Command != "all" || len(all.Later) != 1 || all.Later[0].Command != "some" || all.Settings.Rounds != 5 {
		t.Errorf("%+v", all)
	}
	if len(first.Later) != 0 || first.Rows[1].Rounds[0].Join != 2 {
		t.Error("the first result has changed")
	}
}
