package natslog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// The bounds of what is read ahead.
	aheadMessages = 4096
	aheadBytes    = 64 << 20

	// A consumer of a server elsewhere sends a heartbeat, and is asked again so often.
	pullHeartbeat = 2 * time.Second
	pullExpiry    = 10 * time.Second

	// consumerIdle is how long JetStream keeps a consumer that nobody asks any more, if it was not told
	// that the consumer has ended.
	consumerIdle = time.Minute
)

// consumer is a consumer of JetStream that delivers messages.
type consumer struct {
	jetstream.MessagesContext
	conn   *nats.Conn
	remove string // the subject that removes it
}

// Stop ends the consumer, and has it removed. It waits for no answer, because the server may be gone. A
// server that ends waits for 50 ms if it has a consumer of which messages were asked.
func (c *consumer) Stop() {
	c.MessagesContext.Stop()
	_ = c.conn.Publish(c.remove, nil)
}

// errSkips ends a consumer that has left out a message, for example because the connection was lost.
var errSkips = errors.New("natslog: the consumer has left out messages")

// consume returns the messages of the stream from a sequence on. It is not an ordered consumer of package
// jetstream, because that replaces itself when it fails, and waits for ten seconds for an answer that
// does not come if there is no leader at that moment. So the reader replaces it, see read.
func (l *Log) consume(ctx context.Context, one *life, from uint64) (*consumer, error) {
	config := jetstream.ConsumerConfig{
		Name:              rand.Text(), // so that it is one, however often it is asked for
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       from,
		AckPolicy:         jetstream.AckNonePolicy,
		InactiveThreshold: consumerIdle,
		MemoryStorage:     true,
		Replicas:          1,
	}
	waiting, enough := context.WithTimeout(ctx, l.patience)
	defer enough()
	var made jetstream.Consumer
	err := l.ask(waiting, func(ctx context.Context) (err error) {
		made, err = one.js.CreateOrUpdateConsumer(ctx, l.opts.Name, config)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("natslog: consumer: %w", err)
	}
	options := []jetstream.PullMessagesOpt{
		jetstream.PullMaxMessagesWithBytesLimit(aheadMessages, aheadBytes), jetstream.WithMessagesErrOnMissingHeartbeat(true),
	}
	if l.shared {
		options = append(options, jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullHeartbeat))
	}
	messages, err := made.Messages(options...)
	if err != nil {
		return nil, fmt.Errorf("natslog: consumer: %w", err)
	}
	remove := jetstream.DefaultAPIPrefix + "CONSUMER.DELETE." + l.opts.Name + "." + config.Name
	return &consumer{messages, one.js.Conn(), remove}, nil
}

// pump moves messages from a consumer into a channel until ctx ends. They are numbered by the consumer.
func pump(ctx context.Context, from jetstream.MessagesContext, to chan<- jetstream.Msg) error {
	for number := uint64(1); ; number++ {
		msg, err := from.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		if meta, err := msg.Metadata(); err == nil && meta.Sequence.Consumer != number {
			return errSkips
		}
		select {
		case to <- msg:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
