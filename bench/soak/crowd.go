package soak

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// mostNotes bounds how many faults a crowd describes. It only counts further ones.
	mostNotes = 20

	// hindsight is how long after a stretch has ended others may see its last event.
	hindsight = 15 * time.Second

	// openingRate is how many clients of a crowd connect in a second at first.
	openingRate = 1000

	// anewShare is one of so many clients that come back without an ID.
	anewShare = 4

	// gzipShare is one of so many clients that accept gzip.
	gzipShare = 20
)

// Counts is what a crowd has seen so far.
type Counts struct {
	Open     int64 `json:"open"`     // clients that are connected
	Events   int64 `json:"events"`   // documents that clients got
	Statuses int64 `json:"statuses"` // status events that clients got
	Resets   int64 `json:"resets"`   // resets that clients got
	Ended    int64 `json:"ended"`    // streams that the server ended whole
	Left     int64 `json:"left"`     // streams that clients left
	Refused  int64 `json:"refused"`  // connections that were refused: nobody listened
	Cut      int64 `json:"cut"`      // streams that ended otherwise

	// Unanswered are connections that ended before an answer. A server that closes its
	// listener resets those that it has not accepted yet.
	Unanswered []Span `json:"unanswered"`

	Overloaded int64 `json:"overloaded"` // streams that the server refused because it was full
	Stalled    int64 `json:"stalled"`    // connections on which nothing was read, and that the server closed
	Kept       int64 `json:"kept"`       // those that it did not close

	Checked    int64    `json:"checked"`    // stretches that were compared with what others saw
	Violations int64    `json:"violations"` // events that are not accounted for
	Notes      []string `json:"notes"`      // what these and the cuts are, the first of them
}

// Span is the time between two moments.
type Span struct{ From, To time.Time }

// overlaps reports whether there is a moment that is in both.
func (s Span) overlaps(other Span) bool { return !s.From.After(other.To) && !other.From.After(s.To) }

// crowd is the clients of one process.
type crowd struct {
	server       string
	sessions     tls.ClientSessionCache // of the clients; nil without TLS
	clients      []*client
	witness      witness
	acknowledged atomic.Int64 // number of the newest document that was published for certain

	stalled  int           // readers that read nothing
	stalling time.Duration // how long they do

	// drop hides a frame from a client, so that a test sees that it is missed.
	drop func(client int, f frame) bool

	counts struct {
		open, events, statuses, resets, ended, left, refused, cut, overloaded, stalled, kept, checked, violations atomic.Int64
	}

	mu         sync.Mutex
	notes      []string
	unanswered []Span
	pending    []settled // stretches to be checked, the oldest first

	stop    context.CancelFunc
	churn   context.CancelFunc
	running sync.WaitGroup
}

// settled is a stretch and when it ended.
type settled struct {
	stretch
	at time.Time
}

// newCrowd makes clients, which connect when start is called.
func newCrowd(s Start) *crowd {
	c := &crowd{server: s.Server, stalled: s.Stalled, stalling: stalling}
	if s.TLS {
		c.sessions = tls.NewLRUClientSessionCache(1) // all of them ask for the same name
	}
	for i := range s.Clients {
		c.clients = append(c.clients, &client{crowd: c, number: s.First + i, gzip: i%gzipShare == gzipShare-1})
	}
	return c
}

// start connects the clients, and those that read nothing. Each second, so many as churn says
// leave and come back.
func (c *crowd) start(churn int) {
	ctx, stop := context.WithCancel(context.Background())
	churning, quiet := context.WithCancel(ctx)
	c.stop, c.churn = stop, quiet
	c.running.Go(func() {
		tick := time.NewTicker(time.Second / openingRate)
		defer tick.Stop()
		for _, one := range c.clients {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			c.running.Go(func() { one.run(ctx) })
		}
		c.leaving(churning, churn)
	})
	for i := range c.stalled {
		c.running.Go(func() { c.stall(churning, i) })
	}
	c.running.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				c.check(time.Now().Add(-hindsight))
			case <-ctx.Done():
				return
			}
		}
	})
}

// leaving lets clients leave.
func (c *crowd) leaving(ctx context.Context, churn int) {
	if churn == 0 {
		return
	}
	tick := time.NewTicker(time.Second / time.Duration(churn))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		one := c.clients[rand.IntN(len(c.clients))]
		one.anew.Store(rand.IntN(anewShare) == 0)
		if leave := one.leave.Load(); leave != nil {
			(*leave)()
		}
	}
}

// settle puts stretches aside until others have seen what is in them.
func (c *crowd) settle(stretches []stretch) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range stretches {
		c.pending = append(c.pending, settled{s, now})
	}
}

// check checks the stretches that ended before a time.
func (c *crowd) check(before time.Time) {
	c.mu.Lock()
	n := 0
	for n < len(c.pending) && c.pending[n].at.Before(before) {
		n++
	}
	due := c.pending[:n:n]
	c.pending = c.pending[n:]
	c.mu.Unlock()
	for _, s := range due {
		c.counts.checked.Add(1)
		if err := c.witness.Check(s.stretch); err != nil {
			c.violation("a stretch: %v", err)
		}
	}
}

// finish waits until each client has the last document of events, and the last one of
// polled that any client has. Nothing is published any more, and nobody leaves or stalls.
func (c *crowd) finish(last int, patience time.Duration) {
	c.churn()
	deadline := time.Now().Add(patience)
	for {
		behind := c.behind(last)
		if len(behind) == 0 {
			break
		}
		if time.Now().After(deadline) {
			for _, text := range behind {
				c.violation("%s", text)
			}
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	c.stop()
	c.running.Wait()
	c.check(time.Now().Add(time.Second))
}

// behind returns what clients do not have, in words.
func (c *crowd) behind(last int) (behind []string) {
	for _, one := range c.clients {
		epoch := one.epoch.Load()
		switch {
		case epoch == nil:
			behind = append(behind, fmt.Sprintf("client %d never got a document", one.number))
		case one.events.Load() != int64(last):
			behind = append(behind, fmt.Sprintf("client %d has document %d at the end, and not %d", one.number, one.events.Load(), last))
		case one.polled.Load() != c.witness.Last(polledStream, *epoch):
			behind = append(behind, fmt.Sprintf("client %d has not got the last polled document", one.number))
		}
	}
	return behind
}

// violation takes note of an event that is not accounted for.
func (c *crowd) violation(format string, args ...any) {
	c.counts.violations.Add(1)
	c.note("not accounted for: "+format, args...)
}

func (c *crowd) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.notes) < mostNotes {
		c.notes = append(c.notes, fmt.Sprintf(format, args...))
	}
}

// noAnswer notes a connection that ended without one.
func (c *crowd) noAnswer(s Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unanswered = append(c.unanswered, s)
}

func (c *crowd) result() Counts {
	c.mu.Lock()
	notes, unanswered := c.notes, slices.Clone(c.unanswered)
	c.mu.Unlock()
	n := &c.counts
	return Counts{
		Open: n.open.Load(), Events: n.events.Load(), Statuses: n.statuses.Load(), Resets: n.resets.Load(), Ended: n.ended.Load(),
		Left: n.left.Load(), Refused: n.refused.Load(), Cut: n.cut.Load(), Unanswered: unanswered, Overloaded: n.overloaded.Load(), Stalled: n.stalled.Load(), Kept: n.kept.Load(), Checked: n.checked.Load(),
		Violations: n.violations.Load(), Notes: notes,
	}
}
