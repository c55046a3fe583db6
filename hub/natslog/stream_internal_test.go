package natslog

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// contested is a stream whose first root another process writes just when it was asked how many there are.
type contested struct {
	jetstream.Stream
	asked int
}

func (c *contested) Info(context.Context, ...jetstream.StreamInfoOpt) (*jetstream.StreamInfo, error) {
	c.asked++
	info := &jetstream.StreamInfo{Config: jetstream.StreamConfig{Replicas: 1}}
	if c.asked > 1 {
		info.State.Subjects = map[string]uint64{subject{kind: rootKind}.text(DefaultName): 1}
	}
	return info, nil
}

func (c *contested) GetLastMsgForSubject(_ context.Context, to string) (*jetstream.RawStreamMsg, error) {
	msg := sealed(to, []byte("nonce"), 0)
	msg.Header.Set(rootsHeader, "1")
	return &jetstream.RawStreamMsg{Subject: to, Sequence: 1, Header: msg.Header, Data: msg.Data}, nil
}

// Of several processes that start together one begins an epoch, and the others find it, also if it comes
// between their two questions. Otherwise they would begin a second one, and the first clients get a reset.
func TestRootOfAnotherProcessBetweenQuestions(t *testing.T) {
	l := &Log{opts: Options{Name: DefaultName}, shared: true}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	one, err := l.look(ctx, new(contested))
	if err != nil {
		t.Fatal(err)
	}
	if one.epoch == "" || one.first != 1 {
		t.Errorf("epoch %q, first %d: want that of the root", one.epoch, one.first)
	}
}
