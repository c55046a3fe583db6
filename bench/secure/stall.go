package secure

import (
	"context"
	"errors"
	"time"

	"github.com/polluxhub/pollux/bench/peer"
)

// Stalled is what clients that read nothing cost, and what they do to the others.
type Stalled struct {
	Clients int     `json:"clients"`
	Memory  float64 `json:"memory"`  // bytes, for each
	Dropped int     `json:"dropped"` // that the server has closed
	After   float64 `json:"after"`   // seconds until it had closed all; negative if it has not
	Lost    int64   `json:"lost"`    // events that the others have not got
}

// history is how many events Pollux keeps by default, unless they are large: then fewer.
const history = 1000

// stallWindow is the receive buffer of clients that read nothing, in bytes.
const stallWindow = 4096

// measureStalled has some clients read large events, and then others read nothing. It
// compares the most memory that the server uses.
func measureStalled(ctx context.Context, w *peer.Workshop, c Case, o Settings) (f *Stalled, err error) {
	s, err := newSession(ctx, w, c, o.Readers+o.Stalled, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = s.close(err) }()
	s.publisher.size = o.LargeSize
	if err := s.warm(ctx); err != nil {
		return nil, err
	}
	for range history { // which would grow meanwhile
		if err := s.publisher.publish(ctx); err != nil {
			return nil, err
		}
	}
	// As many clients come and go as will stall, so that what joins leave behind is there before.
	passing := newFleet(s.server.Address, c.Peer.Path, c.Protocol, o.Stalled)
	defer passing.disconnect()
	if _, err := passing.connect(ctx); err != nil {
		return nil, err
	}
	passing.disconnect()
	readers := newFleet(s.server.Address, c.Peer.Path, c.Protocol, o.Readers)
	defer readers.disconnect()
	if _, err := readers.connect(ctx); err != nil {
		return nil, err
	}
	base, published := readers.arrived.Load(), 0
	publish := func(d time.Duration) (peak int64, dropped int, after time.Duration, err error) {
		watch := s.server.Processes.Observe()
		begin := time.Now()
		for n := 0; time.Since(begin) < d && err == nil; n++ {
			time.Sleep(max(time.Until(begin.Add(time.Duration(n)*o.LargePace)), 0))
			err = s.publisher.publish(ctx)
			published++
		}
		seen := watch.End()
		dropped, after = seen.Dropped(o.Stalled)
		return seen.Peak, dropped, after, errors.Join(err, seen.Err)
	}
	without, _, _, err := publish(o.Without)
	if err != nil {
		return nil, err
	}
	silent := newFleet(s.server.Address, c.Peer.Path, c.Protocol, o.Stalled)
	silent.stalls = true
	defer silent.disconnect()
	if _, err := silent.connect(ctx); err != nil {
		return nil, err
	}
	f = &Stalled{Clients: o.Stalled}
	with, dropped, after, err := publish(o.With)
	f.Dropped, f.After = dropped, after.Seconds()
	f.Memory = float64(max(with-without, 0)) / float64(o.Stalled)
	f.Lost = readers.missing(base + int64(published)*int64(o.Readers))
	return f, err
}
