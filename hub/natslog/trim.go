package natslog

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// bounds knows what JetStream keeps of each subject, and says what is beyond the bounds of
// its stream. It belongs to one teller.
type bounds struct {
	log  *Log
	kept map[string]*kept
	over map[string]uint64 // what is to be removed of each subject: everything before the sequence
}

// kept are the documents of one subject.
type kept struct {
	documents []document // oldest first
	bytes     int
}

type document struct {
	seq  uint64
	size int
}

func newBounds(l *Log) *bounds {
	return &bounds{log: l, kept: make(map[string]*kept), over: make(map[string]uint64)}
}

// A subject is trimmed when it is beyond its bounds by a tenth and by at least so many
// documents, because each request costs as much as storing some.
const slack = 16

// overhead is what JetStream stores beside a document, in bytes.
const overhead = 128

// add notes a document.
func (b *bounds) add(subject, stream string, seq uint64, size int) {
	if b.log.opts.Keep == nil {
		return
	}
	events, bytes := b.log.opts.Keep(stream)
	if events <= 0 || bytes <= 0 {
		return
	}
	k := b.kept[subject]
	if k == nil {
		k = new(kept)
		b.kept[subject] = k
	}
	k.documents = append(k.documents, document{seq, size + overhead})
	k.bytes += size + overhead
	if len(k.documents) <= events+max(events/10, slack) && k.bytes <= bytes+bytes/10 {
		return
	}
	drop := 0
	for drop < len(k.documents)-1 && (len(k.documents)-drop > events || k.bytes > bytes) {
		k.bytes -= k.documents[drop].size
		drop++
	}
	if drop > 0 {
		k.documents = append([]document(nil), k.documents[drop:]...)
		b.over[subject] = k.documents[0].seq
	}
}

// drop forgets documents that were removed.
func (b *bounds) drop(subject string, upTo uint64) {
	k := b.kept[subject]
	if k == nil {
		return
	}
	for len(k.documents) > 0 && k.documents[0].seq <= upTo {
		k.bytes -= k.documents[0].size
		k.documents = k.documents[1:]
	}
	if len(k.documents) == 0 {
		delete(b.kept, subject)
	}
}

// trimmed notes that the documents of a subject before a sequence were to be removed. Those that are
// there have come back, because the process was killed before JetStream had written that they are
// removed. They are removed again, and do not count as kept: otherwise fewer would be removed than
// before, and the hole behind them would look like damage.
func (b *bounds) trimmed(subject string, before uint64) {
	k := b.kept[subject]
	if k == nil || k.documents[0].seq >= before {
		return
	}
	b.drop(subject, before-1)
	b.over[subject] = max(b.over[subject], before)
}

// addLatest notes a message of which only the newest one is kept: a status or a floor.
func (b *bounds) addLatest(subject string, seq uint64) { b.over[subject] = seq }

// pass hands what is to be removed to maintain.
func (b *bounds) pass() {
	if len(b.over) == 0 {
		return
	}
	b.log.mu.Lock()
	for subject, seq := range b.over {
		b.log.trims[subject] = max(b.log.trims[subject], seq)
	}
	b.log.mu.Unlock()
	clear(b.over)
	b.log.wake()
}

// trim removes what is beyond the bounds. What cannot be removed now, or before another timeline
// begins, is removed when the subject is trimmed again.
func (l *Log) trim(ctx context.Context) {
	l.mu.Lock()
	trims, now := l.trims, l.now
	l.trims = make(map[string]uint64)
	l.mu.Unlock()
	if now.life == nil {
		return
	}
	for subject, before := range trims {
		select {
		case <-now.ended:
			return
		default:
		}
		err := l.announceTrim(ctx, now, subject, before)
		if err == nil {
			err = l.purge(ctx, now.life, subject, before)
		}
		if err != nil {
			if ctx.Err() == nil {
				l.logger.Warn("old events are not removed", "error", err)
			}
			return
		}
	}
}

// announceTrim stores that documents are removed, before they are. A process that is killed
// meanwhile may leave some of them, and their hole would look as if the store had lost the
// others.
func (l *Log) announceTrim(ctx context.Context, now *timeline, to string, before uint64) error {
	of, ok := parseSubject(l.opts.Name, to)
	if !ok || of.kind != documentKind || !l.opts.Server.Owned() {
		return nil
	}
	held, err := l.lockLife(ctx, now)
	if err != nil || !held {
		return err
	}
	defer l.unlock()
	_, err = l.putNote(ctx, now.life, subject{trimKind, of.stream}, nil, before)
	return err
}

// purge removes the messages of a subject before a sequence. The subject may have wildcards.
func (l *Log) purge(ctx context.Context, one *life, subject string, before uint64) error {
	ctx, cancel := context.WithTimeout(ctx, l.opts.Patience)
	defer cancel()
	if err := one.stream.Purge(ctx, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeSequence(before)); err != nil {
		return fmt.Errorf("natslog: purge of %s: %w", subject, err)
	}
	l.counters.trimmed.Add(1)
	return nil
}
