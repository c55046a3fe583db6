package hub

import (
	"context"
	"errors"
	"slices"
)

// Reasons for which the hub ends a subscription, besides ErrClosed and
// ErrUnknownStream. After either the subscriber goes on with
// [Subscription.Resume], and misses nothing, or is told by a reset that it does.
var (
	// ErrSlow ends a subscription whose channel was full, or whose replay would
	// have been too long.
	ErrSlow = errors.New("hub: subscriber too slow")

	// ErrGap ends the subscriptions that were there when the log lost events or
	// began a new epoch, and those that asked for a position before the log had
	// told its epoch.
	ErrGap = errors.New("hub: gap in the log")
)

// Subscription is one subscriber's place in the timeline. Handle Replay first,
// then receive from Events until it is closed, then ask Err, and go on with Resume
// if that says ErrSlow or ErrGap. Call Close when done: until then, or until
// Resume, the subscription counts. Close may be called from any goroutine; the
// rest belongs to one.
type Subscription struct {
	group    *Group
	owner    any
	epoch    string // of the positions; "" if the hub does not know one
	position uint64 // behind the replay
	events   chan *Event
	replay   *replay // nil if there is nothing in it, or it was taken

	// Guarded by the group's mutex. There may be a hundred thousand
	// subscriptions, so what few of them need stands in rare.
	after  uint64  // events up to here are in the replay or the channel, or known
	topics []topic // nil when it does not count any more
	rare   *rare   // nil if there is nothing in it
	ended  ending
	early  bool // it began before the hub knew its epoch: epoch and position are guarded too
}

// replay is what a subscription begins with.
type replay struct{ events []*Event }

// rare is what only some subscriptions have.
type rare struct {
	rest  *plan             // what is still to be replayed; nil if nothing is
	asked *SubscribeOptions // of one that began before the hub knew its epoch
	ctx   context.Context   // whose end ends it; nil if that cannot be
	stop  func() bool       // lets go of ctx
}

func (s *Subscription) needRare() *rare {
	if s.rare == nil {
		s.rare = new(rare)
	}
	return s.rare
}

// ending says why a subscription ended.
type ending uint8

const (
	open ending = iota // it did not
	slow
	gap
	closed
	removed
)

var endings = [...]error{open: nil, slow: ErrSlow, gap: ErrGap, closed: ErrClosed, removed: ErrUnknownStream}

// topic is one stream of a subscription and where in the group's list for the
// stream the subscription stands, while it has not ended.
type topic struct {
	stream *stream
	index  int
}

// Replay returns what the subscriber has to handle before the first event of
// the channel: a reset if it could not resume; the events that it missed, or
// the newest of each stream; the freshness of the streams that are not live, or
// whose freshness changed since. A replay holds 256 events or 1 MiB at most, not
// counting a reset; if there was more to replay, the subscription has ended with
// ErrSlow already, and Resume gives the next part. The slice belongs to the caller,
// and the subscription lets go of it.
//
// After a LastEventID the first events may be statuses with a smaller ID. They
// are no position to resume from.
func (s *Subscription) Replay() []*Event {
	if s.replay == nil {
		return nil
	}
	events := s.replay.events
	s.replay = nil
	return events
}

// Position returns where a subscriber stands that has handled Replay: every event
// up to there is in it, or was not asked for. From then on the ID of each event
// that comes through the channel is the position, whatever its kind, if it has
// one. It is the zero ID while there is more to replay, and as long as the hub does
// not know its epoch.
func (s *Subscription) Position() ID {
	if s.early {
		s.group.mu.Lock()
		defer s.group.mu.Unlock()
	}
	if s.epoch == "" || s.position == noPosition {
		return ID{}
	}
	return ID{s.epoch, s.position}
}

// noPosition stands for a replay that goes on with the next subscription.
const noPosition = ^uint64(0)

// Owner returns SubscribeOptions.Owner.
func (s *Subscription) Owner() any { return s.owner }

// Events returns the channel of new events. It is closed when the subscription
// ends; events that were in it by then can still be received, and come before
// what made it end.
func (s *Subscription) Events() <-chan *Event { return s.events }

// Streams returns the names of the streams that the subscription has at present:
// those that were removed are not among them. It is empty after Close.
func (s *Subscription) Streams() []string {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	return names(s.topics)
}

func names(topics []topic) []string {
	list := make([]string, len(topics))
	for i, t := range topics {
		list[i] = t.stream.name
	}
	return list
}

// Err returns nil while the subscription goes on, then why it ended: ErrSlow,
// ErrGap, ErrUnknownStream, or ErrClosed if Close, the end of its context, or the
// end of the hub did it.
func (s *Subscription) Err() error {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	return endings[s.ended]
}

// Close ends the subscription. More than one Close does no harm.
func (s *Subscription) Close() {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	s.endLocked(closed)
	s.releaseLocked()
}

// offerLocked puts e into the channel, or ends the subscription if that is
// full. It never waits: only the holder of the group's lock sends.
func (s *Subscription) offerLocked(e *Event) {
	if e.id.seq <= s.after && !e.id.IsZero() {
		return // in the replay, though it was still on its way then
	}
	select {
	case s.events <- e:
		if !e.id.IsZero() {
			s.after = e.id.seq
		}
		// Asked after the event is in: if there is more than it, the owner has
		// been told, and has not seen the channel empty since.
		if len(s.events) <= 1 {
			s.group.announceLocked(s)
		}
	default:
		s.group.hub.counters.slow.Add(1)
		s.group.announceLocked(s) // it may have emptied the channel a moment ago
		s.endLocked(slow)
	}
}

// endLocked lets no more events come. The subscription still counts: its owner is
// there, and may go on.
func (s *Subscription) endLocked(why ending) {
	if s.ended != open {
		return
	}
	s.ended = why
	for _, t := range s.topics {
		s.group.forgetLocked(t)
	}
	close(s.events)
}

// releaseLocked makes a subscription that has ended count no more.
func (s *Subscription) releaseLocked() {
	if s.topics == nil {
		return
	}
	for _, t := range s.topics {
		t.stream.count(-1)
	}
	s.group.hub.subscribers.Add(-1)
	s.letGoLocked()
}

// letGoLocked drops what a subscription needs only while it counts.
func (s *Subscription) letGoLocked() {
	s.topics = nil
	if s.rare != nil && s.rare.stop != nil {
		s.rare.stop()
	}
	s.rare = nil
}

// leaveLocked takes the subscription out of a stream, and ends it if that was the
// last one.
func (s *Subscription) leaveLocked(from *stream) {
	i := slices.IndexFunc(s.topics, func(t topic) bool { return t.stream == from })
	if len(s.topics) == 1 {
		s.group.announceLocked(s)
		s.endLocked(removed)
	} else {
		s.group.forgetLocked(s.topics[i])
	}
	from.count(-1)
	s.topics = slices.Delete(s.topics, i, i+1)
}
