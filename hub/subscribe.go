package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// MaxStreamsPerSubscription bounds SubscribeOptions.Streams.
const MaxStreamsPerSubscription = 100

// SubscribeOptions say what a subscriber wants. The zero value is the default
// stream from its newest event on.
type SubscribeOptions struct {
	// Streams are the names of the streams wanted, at most
	// MaxStreamsPerSubscription. Repetitions count once. None means DefaultStream.
	Streams []string

	// LastEventID is the text of the ID after which to resume, as a client sent
	// it, unchecked. Empty means: begin with the newest event of each stream. Of
	// several IDs with commas between, the greatest one counts that is a position
	// of this epoch.
	LastEventID string

	// SkipUnknown tells of streams that there are not by their last status, state
	// Down and error "removed", instead of an error, as long as there is one of
	// those wanted.
	SkipUnknown bool

	// Since, if not zero, begins with everything that is kept from then on,
	// instead of the newest event of each stream. A stream without any such
	// begins with its newest. If history does not reach back so far, a reset
	// with ReasonEvicted comes first. It is ignored with LastEventID.
	Since time.Time

	// Owner is what [Subscription.Owner] returns.
	Owner any
}

// Subscribe begins a subscription. Joining is atomic: every event of the wanted
// streams is either in Replay or comes through Events, never both and never
// neither. It does not wait. When ctx ends, so does the subscription; a ctx that
// cannot end costs nothing. Errors: ErrUnknownStream, ErrTooManyStreams,
// ErrClosed.
//
// Before the log has told its epoch, which it does as soon as Run runs, no position
// can be judged. A subscription that begins so early and asked for one ends with
// ErrGap then, and Resume does what was asked for. One that did not gets everything
// that the log has kept.
func (h *Hub) Subscribe(ctx context.Context, opts SubscribeOptions) (*Subscription, error) {
	return h.subscribe(ctx, h.groups.load()[h.nextGroup.Add(1)%defaultGroups], opts)
}

func (h *Hub) subscribe(ctx context.Context, g *Group, opts SubscribeOptions) (*Subscription, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	names := opts.Streams
	if len(names) == 0 {
		names = []string{DefaultStream}
	}
	wish := h.newWish(opts)
	for {
		topics, notices, err := h.topics(names, opts.SkipUnknown)
		if err != nil {
			return nil, err
		}
		if len(topics) == 0 {
			return nil, ErrUnknownStream
		}
		s := h.newSubscription(g, opts.Owner, topics)
		g.mu.Lock()
		err = s.joinLocked(wish, notices)
		if err == nil {
			h.subscribers.Add(1)
			for _, t := range topics {
				t.stream.count(1)
			}
		}
		g.mu.Unlock()
		switch {
		case errors.Is(err, ErrUnknownStream) && opts.SkipUnknown:
			continue // removed since it was looked up: it is not found again
		case err != nil:
			return nil, err
		}
		h.counters.subscribed.Add(1)
		if ctx.Done() != nil {
			s.closeAfter(ctx)
		}
		return s, nil
	}
}

func (h *Hub) newSubscription(g *Group, owner any, topics []topic) *Subscription {
	return &Subscription{group: g, owner: owner, topics: topics, events: make(chan *Event, h.opts.Buffer)}
}

// joinLocked puts a subscription among those who get events, and finds out what
// comes before these. The caller holds the lock of the group, and counts.
func (s *Subscription) joinLocked(wish wish, notices []*Event) error {
	g, h := s.group, s.group.hub
	if g.closed {
		return ErrClosed
	}
	for _, t := range s.topics {
		if t.stream.removed.Load() {
			return fmt.Errorf("%w %q", ErrUnknownStream, t.stream.name)
		}
	}
	events, rest := h.begin(s, wish, notices)
	if len(events) > 0 {
		s.replay = &replay{events}
	}
	for i, t := range s.topics {
		s.topics[i].index = len(g.lists[t.stream])
		g.lists[t.stream] = append(g.lists[t.stream], s)
	}
	if rest != nil {
		s.needRare().rest = rest
		s.position = noPosition
		s.endLocked(slow)
	}
	return nil
}

func (s *Subscription) closeAfter(ctx context.Context) {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	s.closeAfterLocked(ctx)
}

func (s *Subscription) closeAfterLocked(ctx context.Context) {
	rare := s.needRare()
	rare.ctx = ctx
	rare.stop = context.AfterFunc(ctx, s.Close) // in a goroutine of its own, so it can wait for the lock
}

// beginLocked gives a subscription that waited for the log the position where the
// log begins. It reports false if the subscription has one, or asked for another.
func (s *Subscription) beginLocked(at ID) bool {
	if s.epoch != "" || s.rare.asked.LastEventID != "" || !s.rare.asked.Since.IsZero() {
		return false
	}
	s.epoch, s.position, s.after = at.epoch, at.seq, at.seq
	s.rare.asked = nil
	return true
}

// topics returns the streams that are wanted, and notices of those that there are
// not.
func (h *Hub) topics(names []string, skipUnknown bool) (topics []topic, notices []*Event, err error) {
	if len(names) > MaxStreamsPerSubscription {
		return nil, nil, fmt.Errorf("%w: %d, at most %d", ErrTooManyStreams, len(names), MaxStreamsPerSubscription)
	}
	topics = make([]topic, 0, len(names))
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			continue
		}
		s, err := h.stream(streamName(name))
		if err != nil && skipUnknown {
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
		topics = append(topics, topic{stream: s})
	}
	return topics, notices, nil
}
