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

// purged is a stream that notes how often something is removed of it.
type purged struct {
	jetstream.Stream
	times  int
	during func() // nil: nothing happens meanwhile
}

func (p *purged) Purge(context.Context, ...jetstream.StreamPurgeOpt) error {
	p.times++
	if p.during != nil {
		p.during()
	}
	return nil
}

// What was to be removed in one life is not removed in the next one, which may give out the same sequences
// again: that would be its newest documents.
func TestLifeKeepsWhatTheOneBeforeTrims(t *testing.T) {
	to := func(stream string) string { return subject{statusKind, stream}.text(DefaultName) }
	trims := map[string]uint64{to("a"): 1000, to("b"): 1000}
	l := &Log{opts: Options{Name: DefaultName, Patience: time.Minute}, shared: true, trims: trims, ended: map[string]uint64{"user/1": 1000}}
	next := new(purged)
	begin := func() { l.enterLife(&life{stream: next, epoch: "next", created: time.Unix(2, 0)}) }
	before := &purged{during: begin}
	l.enter(&timeline{life: &life{stream: before, epoch: "before"}, ended: make(chan struct{})}, nil)
	l.trim(t.Context()) // amid which the next life begins
	l.trim(t.Context())
	if before.times != 1 || next.times != 0 {
		t.Errorf("removed %d times in the life before, and %d times in this one", before.times, next.times)
	}

	l.trims[to("a")] = 1000
	begin()
	l.trim(t.Context())
	if _, ended := l.takeEnded(); next.times != 0 || len(ended) > 0 {
		t.Errorf("removed %d times, and %d keys are to be removed", next.times, len(ended))
	}
}
