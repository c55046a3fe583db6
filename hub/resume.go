package hub

import (
	"context"
	"errors"
	"slices"
)

// ErrOpen is returned by Resume of a subscription that has not ended.
var ErrOpen = errors.New("hub: subscription has not ended")

// Resume returns a subscription that continues one that ended with ErrSlow or
// ErrGap, and replaces it in the counts. It continues after the last event that was
// put into the channel, where the replay was cut, or before the events that Pause took
// back. So the owner must have handled Replay, and every event in the channel. For a
// stream that was removed meanwhile there is a last status. If no stream is left, the
// new subscription has already ended, with ErrUnknownStream.
//
// If the next event was lost in a gap, or was evicted, the new subscription begins
// with a reset and the newest event of the stream. What it gets of many missed
// documents, SubscribeOptions.Replay and StreamOptions.Replay say.
//
// Resume does not wait. Errors: why the subscription ended, if it cannot be resumed;
// ErrOpen; ErrClosed. After an error the subscription is unchanged.
func (s *Subscription) Resume() (*Subscription, error) {
	for {
		old, from, err := s.stopped()
		if err != nil {
			return nil, err
		}
		next, err := s.resumeFrom(old, from)
		if !errors.Is(err, ErrUnknownStream) {
			return next, err
		}
		// A stream was removed after it was looked up. It will not be found again.
	}
}

// stopped returns the streams of the subscription, and where to continue.
func (s *Subscription) stopped() ([]topic, startPoint, error) {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	switch {
	case !s.counts:
		return nil, startPoint{}, ErrClosed
	case s.ended == open:
		return nil, startPoint{}, ErrOpen
	case s.ended != slow && s.ended != gap:
		return nil, startPoint{}, endings[s.ended]
	case s.epoch == "":
		from := s.group.hub.newStartPoint(*s.rare.asked)
		from.refuted = s.rare.refuted
		return slices.Clone(s.topics()), from, nil
	}
	from := startPoint{epoch: s.epoch}
	if s.rare != nil {
		from.rest, from.notices = s.rare.rest, s.rare.notices
	}
	if from.rest == nil {
		from.rest = &plan{replayed: s.after, statusAfter: s.after}
	}
	return slices.Clone(s.topics()), from, nil
}

// resumeFrom returns the subscription that replaces this one.
func (s *Subscription) resumeFrom(old []topic, from startPoint) (*Subscription, error) {
	g, h := s.group, s.group.hub
	topics, entered, notices, err := h.renew(old)
	if err != nil {
		return nil, err
	}
	if from.rest != nil {
		from.rest = from.rest.of(old, topics)
	}
	notices = slices.Concat(from.notices, notices)
	next := h.newSubscription(g, s.owner, topics)
	next.replayMode, next.several = s.replayMode, s.several
	if err := s.continueAs(next, from, notices); err != nil {
		h.leaveAll(entered)
		return nil, err
	}
	return next, nil
}

// continueAs makes next, which has entered its streams, join in place of s.
func (s *Subscription) continueAs(next *Subscription, from startPoint, notices []*Event) error {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	switch {
	case !s.counts:
		return ErrClosed // its context ended a moment ago
	case len(next.topics()) > 0:
		if err := next.joinLocked(from, notices); err != nil {
			return err
		}
	default:
		next.replay = &replay{notices}
		next.epoch, next.after, next.position = s.epoch, s.after, s.after
		next.endLocked(removed)
	}
	s.handOverLocked(next)
	return nil
}

// renew returns the streams of a subscription that is resumed, and notices about those
// that were removed. A stream that was removed and is there again is entered. The others
// count already.
func (h *Hub) renew(old []topic) (topics, entered []topic, notices []*Event, err error) {
	topics = make([]topic, 0, len(old))
	for _, t := range old {
		if !t.stream.removed.Load() {
			topics = append(topics, topic{stream: t.stream})
			continue
		}
		s, notice, err := h.enterOrNotice(t.stream.name, false, true)
		switch {
		case err != nil:
			h.leaveAll(entered)
			return nil, nil, nil, err
		case s == nil:
			notices = append(notices, notice)
		default:
			topics, entered = append(topics, topic{stream: s}), append(entered, topic{stream: s})
		}
	}
	return topics, entered, notices, nil
}

// handOverLocked counts next, which has entered its streams, instead of s.
func (s *Subscription) handOverLocked(next *Subscription) {
	for _, t := range s.topics() {
		if !has(next.topics(), t.stream) {
			s.group.hub.leave(t.stream)
		}
	}
	var ctx context.Context
	if s.rare != nil {
		ctx = s.rare.ctx
	}
	s.clearLocked()
	if ctx != nil {
		next.closeAfterLocked(ctx)
	}
}

func has(topics []topic, s *stream) bool {
	return slices.ContainsFunc(topics, func(t topic) bool { return t.stream == s })
}
