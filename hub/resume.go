package hub

import (
	"context"
	"errors"
	"slices"
)

// ErrOpen is returned by Resume of a subscription that has not ended.
var ErrOpen = errors.New("hub: subscription has not ended")

// Resume goes on where a subscription has stopped that ended with ErrSlow or
// ErrGap, and takes over its count: behind the last event that was put into its
// channel, or where its replay was cut. So its owner must have handled Replay, and
// everything that was in the channel. Streams that were removed meanwhile are told
// of by a last status. If none is left, the new subscription has ended already, with
// ErrUnknownStream.
//
// After a gap that it reaches into, or where history has let go of what comes next,
// it begins with a reset, and the newest event of each stream.
//
// It does not wait. Errors: why the subscription ended, if it cannot go on;
// ErrOpen; ErrClosed. After an error the subscription is what it was.
func (s *Subscription) Resume() (*Subscription, error) {
	for {
		old, wish, err := s.stopped()
		if err != nil {
			return nil, err
		}
		next, err := s.goOn(old, wish)
		if !errors.Is(err, ErrUnknownStream) {
			return next, err
		}
		// A stream was removed since it was looked up: it is not found again.
	}
}

// stopped returns the streams that the subscription has, and where to go on.
func (s *Subscription) stopped() ([]topic, wish, error) {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	switch {
	case s.topics == nil:
		return nil, wish{}, ErrClosed
	case s.ended == open:
		return nil, wish{}, ErrOpen
	case s.ended != slow && s.ended != gap:
		return nil, wish{}, endings[s.ended]
	case s.epoch == "":
		return s.topics, s.group.hub.newWish(*s.rare.asked), nil
	case s.rare != nil && s.rare.rest != nil:
		return s.topics, wish{epoch: s.epoch, rest: s.rare.rest}, nil
	default:
		return s.topics, wish{epoch: s.epoch, rest: &plan{told: s.after, changes: s.after}}, nil
	}
}

// goOn returns the subscription that takes the place of this one.
func (s *Subscription) goOn(old []topic, wish wish) (*Subscription, error) {
	g, h := s.group, s.group.hub
	topics, notices, err := h.topics(names(old), true)
	if err != nil {
		return nil, err
	}
	if wish.rest != nil {
		wish.rest = wish.rest.of(old, topics)
	}
	next := h.newSubscription(g, s.owner, topics)
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case s.topics == nil:
		return nil, ErrClosed // by the owner's context, a moment ago
	case len(topics) > 0:
		if err := next.joinLocked(wish, notices); err != nil {
			return nil, err
		}
	default:
		next.replay = &replay{notices}
		next.epoch, next.after, next.position = s.epoch, s.after, s.after
		next.endLocked(removed)
	}
	s.handOverLocked(next)
	return next, nil
}

// handOverLocked makes next count in the place of s, so that nobody sees a moment
// without either.
func (s *Subscription) handOverLocked(next *Subscription) {
	for _, t := range next.topics {
		if !has(s.topics, t.stream) {
			t.stream.count(1)
		}
	}
	for _, t := range s.topics {
		if !has(next.topics, t.stream) {
			t.stream.count(-1)
		}
	}
	var ctx context.Context
	if s.rare != nil {
		ctx = s.rare.ctx
	}
	s.letGoLocked()
	if ctx != nil {
		next.closeAfterLocked(ctx)
	}
}

func has(topics []topic, s *stream) bool {
	return slices.ContainsFunc(topics, func(t topic) bool { return t.stream == s })
}
