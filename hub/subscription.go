package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Reasons for which the hub ends a subscription. After either the subscriber may
// subscribe again with the ID of the last event it handled, and misses nothing,
// or is told by a reset that it does.
var (
	// ErrSlow ends a subscription whose channel was full.
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
}

// Subscription is one subscriber's place in the timeline. Handle Replay first,
// then receive from Events until it is closed, then ask Err. Call Close when
// done. Close may be called from any goroutine; the rest belongs to one.
type Subscription struct {
	hub    *Hub
	shard  int
	after  uint64 // events up to here are in the replay, or known already
	replay []*Event
	events chan *Event

	// Guarded by the shard's mutex.
	topics []topic
	err    error       // not nil once ended
	stop   func() bool // lets go of the context; nil if there is nothing to let go
}

// topic is one stream of a subscription and where in the stream's list for the
// shard the subscription stands.
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
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	topics, err := h.topics(opts.Streams)
	if err != nil {
		return nil, err
	}
	if h.subscribers.Add(1) > int64(h.opts.MaxSubscribers) {
		h.subscribers.Add(-1)
		h.counters.refused.Add(1)
		return nil, ErrFull
	}
	s := &Subscription{
		hub:    h,
		shard:  int(h.nextShard.Add(1) % shardCount),
		topics: topics,
		events: make(chan *Event, h.opts.Buffer),
	}

	shard := &h.shards[s.shard]
	shard.mu.Lock()
	if shard.closed {
		shard.mu.Unlock()
		h.subscribers.Add(-1)
		return nil, ErrClosed
	}
	s.replay, s.after = h.replay(topics, opts.LastEventID, shard.epoch, shard.seq)
	for i, t := range topics {
		list := &t.stream.subscriptions[s.shard]
		topics[i].index = len(*list)
		*list = append(*list, s)
		t.stream.subscribers.Add(1)
	}
	shard.mu.Unlock()

	h.counters.subscribed.Add(1)
	if ctx.Done() != nil {
		s.closeAfter(ctx)
	}
	return s, nil
}

func (s *Subscription) closeAfter(ctx context.Context) {
	stop := context.AfterFunc(ctx, s.Close)
	shard := &s.hub.shards[s.shard]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if s.err != nil {
		stop()
		return
	}
	s.stop = stop
}

func (h *Hub) topics(names []string) ([]topic, error) {
	if len(names) > maxStreamsPerSubscription {
		return nil, fmt.Errorf("%w: %d, limit %d", ErrTooManyStreams, len(names), maxStreamsPerSubscription)
	}
	if len(names) == 0 {
		names = []string{DefaultStream}
	}
	topics := make([]topic, 0, len(names))
	for _, name := range names {
		s, err := h.stream(streamName(name))
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(topics, func(t topic) bool { return t.stream == s }) {
			topics = append(topics, topic{stream: s})
		}
	}
	return topics, nil
}

// Replay returns what the subscriber has to handle before the first event of
// the channel: a reset if it could not resume; the events that it missed, or
// the newest of each stream; the freshness of the streams that are not live, or
// whose freshness changed since. The slice belongs to the caller, and the
// subscription lets go of it.
func (s *Subscription) Replay() []*Event {
	replay := s.replay
	s.replay = nil
	return replay
}

// Events returns the channel of new events. It is closed when the subscription
// ends; events that were in it by then can still be received, and come before
// what made it end.
func (s *Subscription) Events() <-chan *Event { return s.events }

// Err returns nil while the subscription goes on, then why it ended: ErrSlow,
// ErrGap, or ErrClosed if Close, the end of its context, or the end of the hub
// did it.
func (s *Subscription) Err() error {
	shard := &s.hub.shards[s.shard]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	return s.err
}

// Close ends the subscription. More than one Close does no harm.
func (s *Subscription) Close() {
	shard := &s.hub.shards[s.shard]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	s.endLocked(ErrClosed)
}

// offerLocked puts e into the channel, or ends the subscription if that is
// full. It never waits: only the holder of the shard's lock sends.
func (s *Subscription) offerLocked(e *Event) {
	if e.id.seq <= s.after {
		return // the subscriber resumed from an event that was still on its way
	}
	select {
	case s.events <- e:
	default:
		s.hub.counters.slow.Add(1)
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
		list := t.stream.subscriptions[s.shard]
		last := len(list) - 1
		moved := list[last]
		list[t.index], list[last] = moved, nil
		for i := range moved.topics {
			if moved.topics[i].stream == t.stream {
				moved.topics[i].index = t.index
			}
		}
		t.stream.subscriptions[s.shard] = list[:last]
		t.stream.subscribers.Add(-1)
	}
	s.hub.subscribers.Add(-1)
	close(s.events)
}
