package natslog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/polluxhub/pollux/hub"
)

// teller makes batches of the messages of one life. It belongs to one Tail.
type teller struct {
	log  *Log
	life *life
	emit func(hub.Batch) error

	read  uint64 // the last message that was read
	end   uint64 // the last message that the stream is known to have
	count uint64 // how many were read
	short int    // how often in a row the stream had less than was read
	deaf  int    // how often in a row a consumer has read nothing

	suspect bool   // the store is to be compared with what it says it has
	first   uint64 // what it had when it was first read: up to this message
	has     uint64 // and so many messages
	holes   map[string]hole
	oldest  map[string]uint64 // the first document of each subject
	trimmed map[string]uint64 // the documents before it are removed, by subject

	settled bool   // everything was read once
	told    bool   // whether a batch was emitted
	gradual bool   // whether batches are emitted before all is read that was there at the beginning
	at      hub.ID // where the last batch ended
	batch   hub.Batch
	fresh   []latest          // of the events of the batch
	seen    map[string]uint64 // the last document of each subject
	parsed  map[string]subject
	bounds  *bounds
}

func newTeller(l *Log, one *life, emit func(hub.Batch) error, gradual bool) *teller {
	return &teller{log: l, life: one, emit: emit, gradual: gradual, seen: make(map[string]uint64), parsed: make(map[string]subject),
		holes: make(map[string]hole), oldest: make(map[string]uint64), trimmed: make(map[string]uint64), bounds: newBounds(l)}
}

// begin notes the state of the stream before it is read.
func (t *teller) begin(info *jetstream.StreamInfo) error {
	t.end = max(t.end, info.State.LastSeq)
	switch {
	case t.hasRegressed(info, t.read):
		return errRegressed
	case info.State.LastSeq < t.read:
		return errStalled // asked again soon
	}
	if t.told {
		return nil
	}
	t.log.mu.Lock()
	t.suspect = t.log.suspect
	t.log.mu.Unlock()
	t.first, t.has = info.State.LastSeq, info.State.Msgs
	var err error
	if t.at, err = hub.NewID(t.life.epoch, 0); err != nil {
		return err
	}
	if t.gradual {
		return t.tell()
	}
	return nil
}

// take adds a message to the batch. What is not of Pollux is skipped.
func (t *teller) take(msg jetstream.Msg) error {
	meta, err := msg.Metadata()
	if err != nil {
		return fmt.Errorf("natslog: %w", err)
	}
	seq := meta.Sequence.Stream
	if t.suspect && seq > t.first {
		if err := t.verify(); err != nil {
			return err
		}
	}
	t.read, t.end, t.count = seq, max(t.end, seq), t.count+1
	t.log.grow(t.life, seq)
	body := msg.Data()
	from, previous, err := t.unseal(msg.Subject(), msg.Headers(), body)
	if from.kind == beatKind && err == nil {
		t.log.hear(t.log.ownBeat(msg.Headers().Get(writerHeader), body))
		return nil
	}
	t.log.hear(0)
	if err != nil {
		t.skip(from, seq, err)
		return nil
	}
	switch from.kind {
	case rootKind:
		if seq > t.life.first {
			return errOver
		}
		return nil
	case trimKind:
		documents := subject{documentKind, from.stream}.text(t.log.opts.Name)
		if t.suspect {
			t.trimmed[documents] = max(t.trimmed[documents], previous)
		}
		t.bounds.trimmed(documents, previous)
		t.bounds.addLatest(msg.Subject(), seq)
		return nil
	case usedKind:
		t.log.noteUsed(from.stream, mark{seq, meta.Timestamp})
		t.bounds.addLatest(msg.Subject(), seq)
		return nil
	case floorKind:
		return t.floor(msg.Subject(), from.stream, previous, seq, body, meta.Timestamp)
	}
	m, err := message(from, body)
	if err != nil {
		t.skip(from, seq, err)
		return nil
	}
	id, err := hub.NewID(t.life.epoch, seq)
	if err != nil {
		return err
	}
	e, err := hub.NewEvent(id, meta.Timestamp, m)
	if err != nil {
		t.skip(from, seq, err)
		return nil
	}
	if from.kind == documentKind {
		if err := t.follow(msg, from.stream, previous, seq); err != nil {
			return err
		}
		t.bounds.add(msg.Subject(), from.stream, seq, len(body))
	} else {
		t.bounds.addLatest(msg.Subject(), seq)
	}
	t.batch.Events = append(t.batch.Events, e)
	t.fresh = append(t.fresh, latest{e, m.Status})
	return nil
}

// unseal is the function of this name, but parses each subject once.
func (t *teller) unseal(text string, header nats.Header, body []byte) (from subject, previous uint64, err error) {
	from, known := t.parsed[text]
	if !known {
		from, previous, err = unseal(t.log.opts.Name, text, header, body)
		if err == nil {
			t.parsed[text] = from
		}
		return from, previous, err
	}
	previous, err = check(header, body)
	return from, previous, err
}

// follow notes a document. If it does not follow the one that was read before, documents
// in between were lost. The first one that the stream still has says itself what came
// before it.
func (t *teller) follow(msg jetstream.Msg, stream string, previous, seq uint64) error {
	subject := msg.Subject()
	last, ok := t.seen[subject]
	if ok && previous != last {
		t.dropRemoved()
		last, ok = t.seen[subject]
	}
	if ok && previous == 0 && floorOf(msg.Headers()) >= last {
		ok = false // another node has removed all before it, because nobody used it
	}
	t.seen[subject] = seq
	if !ok && t.suspect {
		t.oldest[subject] = seq
	}
	switch {
	case !ok && previous > 0:
		t.lose(stream, previous)
	case !ok && !t.settled: // later the hub knows itself which keys have ended
		if removed := floorOf(msg.Headers()); removed > 0 {
			t.lose(stream, removed)
		}
	case ok && previous != last && t.suspect:
		if last != t.oldest[subject] { // JetStream may bring back the first one of those that were removed
			t.holes[subject] = hole{stream, last, previous}
		}
		t.lose(stream, seq-1)
	case ok && previous != last:
		t.log.counters.missing.Add(1)
		t.lose(stream, seq-1)
	}
	return nil
}

// floor notes a floor. What the batch has was before it.
func (t *teller) floor(to, stream string, upTo, seq uint64, body []byte, at time.Time) error {
	t.log.noteFloor(stream, upTo, string(body) == unusedText, at)
	if t.gradual && len(t.batch.Events) > 0 {
		if err := t.tell(); err != nil {
			return err
		}
	}
	if upTo > 0 {
		t.lose(stream, upTo)
	}
	t.bounds.addLatest(to, seq)
	return nil
}

// dropRemoved forgets what was removed, which is not missing.
func (t *teller) dropRemoved() {
	for subject, upTo := range t.log.takeDropped() {
		if t.seen[subject] <= upTo {
			delete(t.seen, subject)
			delete(t.parsed, subject)
		}
		t.bounds.drop(subject, upTo)
	}
}

// hole is where documents of a stream are missing. Of several in a stream the last one counts.
type hole struct {
	stream  string
	last    uint64 // the document before it
	missing uint64 // the newest one in it
}

// verify compares how many messages the store had with how many were read. They are
// removed only when all were read once. A hole is damage unless the documents in it were to be
// removed.
func (t *teller) verify() error {
	if t.count < t.has {
		return fmt.Errorf("%w: it has %d messages, and %d can be read", errDamaged, t.has, t.count)
	}
	t.log.mu.Lock()
	defer t.log.mu.Unlock()
	for subject, h := range t.holes {
		name, _ := hub.SplitName(h.stream)
		if h.missing >= t.trimmed[subject] && h.missing > t.log.floors[name].upTo {
			return fmt.Errorf("%w: document %d of %q is missing behind %d", errDamaged, h.missing, h.stream, h.last)
		}
	}
	t.suspect, t.holes, t.trimmed, t.oldest = false, nil, nil, nil
	t.log.suspect = false
	return nil
}

// lose notes that documents of a stream are missing.
func (t *teller) lose(stream string, upTo uint64) {
	t.batch.Lost = append(t.batch.Lost, hub.Loss{Stream: stream, UpTo: upTo})
}

// skip leaves out a message. A document that is damaged is lost for its stream.
func (t *teller) skip(from subject, seq uint64, err error) {
	broken := errors.Is(err, errBroken)
	if broken {
		t.log.counters.broken.Add(1)
	} else {
		t.log.counters.foreign.Add(1)
	}
	t.log.logger.Warn("a message of the log is skipped", "stream", from.stream, "sequence", seq, "error", err)
	if from.kind == documentKind && broken {
		t.lose(from.stream, seq)
	}
}

// isBehind reports whether the stream has messages that were not read.
func (t *teller) isBehind() bool { return t.read < t.end }

// flush emits the batch, unless it has to wait for more.
func (t *teller) flush() error {
	if !t.told && !t.gradual && t.isBehind() || len(t.batch.Events)+len(t.batch.Lost) == 0 && t.told && t.isBehind() {
		return nil
	}
	return t.tell()
}

// tell emits the batch.
func (t *teller) tell() error {
	if t.suspect && !t.isBehind() {
		if err := t.verify(); err != nil {
			return err
		}
	}
	t.batch.After = t.at
	if n := len(t.batch.Events); n > 0 {
		t.at = t.batch.Events[n-1].ID()
	}
	t.batch.Head = t.at
	if t.isBehind() {
		var err error
		if t.batch.Head, err = hub.NewID(t.life.epoch, t.end); err != nil {
			return err
		}
	}
	t.log.emitted(t.fresh)
	t.log.reach(t.life, t.read)
	if err := t.emit(t.batch); err != nil {
		return &emitError{err}
	}
	t.told = true
	t.dropRemoved()
	clear(t.batch.Events) // or it would keep dropped events alive
	clear(t.fresh)
	t.batch.Events, t.batch.Lost, t.fresh = t.batch.Events[:0], nil, t.fresh[:0]
	if cap(t.batch.Events) > 4*batchMessages {
		t.batch.Events, t.fresh = nil, nil
	}
	if !t.isBehind() {
		t.bounds.pass()
		t.settle()
	}
	return nil
}

// settle has streams looked for that are not configured, once everything was read.
func (t *teller) settle() {
	if t.settled {
		return
	}
	t.settled = true
	t.log.mu.Lock()
	t.log.untidy = true
	t.log.mu.Unlock()
	t.log.wake()
}

// watch compares what was read with the state of the stream, and tells how far that
// reaches. Messages at its end that were removed count as read. asked is the last message
// that was read when the state was asked for.
func (t *teller) watch(ctx context.Context, info *jetstream.StreamInfo, asked uint64) error {
	switch {
	case t.hasRegressed(info, asked):
		return errRegressed
	case info.State.FirstSeq > t.life.first:
		return errOver
	}
	t.end = max(t.end, info.State.LastSeq)
	if t.isBehind() {
		waiting, enough := context.WithTimeout(ctx, t.log.patience)
		defer enough()
		last, err := t.log.newestOf(waiting, t.life.stream, t.log.opts.Name+".>")
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			return errOver
		case err != nil:
			return fmt.Errorf("natslog: end of stream: %w", err)
		case last.Sequence <= t.read:
			t.read = t.end
		}
	}
	return t.flush()
}

// regressedAfter is how often in a row a stream that is shared has to have less than was read.
const regressedAfter = 3

// hasRegressed reports whether the stream has lost its newest messages. A server that has just
// become the leader may not know all of them yet, so it is asked several times.
func (t *teller) hasRegressed(info *jetstream.StreamInfo, read uint64) bool {
	if info.State.LastSeq >= read {
		t.short = 0
		return false
	}
	t.short++
	return !t.log.shared || t.short >= regressedAfter
}

// emitted notes the newest of each subject.
func (l *Log) emitted(list []latest) {
	if len(list) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range list {
		to := subjectOf(l.opts.Name, one.event)
		l.newest[to] = one
		if last, ok := l.untold[to]; ok && last.event.ID().Seq() <= one.event.ID().Seq() {
			delete(l.untold, to)
		}
	}
}

// Newest implements [hub.NewestLog].
func (l *Log) Newest(stream string) (document, status *hub.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.newest[subject{documentKind, stream}.text(l.opts.Name)].event, l.newest[subject{statusKind, stream}.text(l.opts.Name)].event
}
