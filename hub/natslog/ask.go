package natslog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// askTimeout bounds a question to a server elsewhere.
	askTimeout = 2 * time.Second

	// askAgain is after how long a question without an answer is asked again, at first.
	askAgain = 500 * time.Millisecond
)

// errNoLeader is returned for an answer of a server that does not order the messages of the stream.
var errNoLeader = errors.New("natslog: the answer is not that of the leader")

// ask asks servers a question until ctx ends, which must have a deadline. Servers elsewhere that have
// no leader yet answer nothing, also later, so it is asked again: else a question just before the
// election would wait in vain. A server that answers later than beats may come counts as lost anyway.
func (l *Log) ask(ctx context.Context, question func(ctx context.Context) error) error {
	deadline, ok := ctx.Deadline()
	if !l.shared || !ok {
		return question(ctx)
	}
	for wait := askAgain; ; wait = beatTimeout {
		asking, enough := ctx, context.CancelFunc(func() {})
		if isLast := time.Until(deadline) < wait+askAgain; !isLast {
			asking, enough = context.WithTimeout(ctx, wait)
		}
		err := question(asking)
		unanswered := err != nil && asking.Err() != nil && ctx.Err() == nil
		enough()
		if !unanswered {
			return err
		}
	}
}

// info returns the state of the stream, or errOver if a life is over.
func (l *Log) info(ctx context.Context, one *life) (*jetstream.StreamInfo, error) {
	waiting, enough := context.WithTimeout(ctx, l.patience)
	defer enough()
	info, err := l.stateOf(waiting, one.stream)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, errOver
	case err != nil:
		return nil, fmt.Errorf("natslog: stream %s: %w", l.opts.Name, err)
	case !info.Created.Equal(one.created):
		return nil, errOver
	}
	l.stretch(one, info.State)
	return info, nil
}

// stateOf returns what the leader of the stream has. Other servers may answer the question before it
// does, or instead of it, while they have few messages or none: one that has just started, and those
// that know of no leader.
func (l *Log) stateOf(ctx context.Context, stream jetstream.Stream, opts ...jetstream.StreamInfoOpt) (info *jetstream.StreamInfo, err error) {
	err = l.ask(ctx, func(ctx context.Context) (err error) {
		info, err = stream.Info(ctx, opts...)
		return err
	})
	if err == nil && !isFromLeader(info) {
		return nil, errNoLeader
	}
	return info, err
}

// isFromLeader reports whether the leader of a stream has told its state: one that names another server
// as the leader, or none, lists that one, or itself, with the replicas.
func isFromLeader(info *jetstream.StreamInfo) bool {
	if info.Config.Replicas <= 1 {
		return true
	}
	c := info.Cluster
	return c != nil && c.Leader != "" && len(c.Replicas) > 0 &&
		!slices.ContainsFunc(c.Replicas, func(one *jetstream.PeerInfo) bool { return one.Name == c.Leader })
}

// newestOf returns the newest message of a subject.
func (l *Log) newestOf(ctx context.Context, stream jetstream.Stream, to string) (msg *jetstream.RawStreamMsg, err error) {
	err = l.ask(ctx, func(ctx context.Context) (err error) {
		msg, err = stream.GetLastMsgForSubject(ctx, to)
		return err
	})
	return msg, err
}

// sleep waits, or returns the error of ctx if that ends before.
func sleep(ctx context.Context, wait time.Duration) error {
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
