package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Reasons for which the hub ends a subscription, besides ErrClosed and
// ErrUnknownStream. After either the subscriber may subscribe again with the ID
// of the last event it handled, and misses nothing, or is told by a reset that it
// does.
var (
	// ErrSlow ends a subscription whose channel was full, or whose replay would
	// have been too long.
	ErrSlow = errors.New("hub: subscriber too slow")

	// ErrGap ends all subscriptions when the log lost events or began a new
	// epoch.
	ErrGap = errors.New("hub: gap in the log")
)

// maxStreamsPerSubscription bounds SubscribeOptions.Streams.
const maxStreamsPerSubscription = 100

// SubscribeOptions say what a subscriber wants. The zero value is the default
// stream from its newest event on.
type SubscribeOptions struct {
	// Streams are the names of the streams wanted, at most 100. Repetitions
	// count once. None means DefaultStream.
	Streams []string

	// LastEventID is the text of the ID after which to resume, as a client sent
	// it, unchecked. Empty means: begin with the newest event of each stream.
	LastEventID string

	// After is where an earlier subscription of the same subscriber ended: the
	// ID of the last event that it handled, of whatever kind. It goes on there,
	// and is not told again what it was told. If not zero, LastEventID is
	// ignored.
	After ID

	// GoesOn says that the subscriber had a subscription a moment ago, which the
	// hub has ended: it is let in although there are too many.
	GoesOn bool

	// SkipUnknown tells of streams that there are not by their last status, state
	// Down and error "removed", instead of an error, as long as there is one of
	// those wanted.
	SkipUnknown bool

	// Since, if not zero, begins with everything that is kept from then on,
	// instead of the newest event of each stream. A stream without any such
	// begins with its newest. If history does not reach back so far, a reset
	// with ReasonEvicted comes first. It is ignored with LastEventID or After.
	Since time.Time

	// Owner is what [Subscription.Owner] returns.
	Owner any
}

// Subscription is one subscriber's place in the timeline. Handle Replay first,
// then receive from Events until it is closed, then ask Err. Call Close when
// done. Close may be called from any goroutine; the rest belongs to one.
type Subscription struct {
	group  *Group
	owner  any
	after  uint64 // events up to here are in the replay, or known already
	replay []*Event
	events chan *Event

	// Guarded by the group's mutex.
	topics []topic
	err    error       // not nil once ended
	stop   func() bool // lets go of the context; nil if there is nothing to let go
}

// topic is one stream of a subscription and where in the group's list for the
// stream the subscription stands.
type topic struct {
	stream *stream
	index  int
}

// Subscribe begins a subscription. Joining is atomic: every event of the wanted
// streams is either in Replay or comes through Events, never both and never
// neither. It does not wait. When ctx ends, so does the subscription; a ctx that
// cannot end costs nothing. Errors: ErrUnknownStream, ErrTooManyStreams, ErrFull,
// ErrClosed.
func (h *Hub) Subscribe(ctx context.Context, opts SubscribeOptions) (*Subscription, error) {
	return h.subscribe(ctx, h.groups.load()[h.nextGroup.Add(1)%defaultGroups], opts)
}

func (h *Hub) subscribe(ctx context.Context, g *Group, opts SubscribeOptions) (*Subscription, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	topics, notices, err := h.topics(opts)
	if err != nil {
		return nil, err
	}
	s := &Subscription{
		group:  g,
		owner:  opts.Owner,
		topics: topics,
		events: make(chan *Event, h.opts.Buffer),
	}
	if h.subscribers.Add(1) > int64(h.opts.MaxSubscribers) && !opts.GoesOn {
		h.subscribers.Add(-1)
		h.counters.refused.Add(1)
		return nil, ErrFull
	}

	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		h.subscribers.Add(-1)
		return nil, ErrClosed
	}
	if removed := removedOf(topics); removed != nil {
		g.mu.Unlock()
		h.subscribers.Add(-1)
		if opts.SkipUnknown {
			return h.subscribe(ctx, g, opts) // they are not found again
		}
		return nil, fmt.Errorf("%w %q", ErrUnknownStream, removed.name)
	}
	var whole bool
	s.replay, s.after, whole = h.replay(topics, opts)
	s.replay = append(notices, s.replay...)
	for i, t := range topics {
		topics[i].index = len(g.lists[t.stream])
		g.lists[t.stream] = append(g.lists[t.stream], s)
		t.stream.count(1)
	}
	if !whole {
		s.endLocked(ErrSlow)
	}
	g.mu.Unlock()

	h.counters.subscribed.Add(1)
	if ctx.Done() != nil {
		s.closeAfter(ctx)
	}
	return s, nil
}

func (s *Subscription) closeAfter(ctx context.Context) {
	stop := context.AfterFunc(ctx, s.Close)
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	if s.err != nil {
		stop()
		return
	}
	s.stop = stop
}

// topics returns the streams that are wanted, and notices of those that there are
// not.
func (h *Hub) topics(opts SubscribeOptions) (topics []topic, notices []*Event, err error) {
	names := opts.Streams
	if len(names) > maxStreamsPerSubscription {
		return nil, nil, fmt.Errorf("%w: %d, limit %d", ErrTooManyStreams, len(names), maxStreamsPerSubscription)
	}
	if len(names) == 0 {
		names = []string{DefaultStream}
	}
	topics = make([]topic, 0, len(names))
	for _, name := range names {
		s, err := h.stream(streamName(name))
		if err != nil && opts.SkipUnknown && len(names) > 1 {
			notice, err := removal(name)
			if err != nil {
				return nil, nil, err
			}
			notices = append(notices, notice)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if !slices.ContainsFunc(topics, func(t topic) bool { return t.stream == s }) {
			topics = append(topics, topic{stream: s})
		}
	}
	if len(topics) == 0 {
		return nil, nil, ErrUnknownStream
	}
	return topics, notices, nil
}

// removedOf finds a stream that was removed since it was looked up. The caller
// holds the lock of the subscriber's group.
func removedOf(topics []topic) *stream {
	for _, t := range topics {
		if t.stream.removed.Load() {
			return t.stream
		}
	}
	return nil
}

// Replay returns what the subscriber has to handle before the first event of
// the channel: a reset if it could not resume; the events that it missed, or
// the newest of each stream; the freshness of the streams that are not live, or
// whose freshness changed since. A replay holds 256 events or 1 MiB at most; if
// there was more to replay, the subscription has ended with ErrSlow already. The
// slice belongs to the caller, and the subscription lets go of it.
//
// After a LastEventID the first events may be statuses with a smaller ID. They
// are no position to resume from.
func (s *Subscription) Replay() []*Event {
	replay := s.replay
	s.replay = nil
	return replay
}

// Owner returns SubscribeOptions.Owner.
func (s *Subscription) Owner() any { return s.owner }

// Events returns the channel of new events. It is closed when the subscription
// ends; events that were in it by then can still be received, and come before
// what made it end.
func (s *Subscription) Events() <-chan *Event { return s.events }

// Err returns nil while the subscription goes on, then why it ended: ErrSlow,
// ErrGap, or ErrClosed if Close, the end of its context, or the end of the hub
// did it.
func (s *Subscription) Err() error {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	return s.err
}

// Close ends the subscription. More than one Close does no harm.
func (s *Subscription) Close() {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	s.endLocked(ErrClosed)
}

// offerLocked puts e into the channel, or ends the subscription if that is
// full. It never waits: only the holder of the group's lock sends.
func (s *Subscription) offerLocked(e *Event) {
	if e.id.seq <= s.after && !e.id.IsZero() {
		return // the subscriber resumed from an event that was still on its way
	}
	select {
	case s.events <- e:
		// Asked after the event is in: if there is more than it, the owner has
		// been told, and has not seen the channel empty since.
		if len(s.events) <= 1 {
			s.group.announceLocked(s)
		}
	default:
		s.group.hub.counters.slow.Add(1)
		s.group.announceLocked(s) // it may have emptied the channel a moment ago
		s.endLocked(ErrSlow)
	}
}

func (s *Subscription) endLocked(reason error) {
	if s.err != nil {
		return
	}
	s.err = reason
	if s.stop != nil {
		s.stop()
	}
	for _, t := range s.topics {
		s.group.forgetLocked(t)
	}
	s.topics = nil
	s.group.hub.subscribers.Add(-1)
	close(s.events)
}

// leaveLocked takes the subscription out of a stream, and ends it if that was the
// last one.
func (s *Subscription) leaveLocked(from *stream) {
	for i, t := range s.topics {
		if t.stream == from {
			s.group.forgetLocked(t)
			s.topics = slices.Delete(s.topics, i, i+1)
			break
		}
	}
	if len(s.topics) == 0 {
		s.group.announceLocked(s)
		s.endLocked(ErrUnknownStream)
	}
}
