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
	// Streams are the names of the wanted streams, at most
	// MaxStreamsPerSubscription. A repeated name counts once. An empty list means
	// DefaultStream. The keys of streams with keys come into existence.
	Streams []string

	// LastEventID is the ID after which to resume, as a client sent it. Zero means to
	// begin with the newest event of each stream. Of several IDs the greatest one that
	// was given out in this epoch counts. If none does, a reset comes first.
	LastEventID LastEventID

	// SkipUnknown reports an unknown stream by a last status with the state Down and
	// the error "removed", instead of by an error of Subscribe, if there is another
	// stream that exists.
	SkipUnknown bool

	// Hidden names those of Streams that count as unknown for this subscriber, whether
	// they exist or not.
	Hidden []string

	// Since, if not zero, begins with the events that are kept from then on. A stream
	// without such an event begins with its newest one. If there were more events, a
	// reset with ReasonEvicted comes first. It is ignored with LastEventID.
	Since time.Time

	// Fresh names those of Streams of which a client that resumes after LastEventID has
	// nothing yet, because it asks for them for the first time. They begin with their
	// newest document, wherever that is. It is ignored without LastEventID.
	Fresh []string

	// Replay is what the subscriber gets of the documents that it missed. ReplayDefault
	// is what each stream says.
	Replay Replay

	// Later leaves Replay empty but for a reset or last statuses. The subscription has
	// already ended with ErrSlow, and Resume gives the beginning of the replay.
	Later bool

	// Owner is returned by [Subscription.Owner].
	Owner any
}

// Subscribe begins a subscription. Joining is atomic: every event of the wanted
// streams is either in Replay or comes through Events, never both and never
// neither. It does not wait. When ctx ends, so does the subscription; a ctx that
// cannot end costs nothing. Errors: ErrUnknownStream, ErrUnknownKey,
// ErrTooManyStreams, ErrTooManyKeys, ErrClosed.
//
// No position can be checked before the log has told its epoch, which it does as
// soon as Run runs. A subscription that begins before that and asked for a position
// ends with ErrGap as soon as the epoch is known, and Resume continues from that
// position. A subscription that asked for none gets every event that the log has
// kept.
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
	from := h.newStartPoint(opts)
	for {
		topics, notices, err := h.enterNames(names, opts.Hidden, opts.SkipUnknown)
		if err != nil {
			return nil, err
		}
		if len(topics) == 0 {
			return nil, ErrUnknownStream
		}
		s := h.newSubscription(g, opts.Owner, topics)
		s.replayMode, s.several = opts.Replay, len(names) > 1
		g.mu.Lock()
		err = s.joinLocked(from, notices)
		if err == nil {
			h.subscribers.Add(1)
		}
		g.mu.Unlock()
		if err != nil {
			h.leaveAll(topics)
		}
		switch {
		case errors.Is(err, ErrUnknownStream):
			continue // a stream was removed after it was looked up, and will not be found again
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
	s := &Subscription{group: g, owner: owner, events: make(chan *Event, h.opts.Buffer)}
	s.setTopics(topics)
	return s
}

// joinLocked adds a subscription to the lists of its streams, and sets its replay. The
// caller holds the lock of the group, and counts the subscription.
func (s *Subscription) joinLocked(from startPoint, notices []*Event) error {
	g, h := s.group, s.group.hub
	if g.closed {
		return ErrClosed
	}
	for _, t := range s.topics() {
		if t.stream.removed.Load() {
			return fmt.Errorf("%w %q", ErrUnknownStream, t.stream.name)
		}
	}
	events, rest := h.begin(s, from, notices)
	if len(events) > 0 {
		s.replay = &replay{events}
	}
	topics := s.topics()
	for i, t := range topics {
		topics[i].index = len(g.lists[t.stream])
		g.lists[t.stream] = append(g.lists[t.stream], s)
	}
	if rest != nil {
		s.ensureRare().rest = rest
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
	rare := s.ensureRare()
	rare.ctx = ctx
	rare.stop = context.AfterFunc(ctx, s.Close) // runs in its own goroutine, so it can wait for the lock
}

// adoptEpochLocked gives a subscription that waited for the log the position at which
// the log begins. It returns false if the subscription has a position, or asked for
// one, or if the history of its streams is still to come.
func (s *Subscription) adoptEpochLocked(at ID) bool {
	if s.epoch != "" || s.group.hub.opts.Beginnings || !s.rare.asked.LastEventID.IsZero() || !s.rare.asked.Since.IsZero() {
		return false
	}
	s.epoch, s.position, s.after = at.epoch, at.seq, at.seq
	s.rare.asked = nil
	return true
}

// enterNames enters the wanted streams, and returns them and notices about those that do
// not exist, or are hidden. After an error it has entered none.
func (h *Hub) enterNames(names, hidden []string, skipUnknown bool) (topics []topic, notices []*Event, err error) {
	if len(names) > MaxStreamsPerSubscription {
		return nil, nil, fmt.Errorf("%w: %d, at most %d", ErrTooManyStreams, len(names), MaxStreamsPerSubscription)
	}
	topics = make([]topic, 0, len(names))
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			continue
		}
		s, notice, err := h.enterOrNotice(streamName(name), slices.Contains(hidden, name), skipUnknown)
		switch {
		case err != nil:
			h.leaveAll(topics)
			return nil, nil, err
		case s == nil:
			notices = append(notices, notice)
		default:
			topics = append(topics, topic{stream: s})
		}
	}
	return topics, notices, nil
}

// enterOrNotice enters a stream. For one that does not exist, or is hidden, it returns a
// notice, if skipUnknown is set.
func (h *Hub) enterOrNotice(name string, hidden, skipUnknown bool) (s *stream, notice *Event, err error) {
	if hidden {
		err = unknownStream(name)
	} else {
		s, err = h.enterName(name)
	}
	if skipUnknown && errors.Is(err, ErrUnknownStream) {
		notice, err = removedStatus(name)
	}
	return s, notice, err
}
