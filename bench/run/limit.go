package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/polluxhub/pollux/bench/load"
	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/result"
)

// Most is the number of clients that is aimed at.
const Most = 1_000_000

// A process needs some descriptors besides those of its clients. Pollux keeps about 400, and
// refuses clients that would need them.
const reserved = 500

// Reach returns how many clients one server can have when a process may open so
// many descriptors.
func Reach(descriptors uint64) int { return int(min(descriptors, Most+reserved)) - reserved }

// Growth measures the peers with different numbers of clients.
func (b *Bed) Growth(ctx context.Context, sizes []int, o result.Settings) ([]result.Run, error) {
	var runs []result.Run
	for round := 1; round <= o.Rounds; round++ {
		for _, clients := range sizes {
			for _, p := range b.order(round) {
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				b.log("round %d of %d: %s, %d clients", round, o.Rounds, p.Name, clients)
				o.Clients = clients
				r := result.Run{Peer: p.Name, Round: round}
				var err error
				if r.Full, err = b.Full(ctx, p, o); err != nil {
					b.log("%s: %v", p.Name, err)
					r.Error = b.workshop.Anonymous(err)
				}
				runs = append(runs, r)
			}
		}
	}
	return runs, nil
}

// Holding is how many clients are kept for how long.
type Holding struct {
	Clients   int
	Processes int // for the load, at least
	Time      time.Duration
	Interval  time.Duration // between two events
	Size      int           // of an event's data
	Settle    time.Duration

	Joins    int // of further clients, while events go out back to back
	JoinTime time.Duration
	Window   int // events under way meanwhile
}

// Hold keeps clients of one server for some time, with an event now and then.
func (b *Bed) Hold(ctx context.Context, p peer.Peer, o Holding) (hold *result.Hold, err error) {
	const preparation = 10 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, o.Time+preparation)
	defer cancel()
	each := Reach(b.Descriptors)
	loaders := max(o.Processes, (o.Clients+each-1)/each)
	s, err := b.open(ctx, p, o.Clients, loaders)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.warm(ctx, o.Size); err != nil {
		return nil, err
	}
	hold = &result.Hold{Bound: b.Descriptors, Processes: loaders}
	if hold.Base, err = s.usage(); err != nil {
		return nil, err
	}
	share := (o.Clients + loaders - 1) / loaders
	for i, l := range s.loaders {
		opened, err := l.Open(ctx, min(share, o.Clients-i*share), false)
		if err != nil {
			return nil, err
		}
		if opened.Failed > 0 {
			return nil, fmt.Errorf("run: %d clients get no answer: %s, %s", opened.Failed, opened.Failure, s.server.Log())
		}
		hold.Clients += opened.Clients
		hold.Opened += opened.Seconds
	}
	b.log("%d clients are connected", hold.Clients)
	if err := sleep(ctx, o.Settle); err != nil {
		return nil, err
	}
	if err := b.keep(ctx, s, hold, o); err != nil {
		return nil, err
	}
	return hold, s.join(ctx, hold, o)
}

// keep publishes an event now and then, a minute at a time, and reads what the
// server uses after each minute.
func (b *Bed) keep(ctx context.Context, s *session, hold *result.Hold, o Holding) error {
	start := time.Now()
	sample := func() error {
		usage, err := s.usage()
		hold.Samples = append(hold.Samples, result.Sample{After: time.Since(start).Seconds(), Usage: usage})
		return err
	}
	if err := sample(); err != nil {
		return err
	}
	before, err := s.server.Processes.CPU()
	if err != nil {
		return err
	}
	for left := o.Time; left > 0; left -= time.Minute {
		count := max(1, int(min(left, time.Minute)/o.Interval))
		reports, err := load.Together(ctx, s.loaders, load.Paced{Count: count, Interval: o.Interval, Size: o.Size})
		if err != nil {
			return err
		}
		hold.Published += reports[0].Published
		for _, r := range reports {
			hold.Lost += r.Lost
		}
		hold.Last = append(hold.Last, load.LastReads(reports)...)
		if err := sleep(ctx, o.Interval); err != nil { // after the last event too
			return err
		}
		if err := sample(); err != nil {
			return err
		}
		b.log("%d events, %d lost", hold.Published, hold.Lost)
	}
	after, err := s.server.Processes.CPU()
	hold.CPU = after - before
	for _, l := range s.loaders {
		counts, err := l.Counts(ctx)
		if err != nil {
			return err
		}
		hold.Gone += counts.Gone
	}
	if hold.Gone > 0 {
		err = errors.Join(err, fmt.Errorf("run: the server closed %d of %d clients, %s", hold.Gone, hold.Clients, s.server.Log()))
	}
	return err
}
