package soak

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// The streams that each client reads.
const (
	eventsStream = "events" // published to, each document has the next number
	polledStream = "polled" // polled from an upstream that fails
)

// largeStream is what stalled readers ask for. Its documents fill their receive buffers.
const largeStream = "large"

// position is an ID, as the server makes it: an epoch and a number.
type position struct {
	epoch string
	seq   uint64
}

func parsePosition(id string) (position, error) {
	epoch, number, found := strings.Cut(id, "-")
	seq, err := strconv.ParseUint(number, 10, 64)
	if !found || err != nil {
		return position{}, fmt.Errorf("the ID %q is none", id)
	}
	return position{epoch, seq}, nil
}

// stretch is a part of the timeline that a client has followed without a reset: how
// many events of a stream it saw behind one number and up to another.
type stretch struct {
	stream      string
	epoch       string
	after, upTo uint64
	count       int
}

// account is what one client knows of the streams, over all its connections. Its
// methods return an error for whatever is not accounted for. The zero value is a client
// that has never connected.
type account struct {
	id     string // the newest position, to resume at
	epoch  string // of id
	events int    // number of the newest document of the stream events; 0: none yet
	floor  int    // the next document of events has at least this number
	exact  bool   // the next document of events has exactly the number after events
	polled int    // number of the newest document of polled
	told   bool   // a reset came, and no ID since
	open   map[string]*stretch
	done   []stretch // that have ended, for the witness
}

// ID returns the position to resume at, "" for none.
func (a *account) ID() string { return a.id }

// Join says that the client begins anew, at a time when acknowledged was the number of
// the newest document that had been published for certain.
func (a *account) Join(acknowledged int) {
	a.closeStretches()
	*a = account{floor: max(acknowledged, a.events), done: a.done}
}

// Stretches returns the stretches that have ended since the last call. all ends those
// that go on, and begins them again.
func (a *account) Stretches(all bool) []stretch {
	if all {
		for _, s := range a.open {
			a.done = append(a.done, *s)
			s.after, s.count = s.upTo, 0
		}
	}
	done := a.done
	a.done = nil
	return done
}

func (a *account) closeStretches() {
	for _, s := range a.open {
		a.done = append(a.done, *s)
	}
	a.open = nil
}

// Take takes what came over the connection.
func (a *account) Take(f frame) error {
	if f.event == "reset" {
		return a.reset(f)
	}
	var at position
	if f.id != "" {
		var err error
		if at, err = parsePosition(f.id); err != nil {
			return err
		}
		if err := a.move(at); err != nil {
			return err
		}
		a.id = f.id
	}
	switch f.event {
	case eventsStream, polledStream:
		if f.id == "" {
			return fmt.Errorf("a document of %s has no ID", f.event)
		}
		var document struct{ N int }
		if err := json.Unmarshal(f.data, &document); err != nil {
			return fmt.Errorf("a document of %s: %w", f.event, err)
		}
		a.count(f.event, at)
		if f.event == eventsStream {
			return a.takeEvent(document.N)
		}
		return a.takePolled(document.N)
	case "", "status", "hb":
		return nil
	default:
		return fmt.Errorf("an event named %q", f.event)
	}
}

// reset takes a reset. Only a new epoch may be its reason: history is long enough for
// everything else.
func (a *account) reset(f frame) error {
	var reset struct{ Reason string }
	if err := json.Unmarshal(f.data, &reset); err != nil {
		return fmt.Errorf("a reset: %w", err)
	}
	if reset.Reason != "epoch" {
		return fmt.Errorf("a reset because of %q", reset.Reason)
	}
	if a.epoch == "" {
		return fmt.Errorf("a reset for a client that had no position")
	}
	a.closeStretches()
	a.told, a.exact, a.floor = true, false, a.events
	return nil
}

// move takes a new position.
func (a *account) move(at position) error {
	switch {
	case a.epoch == "" || a.told && at.epoch != a.epoch:
	case a.told:
		return fmt.Errorf("a reset told of a new epoch, and the epoch is the same")
	case at.epoch != a.epoch:
		return fmt.Errorf("the epoch is new, and no reset told of it")
	default:
		if old, err := parsePosition(a.id); err != nil || at.seq < old.seq {
			return fmt.Errorf("the position goes back from %s to %d (%w)", a.id, at.seq, err)
		}
	}
	a.epoch, a.told = at.epoch, false
	return nil
}

// count counts an event in the stretch of its stream. What a client has before its first event
// of a stream is not part of it.
func (a *account) count(stream string, at position) {
	s := a.open[stream]
	if s == nil {
		if a.open == nil {
			a.open = map[string]*stretch{}
		}
		a.open[stream] = &stretch{stream: stream, epoch: at.epoch, after: at.seq, upTo: at.seq}
		return
	}
	s.upTo = at.seq
	s.count++
}

func (a *account) takeEvent(n int) error {
	before, floor, exact := a.events, a.floor, a.exact
	a.events, a.exact = n, true
	switch {
	case exact && n != before+1:
		return fmt.Errorf("document %d came after document %d", n, before)
	case n < floor:
		return fmt.Errorf("document %d came, although %d was published before", n, floor)
	}
	return nil
}

func (a *account) takePolled(n int) error {
	before := a.polled
	a.polled = n
	if n < before {
		return fmt.Errorf("polled document %d came after %d", n, before)
	}
	return nil
}
