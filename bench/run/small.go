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
	before := s.server.Processes.Observe()
	var err error
	small.Without, err = s.leader().Paced(ctx, large(o.Without))
	seen := before.End()
	if err = errors.Join(err, seen.Err); err != nil {
		return err
	}
	small.PeakWithout = seen.Peak

	opened, err := s.leader().Open(ctx, o.Stalled, true)
	if err != nil {
		return err
	}
	if opened.Clients < o.Stalled {
		return fmt.Errorf("run: %d of %d clients that are to stall get no answer: %s", opened.Failed, o.Stalled, opened.Failure)
	}
	during := s.server.Processes.Observe()
	small.With, err = s.leader().Paced(ctx, large(o.With))
	seen = during.End()
	if err = errors.Join(err, seen.Err); err != nil {
		return err
	}
	small.PeakWith = seen.Peak
	var after time.Duration
	if small.Dropped, after = seen.Dropped(o.Stalled); after >= 0 {
		small.DroppedAfter = after.Seconds()
	}
	return nil
}
