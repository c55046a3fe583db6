package natslog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// batchMessages is how many messages are handed over at once.
const batchMessages = 1024

const (
	// watchEvery is how often the end of the stream is compared with what was read.
	watchEvery = time.Second

	// A consumer may be behind at so many such comparisons, less one, without having read anything in
	// between. At the first one, what it lacks may have been stored a moment ago. While the log counts
	// as lost there are more of them, and nothing is told before there is another consumer.
	stalledAfter     = 2
	stalledAfterLoss = 1

	// stalledMost is so many comparisons after several consumers in a row have read nothing, because
	// the server may be slow.
	stalledMost = 6
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
	messages, err := l.consume(ctx, now.life, t.read+1)
	if err != nil {
		return err
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

// hand hands messages to t as they arrive, in batches, and watches the consumer.
func (l *Log) hand(ctx context.Context, now *timeline, t *teller, arrived <-chan jetstream.Msg, failed <-chan error, questions chan<- struct{}, states <-chan state) error {
	watch := time.NewTimer(l.pace(watchEvery))
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
			watch.Reset(l.pace(watchEvery))
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

// patienceFor returns at how many comparisons a consumer may be behind.
func (l *Log) patienceFor(t *teller) int {
	least := stalledAfter
	if l.isLost() {
		least = stalledAfterLoss
	}
	return min(least+t.deaf, stalledMost)
}
