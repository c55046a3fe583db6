package run

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/result"
)

// Compare measures all peers in as many rounds as the settings say. A round has
// each of them once, in an order of its own, so that whatever else the machine
// does meets all of them alike, and ratios within a round are fair.
func (b *Bed) Compare(ctx context.Context, o result.Settings) (*result.Peers, error) {
	start := time.Now()
	b.About.Settings = o
	var runs []result.Run
	for round := 1; round <= o.Rounds; round++ {
		for _, p := range b.order(round) {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if o.Others > 0 && round > o.Others && !decides(p) {
				continue
			}
			runs = append(runs, b.one(ctx, p, round, o))
		}
	}
	b.About.Seconds = time.Since(start).Seconds()
	return &result.Peers{About: b.About, Runs: runs}, nil
}

// order returns the peers in the order of a round.
func (b *Bed) order(round int) []peer.Peer {
	peers := slices.Clone(b.Peers)
	random := rand.New(rand.NewPCG(uint64(round), uint64(len(peers))))
	random.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] })
	return peers
}

// one measures one peer in one round. That it fails is a result too.
func (b *Bed) one(ctx context.Context, p peer.Peer, round int, o result.Settings) result.Run {
	r := result.Run{Peer: p.Name, Round: round}
	b.log("round %d of %d: %s, %d clients", round, o.Rounds, p.Name, o.Clients)
	var err error
	if r.Full, err = b.Full(ctx, p, o); err != nil {
		b.log("%s: %v", p.Name, err)
		r.Error = b.workshop.Anonymous(err)
		return r
	}
	if !small(p, round) {
		return r
	}
	b.log("round %d of %d: %s, %d clients and %d stalled", round, o.Rounds, p.Name, o.SmallClients, o.Stalled)
	if r.Small, err = b.Small(ctx, p, o); err != nil {
		b.log("%s: %v", p.Name, err)
		r.Error = b.workshop.Anonymous(err)
	}
	return r
}

// small tells whether the second part is measured. Figures to reach need it in
// every round of Pollux; of the others once is enough to see what they do, and
// keeps the whole at some ten minutes.
func small(p peer.Peer, round int) bool { return round == 1 || decides(p) || p.Name == peer.PolluxGzip }

// decides tells whether there are figures to reach that need every round.
func decides(p peer.Peer) bool { return p.Name == peer.Pollux || p.Name == peer.Floor }
