package hubtest

import (
	"context"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// Script is a log that loses events and begins a new epoch when a test wants it to.
type Script struct {
	epoch   string        // the first one
	next    chan position // of the next event; the goroutine that holds it may append
	batches chan hub.Batch
}

// position is that of a new event.
type position struct {
	epoch string
	after uint64 // the newest event, or the last one that was lost
	next  uint64 // the sequence number of the new event
	lost  []hub.Loss
}

var _ hub.Log = (*Script)(nil)

// NewScript returns an empty log of the given epoch.
func NewScript(epoch string) *Script {
	s := &Script{epoch: epoch, next: make(chan position, 1), batches: make(chan hub.Batch)}
	s.next <- position{epoch: epoch, next: 1}
	return s
}

// Hole skips the next n sequence numbers: no event has them.
func (s *Script) Hole(n uint64) {
	p := <-s.next
	p.next += n
	s.next <- p
}

// Lose skips the next n sequence numbers, whose events are lost. The batch of the next
// event tells that.
func (s *Script) Lose(n uint64) {
	p := <-s.next
	p.next += n
	p.after = p.next - 1
	s.next <- p
}

// LoseOf says, with the batch of the next event, that events of one stream up to a sequence
// number are missing.
func (s *Script) LoseOf(stream string, upTo uint64) {
	p := <-s.next
	p.lost = append(p.lost, hub.Loss{Stream: stream, UpTo: upTo})
	s.next <- p
}

// Tell emits a batch without events, which says how far the log has given out positions.
func (s *Script) Tell(ctx context.Context, head uint64) error {
	p := <-s.next
	defer func() { s.next <- p }()
	after, err := hub.NewID(p.epoch, p.after)
	if err != nil {
		return err
	}
	top, err := hub.NewID(p.epoch, head)
	if err != nil {
		return err
	}
	select {
	case s.batches <- hub.Batch{After: after, Head: top}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Restart begins another epoch. The batch of its first event tells that.
func (s *Script) Restart(epoch string) {
	<-s.next
	s.next <- position{epoch: epoch, next: 1}
}

// Append implements [hub.Log]. It waits for the one Tail to take the event.
func (s *Script) Append(ctx context.Context, m hub.Message) (hub.ID, error) {
	if err := ctx.Err(); err != nil {
		return hub.ID{}, err
	}
	p := <-s.next
	defer func() { s.next <- p }()
	after, err := hub.NewID(p.epoch, p.after)
	if err != nil {
		return hub.ID{}, err
	}
	id, err := hub.NewID(p.epoch, p.next)
	if err != nil {
		return hub.ID{}, err
	}
	e, err := hub.NewEvent(id, time.Now(), m)
	if err != nil {
		return hub.ID{}, err
	}
	select {
	case s.batches <- hub.Batch{After: after, Events: []*hub.Event{e}, Lost: p.lost}:
		p.after, p.next, p.lost = p.next, p.next+1, nil
		return id, nil
	case <-ctx.Done():
		return hub.ID{}, ctx.Err()
	}
}

// Tail implements [hub.Log] for one reader.
func (s *Script) Tail(ctx context.Context, emit func(hub.Batch) error) error {
	begin, err := hub.NewID(s.epoch, 0)
	if err != nil {
		return err
	}
	if err := emit(hub.Batch{After: begin}); err != nil {
		return err
	}
	for {
		select {
		case batch := <-s.batches:
			if err := emit(batch); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
