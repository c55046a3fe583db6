package natslog

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// numbered are the messages of a consumer, which has given them these numbers. The last one is followed
// by an error.
type numbered struct {
	jetstream.MessagesContext
	numbers []uint64
}

var errDrained = errors.New("no more messages")

func (n *numbered) Next(...jetstream.NextOpt) (jetstream.Msg, error) {
	if len(n.numbers) == 0 {
		return nil, errDrained
	}
	one := numberedMsg{number: n.numbers[0]}
	n.numbers = n.numbers[1:]
	return one, nil
}

type numberedMsg struct {
	jetstream.Msg
	number uint64
}

func (m numberedMsg) Metadata() (*jetstream.MsgMetadata, error) {
	return &jetstream.MsgMetadata{Sequence: jetstream.SequencePair{Consumer: m.number}}, nil
}

// A consumer that leaves a message out, or begins anew, is replaced before anything behind that is read.
func TestConsumerThatSkipsEnds(t *testing.T) {
	for _, row := range []struct {
		numbers []uint64
		read    int
		want    error
	}{
		{nil, 0, errDrained},
		{[]uint64{1, 2, 3}, 3, errDrained},
		{[]uint64{2}, 0, errSkips},
		{[]uint64{1, 3, 4}, 1, errSkips},
		{[]uint64{1, 2, 1}, 2, errSkips},
		{[]uint64{1, 1}, 1, errSkips},
	} {
		arrived := make(chan jetstream.Msg, aheadMessages)
		err := pump(context.Background(), &numbered{numbers: row.numbers}, arrived)
		if !errors.Is(err, row.want) || len(arrived) != row.read {
			t.Errorf("numbers %d: %d messages and %v, want %d and %v", row.numbers, len(arrived), err, row.read, row.want)
		}
	}
}
