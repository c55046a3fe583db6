package natslog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// The bounds of what is read ahead.
const (
	aheadMessages = 4096
	aheadBytes    = 64 << 20
	batchMessages = 1024
)

const (
	// watchEvery is how often the end of the stream is compared with what was read.
	watchEvery = time.Second

	// stalledAfter is how many such comparisons a consumer may be behind without having
	// read anything in between.
	stalledAfter = 3

	// A consumer of a server elsewhere sends a heartbeat, and is asked again so often.
	pullHeartbeat = 2 * time.Second
	pullExpiry    = 10 * time.Second

	// askTimeout bounds a question to a server elsewhere.
	askTimeout = 2 * time.Second

	// askAgain is after how long a question without an answer is asked again, at first.
	askAgain = 500 * time.Millisecond
)

// errStalled ends the reading of a stream of which the server does not know the end yet.
var errStalled = errors.New("natslog: the server lags")

// errDeaf ends a consumer that reads nothing although there is something to read.
var errDeaf = errors.New("natslog: the consumer has stalled")

// read hands the messages after those that t has to it. It returns nil when the timeline has
// ended.
func (l *Log) read(ctx context.Context, now *timeline, t *teller) error {
	info, err := l.info(ctx, now.life)
	if err != nil {
		return err
	}
	if err := t.begin(info); err != nil {
		return err
	}
	consumer, err := now.life.js.OrderedConsumer(ctx, l.opts.Name, jetstream.OrderedConsumerConfig{
		DeliverPolicy:    jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:      t.read + 1,
		MaxResetAttempts: 1,
	})
	if err != nil {
		return fmt.Errorf("natslog: consumer: %w", err)
	}
	options := []jetstream.PullMessagesOpt{jetstream.PullMaxMessagesWithBytesLimit(aheadMessages, aheadBytes)}
	if l.shared {
		options = append(options, jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullHeartbeat))
	}
	messages, err := consumer.Messages(options...)
	if err != nil {
		return fmt.Errorf("natslog: consumer: %w", err)
	}
	arrived, failed := make(chan jetstream.Msg, aheadMessages), make(chan error, 1)
	reading, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { failed <- pump(reading, messages, arrived) })
	questions, states := make(chan struct{}, 1), make(chan state, 1)
	running.Go(func() { l.answer(reading, now.life, questions, states) })
	defer running.Wait()
	defer messages.Stop()
	defer stop()
	return l.hand(ctx, now, t, arrived, failed, questions, states)
}

// state is the state of the stream, or why it is not known.
type state struct {
	info *jetstream.StreamInfo
	err  error
}

// answer asks the server for the state of the stream for each question, until ctx ends.
// There is one question at a time.
func (l *Log) answer(ctx context.Context, one *life, questions <-chan struct{}, states chan<- state) {
	for {
		select {
		case <-questions:
			info, err := l.info(ctx, one)
			states <- state{info, err}
		case <-ctx.Done():
			return
		}
	}
}

// pump moves messages from a consumer into a channel until ctx ends.
func pump(ctx context.Context, from jetstream.MessagesContext, to chan<- jetstream.Msg) error {
	for {
		msg, err := from.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		select {
		case to <- msg:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// hand hands messages to t as they arrive, in batches, and watches the consumer.
func (l *Log) hand(ctx context.Context, now *timeline, t *teller, arrived <-chan jetstream.Msg, failed <-chan error, questions chan<- struct{}, states <-chan state) error {
	watch := time.NewTicker(watchEvery)
	defer watch.Stop()
	asking, asked := false, uint64(0)
	behind, before := 0, t.read
	for {
		select {
		case msg := <-arrived:
			if err := t.take(msg); err != nil {
				return err
			}
			for range min(len(arrived), batchMessages) {
				if err := t.take(<-arrived); err != nil {
					return err
				}
			}
			if err := t.flush(); err != nil {
				return err
			}
		case err := <-failed:
			return fmt.Errorf("natslog: consumer: %w", err)
		case <-watch.C:
			if !asking {
				asking, asked = true, t.read
				questions <- struct{}{}
			}
		case state := <-states:
			asking = false
			switch {
			case l.shared && state.err != nil && !errors.Is(state.err, errOver):
				continue // the consumer may work all the same, and what it does not deliver is missed
			case state.err != nil:
				return state.err
			case len(arrived) > 0:
				continue
			}
			if err := t.watch(ctx, state.info, asked); err != nil {
				return err
			}
			if behind++; t.read != before || !t.isBehind() {
				behind, before, t.deaf = 0, t.read, 0
			}
			if behind >= l.patienceFor(t) {
				t.deaf++
				return errDeaf
			}
		case <-now.ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// info returns the state of the stream, or errOver if a life is over.
func (l *Log) info(ctx context.Context, one *life) (*jetstream.StreamInfo, error) {
	patience := l.opts.Patience
	if l.shared {
		patience = min(patience, askTimeout)
	}
	waiting, enough := context.WithTimeout(ctx, patience)
	defer enough()
	var info *jetstream.StreamInfo
	err := l.ask(waiting, func(ctx context.Context) (err error) {
		info, err = one.stream.Info(ctx)
		return err
	})
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

// ask asks servers a question until ctx ends, which must have a deadline. Servers elsewhere that have
// no leader yet answer nothing, also later, so it is asked again: else whoever asks just before the
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

// patienceFor returns how many comparisons a consumer may be behind. While the log counts as lost
// nothing can be published before there is another one, so the first one is replaced at once.
func (l *Log) patienceFor(t *teller) int {
	if l.shared && l.Failure() != nil {
		return min(1+t.deaf, stalledAfter)
	}
	return stalledAfter
}
