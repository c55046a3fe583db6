package hubtest

import (
	"context"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// Script is a log that a test writes by hand: it can skip sequence numbers and
// begin a new epoch, which no well-behaved log does when one wants it to.
type Script struct {
	next   chan position // of the next event; whoever holds it may append
	events chan []*hub.Event
}

type position struct {
	epoch string
	seq   uint64
}

var _ hub.Log = (*Script)(nil)

// NewScript returns an empty log of the given epoch.
func NewScript(epoch string) *Script {
	s := &Script{next: make(chan position, 1), events: make(chan []*hub.Event)}
	s.next <- position{epoch, 1}
	return s
}

// Skip leaves out the next n sequence numbers, as if these events were lost.
func (s *Script) Skip(n uint64) {
	p := <-s.next
	p.seq += n
	s.next <- p
}

// Restart begins another epoch.
func (s *Script) Restart(epoch string) {
	<-s.next
	s.next <- position{epoch, 1}
}

// Append implements [hub.Log]. It waits for the one Tail to take the event.
func (s *Script) Append(ctx context.Context, m hub.Message) (hub.ID, error) {
	if err := ctx.Err(); err != nil {
		return hub.ID{}, err
	}
	p := <-s.next
	defer func() { s.next <- p }()
	id, err := hub.NewID(p.epoch, p.seq)
	if err != nil {
		return hub.ID{}, err
	}
	e, err := hub.NewEvent(id, time.Now(), m)
	if err != nil {
		return hub.ID{}, err
	}
	select {
	case s.events <- []*hub.Event{e}:
		p.seq++
		return id, nil
	case <-ctx.Done():
		return hub.ID{}, ctx.Err()
	}
}

// Tail implements [hub.Log] for one reader.
func (s *Script) Tail(ctx context.Context, emit func([]*hub.Event) error) error {
	for {
		select {
		case batch := <-s.events:
			if err := emit(batch); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
