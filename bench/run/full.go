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

// fullTimeout bounds the measurement of one server with all clients.
const fullTimeout = 5 * time.Minute

// Full measures one server with all clients.
func (b *Bed) Full(ctx context.Context, p peer.Peer, o result.Settings) (full *result.Full, err error) {
	ctx, cancel := context.WithTimeout(ctx, fullTimeout)
	defer cancel()
	s, err := b.open(ctx, p, o.Clients, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	f := &result.Full{Clients: o.Clients, GoneAfter: result.Unknown}
	for _, step := range []func(context.Context, *result.Full, result.Settings) error{
		s.arrive, s.pace, s.hurry, s.leave,
	} {
		if err := step(ctx, f, o); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// arrive connects all clients.
func (s *session) arrive(ctx context.Context, f *result.Full, o result.Settings) (err error) {
	if err = s.warm(ctx, o.Size); err != nil {
		return err
	}
	if f.Base, err = s.still(ctx); err != nil {
		return err
	}
	if f.Opened, err = s.leader().Open(ctx, o.Clients, false); err != nil {
		return err
	}
	if f.Opened.Clients == 0 {
		return fmt.Errorf("run: no client gets an answer: %s, %s", f.Opened.Failure, s.server.Log())
	}
	if err = sleep(ctx, o.Settle); err != nil {
		return err
	}
	f.Idle, err = s.usage()
	return err
}

// pace publishes events at a pace that every server can keep.
func (s *session) pace(ctx context.Context, f *result.Full, o result.Settings) error {
	before, err := s.server.Processes.CPU()
	if err != nil {
		return err
	}
	f.Paced, err = s.leader().Paced(ctx, load.Paced{Count: o.Paced, Interval: o.PacedInterval, Size: o.Size})
	if err != nil {
		return err
	}
	after, err := s.server.Processes.CPU()
	if err != nil {
		return err
	}
	f.PacedCPU = after - before
	if err := sleep(ctx, o.Settle); err != nil {
		return err
	}
	f.After, err = s.usage()
	return err
}

// hurry publishes events back to back.
func (s *session) hurry(ctx context.Context, f *result.Full, o result.Settings) error {
	if o.Burst == 0 {
		return nil
	}
	before, err := s.server.Processes.CPU()
	if err != nil {
		return err
	}
	f.Burst, err = s.leader().Burst(ctx, load.Burst{Duration: o.Burst, Window: o.Window, Size: o.Size})
	if err != nil {
		return err
	}
	after, err := s.server.Processes.CPU()
	f.BurstCPU = after - before
	return err
}

// leave disconnects all clients and looks at what they leave behind.
func (s *session) leave(ctx context.Context, f *result.Full, o result.Settings) (err error) {
	if err = s.leader().Disconnect(ctx); err != nil {
		return err
	}
	if f.GoneAfter, err = s.emptied(ctx, f.Base.Descriptors); err != nil {
		return err
	}
	if err = sleep(ctx, o.Settle); err != nil {
		return err
	}
	f.Left, err = s.still(ctx)
	return err
}
