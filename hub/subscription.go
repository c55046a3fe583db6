package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Reasons for which the hub ends a subscription. After either the subscriber may
// subscribe again with the ID of the last event it handled, and misses nothing,
// or is told by a reset that it does.
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
	// ignored, and so are streams that were removed meanwhile, unless all were.
	After ID

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
	topics, err := h.topics(opts.Streams, !opts.After.IsZero())
	if err != nil {
		return nil, err
	}
	s := &Subscription{
		group:  g,
		owner:  opts.Owner,
		topics: topics,
		events: make(chan *Event, h.opts.Buffer),
	}
	if h.subscribers.Add(1) > int64(h.opts.MaxSubscribers) {
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
	if err := checkTopics(topics); err != nil {
		g.mu.Unlock()
		h.subscribers.Add(-1)
		return nil, err
	}
	var whole bool
	s.replay, s.after, whole = h.replay(topics, opts)
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

// topics returns the streams of these names. Who goes on keeps those that there
// still are.
func (h *Hub) topics(names []string, goesOn bool) ([]topic, error) {
	if len(names) > maxStreamsPerSubscription {
		return nil, fmt.Errorf("%w: %d, limit %d", ErrTooManyStreams, len(names), maxStreamsPerSubscription)
	}
	if len(names) == 0 {
		names = []string{DefaultStream}
	}
	topics := make([]topic, 0, len(names))
	for _, name := range names {
		s, err := h.stream(streamName(name))
		switch {
		case err != nil && goesOn && len(names) > 1:
			continue
		case err != nil:
			return nil, err
		}
		if !slices.ContainsFunc(topics, func(t topic) bool { return t.stream == s }) {
			topics = append(topics, topic{stream: s})
		}
	}
	if len(topics) == 0 {
		return nil, ErrUnknownStream
	}
	return topics, nil
}

// checkTopics finds a stream that was removed since it was looked up. The caller
// holds the lock of the subscriber's group.
func checkTopics(topics []topic) error {
	for _, t := range topics {
		if t.stream.removed.Load() {
			return fmt.Errorf("%w %q", ErrUnknownStream, t.stream.name)
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
	if len(s.events) == 0 {
		s.group.announceLocked(s)
	}
	select {
	case s.events <- e:
	default:
		s.group.hub.counters.slow.Add(1)
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
		s.endLocked(ErrUnknownStream)
	}
}
