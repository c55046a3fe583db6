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
	watchEvery = 2 * time.Second

	// stalledAfter is how many such comparisons a consumer may be behind without having
	// read anything in between.
	stalledAfter = 3
)

// errStalled ends a consumer that reads nothing although there is something to read.
var errStalled = errors.New("natslog: the consumer has stalled")

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
	consumer, err := l.js.OrderedConsumer(ctx, l.opts.Name, jetstream.OrderedConsumerConfig{
		DeliverPolicy:    jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:      t.read + 1,
		MaxResetAttempts: 1,
	})
	if err != nil {
		return fmt.Errorf("natslog: consumer: %w", err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(aheadMessages, aheadBytes))
	if err != nil {
		return fmt.Errorf("natslog: consumer: %w", err)
	}
	arrived, failed := make(chan jetstream.Msg, aheadMessages), make(chan error, 1)
	reading, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { failed <- pump(reading, messages, arrived) })
	defer running.Wait()
	defer messages.Stop()
	defer stop()
	return l.hand(ctx, now, t, arrived, failed)
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
func (l *Log) hand(ctx context.Context, now *timeline, t *teller, arrived <-chan jetstream.Msg, failed <-chan error) error {
	watch := time.NewTicker(watchEvery)
	defer watch.Stop()
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
			info, err := l.info(ctx, now.life)
			if err != nil {
				return err
			}
			if len(arrived) > 0 {
				continue
			}
			if err := t.watch(ctx, info); err != nil {
				return err
			}
			if behind++; t.read != before || !t.isBehind() {
				behind, before = 0, t.read
			}
			if behind >= stalledAfter {
				return errStalled
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
	waiting, enough := context.WithTimeout(ctx, l.opts.Patience)
	defer enough()
	info, err := one.stream.Info(waiting)
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
