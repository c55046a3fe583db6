package natslog

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/polluxhub/pollux/hub"
)

// head is the end of a subject in JetStream.
type head struct {
	last     uint64 // the last message, also if it is not of Pollux
	previous uint64 // the last message of Pollux
	floor    uint64 // of the stream, if the subject has no messages
	own      bool   // this process has written it
	unsure   bool   // this process has sent a message behind previous without an answer, so it is looked for
}

// endOf returns the end of the subject of m, whose message is msg. If it says that m is stored, that is the end:
// an earlier attempt, of which this process did not hear. Only what has State is not stored again, because
// what is published may be said twice. The caller holds writing.
func (l *Log) endOf(ctx context.Context, one *life, m hub.Message, msg *nats.Msg) (end head, isStored bool, err error) {
	known, ok := l.heads[msg.Subject]
	if ok && !known.unsure {
		return known, false, nil
	}
	end, newest, err := l.findHead(ctx, one, msg.Subject, cmp.Or(m.Stream, hub.DefaultStream))
	switch {
	case err != nil, !ok:
		return end, false, err
	case end.previous == known.previous: // it may be stored yet
		end.unsure = true
		return end, false, nil
	}
	if m.State && newest != nil && (end.own || !l.shared) {
		previous, err := check(newest.Header, newest.Data)
		isStored = err == nil && previous == known.previous && bytes.Equal(newest.Data, msg.Data)
	}
	if isStored {
		l.heads[msg.Subject] = end
	}
	return end, isStored, nil
}

// findHead returns the end of a subject, and its newest message, if there is one.
func (l *Log) findHead(ctx context.Context, one *life, to, name string) (end head, newest *jetstream.RawStreamMsg, err error) {
	newest, err = l.newestOf(ctx, one.stream, to)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		stream, _ := hub.SplitName(name)
		l.mu.Lock()
		defer l.mu.Unlock()
		return head{floor: l.floors[stream].upTo}, nil, nil
	case err != nil:
		return head{}, nil, err
	}
	end = head{last: newest.Sequence, own: newest.Header.Get(writerHeader) == l.instance}
	if _, _, err := unseal(l.opts.Name, newest.Subject, newest.Header, newest.Data); err == nil {
		end.previous = newest.Sequence
	} else {
		end.previous = l.lastOf(to)
	}
	return end, newest, nil
}

// lastOf returns the sequence of the event of a subject that was emitted last, or 0.
func (l *Log) lastOf(to string) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, ok := l.newest[to]; ok && l.now.life != nil && last.event.ID().Epoch() == l.now.life.epoch {
		return last.event.ID().Seq()
	}
	return 0
}

// forgetHeads forgets the ends of all subjects, but for those behind which a message may have been stored.
// The caller holds writing.
func (l *Log) forgetHeads() {
	maps.DeleteFunc(l.heads, func(_ string, end head) bool { return !end.unsure })
}
