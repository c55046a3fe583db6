package natslog

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// floor is what is known of a stream beside its messages. It is a message itself, and the
// newest one counts.
type floor struct {
	upTo   uint64    // documents of the stream, or of keys of it that have ended, are missing up to here
	unused time.Time // since when nobody has configured the stream; zero if it is configured
}

// unusedText is the body of the floor of a stream that is not configured. The time is that of
// the message.
const unusedText = "unused"

// putFloor stores the floor of a stream, and returns its sequence. It comes before anything is
// removed, so that the store still has its newest message afterwards. The caller holds writing.
func (l *Log) putFloor(ctx context.Context, one *life, stream string, upTo uint64, unused bool) (uint64, error) {
	l.mu.Lock()
	upTo = max(upTo, l.floors[stream].upTo)
	l.mu.Unlock()
	var body []byte
	if unused {
		body = []byte(unusedText)
	}
	seq, err := l.putNote(ctx, one, subject{floorKind, stream}, body, upTo)
	if err == nil {
		l.noteFloor(stream, upTo, unused, time.Now())
	}
	return seq, err
}

// putNote stores a message that is no event, and returns its sequence. The caller holds writing.
func (l *Log) putNote(ctx context.Context, one *life, to subject, body []byte, upTo uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, l.opts.Patience)
	defer cancel()
	ack, err := l.js.PublishMsg(ctx, sealed(to.text(l.opts.Name), body, upTo), jetstream.WithRetryAttempts(0))
	if err != nil {
		return 0, fmt.Errorf("natslog: note %s of %q: %w", to.kind, to.stream, err)
	}
	l.opts.Server.Stored(ack.Sequence)
	l.grow(one, ack.Sequence)
	return ack.Sequence, nil
}

// noteFloor notes the newest floor of a stream.
func (l *Log) noteFloor(stream string, upTo uint64, unused bool, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := floor{upTo: max(upTo, l.floors[stream].upTo)}
	if unused {
		f.unused = at
	}
	l.floors[stream] = f
}

// drop forgets a subject, of which everything up to a sequence is removed. The caller holds
// writing.
func (l *Log) drop(to string, upTo uint64) {
	delete(l.heads, to)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, newest := range []map[string]latest{l.newest, l.untold} {
		if last, ok := newest[to]; ok && last.event.ID().Seq() <= upTo {
			delete(newest, to)
		}
	}
	l.dropped[to] = upTo
}

// takeDropped returns the subjects that were dropped since, and the sequences up to which.
func (l *Log) takeDropped() map[string]uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.dropped) == 0 {
		return nil
	}
	dropped := l.dropped
	l.dropped = make(map[string]uint64)
	return dropped
}
