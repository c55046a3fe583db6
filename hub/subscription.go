package hub

import (
	"context"
	"errors"
	"slices"
)

// Errors that end a subscription, besides ErrClosed and ErrUnknownStream. After
// either, the subscriber continues with [Subscription.Resume], and misses no event
// unless it gets a reset.
var (
	// ErrSlow ends a subscription whose channel was full, by the number of its events
	// or by their size, or whose replay would have been too long, or that was paused.
	ErrSlow = errors.New("hub: subscriber too slow")

	// ErrGap ends all subscriptions when the log has lost events or begun a new
	// epoch, and those that asked for a position before the log had told its epoch.
	ErrGap = errors.New("hub: gap in the log")
)

// Subscription is the position of one subscriber in the timeline. Handle Replay
// first, then receive from Events until it is closed, then call Err, and Resume if it
// returns ErrSlow or ErrGap. Call Close at the end: until then, or until Resume, the
// subscription counts. Close may be called from any goroutine; the other methods
// belong to one.
type Subscription struct {
	group    *Group
	owner    any
	epoch    string // of the positions; "" if the hub does not know it yet
	position uint64 // after the replay
	events   chan *Event
	replay   *replay // nil if it is empty or was taken

	// Guarded by the group's mutex. There may be a hundred thousand subscriptions,
	// so the fields that few of them need are in rare.
	after  uint64   // events up to this one are in the replay or the channel, or were not asked for
	only   [1]topic // see topics
	list   *[]topic // likewise
	rare   *rare    // nil if it is empty
	ended  ending
	counts bool // until it is closed or resumed
	early  bool // it began before the hub knew its epoch, or ahead of it: epoch and position are guarded too

	// Not changed after the subscription has begun; here because they fill a word.
	replayMode Replay
	several    bool // more than one stream was asked for
	conflates  bool // see Conflates
}

// replay holds the events with which a subscription begins.
type replay struct{ events []*Event }

// rare holds the fields that only some subscriptions need.
type rare struct {
	rest    *plan             // what remains to be replayed, or nil
	notices []*Event          // last statuses of removed streams that Pause took back
	asked   *SubscribeOptions // of a subscription that began before the hub knew its epoch, or ahead of it
	ahead   *ahead            // the position for which it waits, or nil
	refuted bool              // the log has never given out that position
	ctx     context.Context   // whose end ends the subscription, or nil
	stop    func() bool       // releases ctx
}

// topics returns the streams of a subscription, none when it no longer counts. Most have
// one, which needs no memory of its own.
func (s *Subscription) topics() []topic {
	switch {
	case !s.counts:
		return nil
	case s.list != nil:
		return *s.list
	default:
		return s.only[:]
	}
}

// setTopics sets the streams of a subscription, which counts from then on.
func (s *Subscription) setTopics(topics []topic) {
	s.counts = true
	if len(topics) == 1 {
		s.only = [1]topic(topics)
		return
	}
	several := topics // &topics would cost memory in either case
	s.list = &several
}

func (s *Subscription) ensureRare() *rare {
	if s.rare == nil {
		s.rare = new(rare)
	}
	return s.rare
}

// ending says why a subscription ended.
type ending uint8

const (
	open ending = iota // it has not ended
	slow
	gap
	closed
	removed
)

var endings = [...]error{open: nil, slow: ErrSlow, gap: ErrGap, closed: ErrClosed, removed: ErrUnknownStream}

// topic is one stream of a subscription, and the index of the subscription in the
// group's list for the stream until it ends.
type topic struct {
	stream *stream
	index  int
}

// Replay returns the events that the subscriber has to handle before the first event
// of the channel: a reset if it could not resume; the events that it missed, or the
// newest one of each stream; and the statuses of streams that are not live, or whose
// status changed in the meantime. A replay has 256 events or 1 MiB at most, not
// counting a reset. If there are more, the subscription has already ended with
// ErrSlow, and Resume gives the next part. The slice belongs to the caller.
//
// With a LastEventID, the first events may be statuses with a smaller ID. They are
// not positions from which to resume.
func (s *Subscription) Replay() []*Event {
	if s.replay == nil {
		return nil
	}
	events := s.replay.events
	s.replay = nil
	return events
}

// Position returns the position of a subscriber that has handled Replay: it has every
// event up to there that it asked for. From then on, the position is the ID of the
// last event from the channel that has an ID, whatever its kind. It is the zero ID
// while there is more to replay, and as long as the hub does not know its epoch.
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

// noPosition marks a replay that continues with the next subscription.
const noPosition = ^uint64(0)

// Owner returns SubscribeOptions.Owner.
func (s *Subscription) Owner() any { return s.owner }

// Events returns the channel of new events. It is closed when the subscription ends.
// Events that were in it by then can still be received.
func (s *Subscription) Events() <-chan *Event { return s.events }

// Streams returns the names of the current streams of the subscription, without
// removed ones. It is empty after Close.
func (s *Subscription) Streams() []string {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	return names(s.topics())
}

func names(topics []topic) []string {
	list := make([]string, len(topics))
	for i, t := range topics {
		list[i] = t.stream.name
	}
	return list
}

// Err returns nil until the subscription ends, then why it ended: ErrSlow, ErrGap,
// ErrUnknownStream, or ErrClosed after Close, the end of its context, or the end of
// the hub.
func (s *Subscription) Err() error {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	return endings[s.ended]
}

// Close ends the subscription. It may be called more than once.
func (s *Subscription) Close() {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	s.endLocked(closed)
	s.releaseLocked()
}

// offerLocked puts e into the channel, or ends the subscription if that is
// full, or would hold too many bytes. It never waits: only the holder of the lock of
// the group sends.
func (s *Subscription) offerLocked(e *Event) {
	if e.id.seq <= s.after && !e.id.IsZero() {
		return // it is in the replay already
	}
	if e.size >= largeEvent {
		if n := len(s.events); n > 0 && e.size > channelBytes/(n+1) {
			s.overflowLocked()
			return
		}
	}
	select {
	case s.events <- e:
		if !e.id.IsZero() {
			s.after = e.id.seq
		}
		// If the channel holds more than this event, the owner was told before, and
		// has not seen the channel empty since.
		if len(s.events) <= 1 {
			s.group.markReadyLocked(s)
		}
	default:
		s.overflowLocked()
	}
}

// The large events in a channel are bounded in bytes, roughly: none is added that is
// larger than the share of each in channelBytes. An empty channel takes an event of any
// size. Only the number of smaller events is bounded.
const (
	channelBytes = 4 << 20
	largeEvent   = 64 << 10
)

// overflowLocked ends a subscription whose channel takes no more.
func (s *Subscription) overflowLocked() {
	s.group.hub.counters.slow.Add(1)
	s.group.markReadyLocked(s) // the owner may have emptied the channel a moment ago
	s.endLocked(slow)
}

// endLocked ends the subscription. It still counts, because its owner may resume it.
func (s *Subscription) endLocked(why ending) {
	if s.ended != open {
		return
	}
	s.ended = why
	if s.rare != nil && s.rare.ahead != nil {
		s.group.hub.waiting.Add(-1)
		s.rare.ahead = nil
	}
	for _, t := range s.topics() {
		s.group.unlistLocked(t)
	}
	close(s.events)
}

// releaseLocked removes a subscription that has ended from the counts.
func (s *Subscription) releaseLocked() {
	if !s.counts {
		return
	}
	s.group.hub.leaveAll(s.topics())
	s.group.hub.subscribers.Add(-1)
	s.clearLocked()
}

// clearLocked releases everything that a subscription needs only while it counts.
func (s *Subscription) clearLocked() {
	s.counts, s.only, s.list = false, [1]topic{}, nil
	if s.rare != nil && s.rare.stop != nil {
		s.rare.stop()
	}
	s.rare = nil
}

// leaveLocked removes a stream from the subscription, and ends it if that was its last
// one.
func (s *Subscription) leaveLocked(from *stream) {
	topics := s.topics()
	i := slices.IndexFunc(topics, func(t topic) bool { return t.stream == from })
	if len(topics) == 1 {
		s.group.markReadyLocked(s)
		s.endLocked(removed)
	} else {
		s.group.unlistLocked(topics[i])
	}
	s.group.hub.leave(from)
	topics = slices.Delete(topics, i, i+1)
	s.list = &topics
}
