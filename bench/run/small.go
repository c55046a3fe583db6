package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/polluxhub/pollux/bench/load"
	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/proc"
	"github.com/polluxhub/pollux/bench/result"
)

// smallTimeout bounds the measurement of one server with fewer clients.
const smallTimeout = 2 * time.Minute

// Small measures the reference document and, unless the peer differs from
// another only in compression, what clients that do not read do to the others.
func (b *Bed) Small(ctx context.Context, p peer.Peer, o result.Settings) (small *result.Small, err error) {
	ctx, cancel := context.WithTimeout(ctx, smallTimeout)
	defer cancel()
	s, err := b.open(ctx, p, o.SmallClients+o.Stalled, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.warm(ctx, o.LargeSize); err != nil {
		return nil, err
	}
	opened, err := s.leader().Open(ctx, o.SmallClients, false)
	if err != nil {
		return nil, err
	}
	if opened.Clients < o.SmallClients {
		return nil, fmt.Errorf("run: %d of %d clients get no answer: %s", opened.Failed, o.SmallClients, opened.Failure)
	}
	small = &result.Small{Gzip: opened.Gzip, Stalled: o.Stalled, DroppedAfter: result.Unknown}
	if err := sleep(ctx, poll); err != nil {
		return nil, err
	}
	small.Document, err = s.leader().Documents(ctx, load.Documents{Count: o.Documents, Interval: o.DocumentPace})
	if err != nil || p.Gzip {
		return small, err
	}
	return small, s.stall(ctx, small, o)
}

// stall compares a time in which all read with one in which some do not.
func (s *session) stall(ctx context.Context, small *result.Small, o result.Settings) error {
	large := func(d time.Duration) load.Paced {
		return load.Paced{Count: int(d / o.LargePace), Interval: o.LargePace, Size: o.LargeSize}
	}
	before := s.observe()
	var err error
	small.Without, err = s.leader().Paced(ctx, large(o.Without))
	seen := before.end()
	if err = errors.Join(err, seen.err); err != nil {
		return err
	}
	small.PeakWithout = seen.peak

	opened, err := s.leader().Open(ctx, o.Stalled, true)
	if err != nil {
		return err
	}
	if opened.Clients < o.Stalled {
		return fmt.Errorf("run: %d of %d clients that are to stall get no answer: %s", opened.Failed, o.Stalled, opened.Failure)
	}
	during := s.observe()
	small.With, err = s.leader().Paced(ctx, large(o.With))
	seen = during.end()
	if err = errors.Join(err, seen.err); err != nil {
		return err
	}
	small.PeakWith = seen.peak
	small.Dropped = min(seen.most-seen.fewest, o.Stalled)
	if small.Dropped == o.Stalled {
		small.DroppedAfter = seen.reached(seen.most - o.Stalled).Seconds()
	}
	return nil
}

// observer watches a server while the load is at work.
type observer struct {
	stop chan struct{}
	done chan observation
}

// observation is what an observer has seen.
type observation struct {
	peak        int64 // of memory
	most        int   // descriptors
	fewest      int   // of them, from then on
	descriptors []reading
	err         error
}

type reading struct {
	after time.Duration
	count int
}

// reached returns after what time there were so few descriptors.
func (o *observation) reached(few int) time.Duration {
	for _, r := range o.descriptors {
		if r.count <= few {
			return r.after
		}
	}
	return -time.Second
}

// observe begins to watch. Memory is read rarely, because that takes time in
// proportion to it.
func (s *session) observe() *observer {
	const (
		pace  = 100 * time.Millisecond
		every = 5
	)
	o := &observer{make(chan struct{}), make(chan observation, 1)}
	group := s.server.Processes
	go func() {
		var seen observation
		start := time.Now()
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for i := 0; seen.err == nil; i++ {
			seen.err = seen.read(group, time.Since(start), i%every == 0)
			select {
			case <-tick.C:
				continue
			case <-o.stop:
			}
			break
		}
		o.done <- seen
	}()
	return o
}

func (o *observation) read(group proc.Group, after time.Duration, memory bool) error {
	n, err := group.Descriptors()
	if err != nil {
		return err
	}
	if n > o.most { // the publisher's connection comes a little later
		o.most, o.fewest = n, n
	}
	o.fewest = min(o.fewest, n)
	o.descriptors = append(o.descriptors, reading{after, n})
	if !memory {
		return nil
	}
	m, err := group.Memory()
	o.peak = max(o.peak, m.Pss)
	return err
}

// end ends the watching and returns what was seen.
func (o *observer) end() observation {
	close(o.stop)
	return <-o.done
}
