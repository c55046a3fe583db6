package natslog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/polluxhub/pollux/hub"
)

// Append implements [hub.Log].
func (l *Log) Append(ctx context.Context, m hub.Message) (hub.ID, error) {
	if err := m.Check(); err != nil {
		return hub.ID{}, err
	}
	if _, err := l.current(ctx); err != nil { // waits for Open
		return hub.ID{}, err
	}
	if failure := l.Failure(); failure != nil && l.shared {
		return l.hold(m, failure) // without a place in the queue of those who append
	}
	if err := l.lock(ctx); err != nil {
		return hub.ID{}, l.counters.refuse(err)
	}
	defer l.unlock()
	l.mu.Lock()
	closed, now, failure := l.closed, l.now, l.failure
	l.mu.Unlock()
	switch {
	case closed:
		return hub.ID{}, hub.ErrLogClosed
	case l.shared && failure != nil:
		return l.hold(m, failure)
	case now.memory != nil:
		return l.remember(now, m)
	}
	began := time.Now()
	seq, err := l.put(ctx, now.life, m)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	switch {
	case err == nil:
		l.counters.appended(time.Since(began))
		l.release(subjectFor(l.opts.Name, m))
		if err := l.await(now.life.epoch, seq, m, time.Now()); err != nil {
			return hub.ID{}, err
		}
		return hub.NewID(now.life.epoch, seq)
	case !isFailure(err):
		return hub.ID{}, l.counters.refuse(err)
	case l.shared:
		return l.hold(m, err)
	}
	l.fail(err)
	if !m.State {
		return hub.ID{}, l.counters.refuse(err)
	}
	l.mu.Lock()
	now = l.now
	l.mu.Unlock()
	return l.remember(now, m)
}

// AppendAll implements [hub.BatchLog].
func (l *Log) AppendAll(ctx context.Context, list []hub.Message) ([]hub.ID, error) {
	ids := make([]hub.ID, 0, len(list))
	for _, m := range list {
		id, err := l.Append(ctx, m)
		if err != nil {
			return ids, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// errUnanswered is returned for a message that can be sent again, because it has the name of its
// publication: the server that was to store it may be gone.
var errUnanswered = fmt.Errorf("%w: JetStream does not answer", hub.ErrLogUnavailable)

// moment is how long put waits before it sends a message again that was not answered.
const moment = 50 * time.Millisecond

// conflicts is how often an event is tried again that others have overtaken.
const conflicts = 100

// put stores a message and returns its sequence. The caller holds writing.
func (l *Log) put(ctx context.Context, one *life, m hub.Message) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, l.opts.Patience)
	defer cancel()
	health := l.opts.Server.Health()
	defer context.AfterFunc(health, cancel)() // a server that has failed acknowledges nothing
	for range conflicts {
		seq, err := l.try(ctx, one, m)
		if err != nil && health.Err() != nil {
			return 0, classify(context.Cause(health))
		}
		if errors.Is(err, hub.ErrSuperseded) {
			l.counters.superseded.Add(1)
		}
		if errors.Is(err, errUnanswered) {
			_ = sleep(ctx, moment) // the next attempt says that ctx has ended
			continue
		}
		if !isConflict(err) {
			return seq, err
		}
		l.counters.conflicts.Add(1)
		if l.shared { // the stream may be another one
			if _, err := l.info(ctx, one); err != nil {
				return 0, classify(err)
			}
		}
	}
	return 0, fmt.Errorf("%w: others publish to %q", hub.ErrLogUnavailable, m.Stream)
}

// try stores a message if its predecessor is the one that is known.
func (l *Log) try(ctx context.Context, one *life, m hub.Message) (uint64, error) {
	msg, err := seal(l.opts.Name, m, 0)
	if err != nil {
		return 0, err
	}
	end, isStored, err := l.endOf(ctx, one, m, msg)
	if err != nil {
		return 0, classify(err)
	}
	if isStored {
		return end.last, nil
	}
	if isSuperseded(one, m, end) {
		l.heads[msg.Subject] = end
		return 0, hub.ErrSuperseded
	}
	if msg, err = seal(l.opts.Name, m, end.previous); err != nil {
		return 0, err
	}
	if end.floor > 0 {
		msg.Header.Set(floorHeader, strconv.FormatUint(end.floor, 10))
	}
	if l.shared {
		msg.Header.Set(writerHeader, l.instance)
	}
	options := []jetstream.PublishOpt{jetstream.WithExpectLastSequencePerSubject(end.last), jetstream.WithRetryAttempts(0)}
	if m.Once != "" {
		options = append(options, jetstream.WithMsgID(onceID(one.epoch, m.Once, msg)))
	}
	before := l.reaches(one)
	publishing, enough := ctx, context.CancelFunc(func() {})
	if l.shared {
		publishing, enough = context.WithTimeout(ctx, askTimeout) // a leader that is gone never answers
	}
	ack, err := l.js.PublishMsg(publishing, msg, options...)
	unanswered := publishing.Err() != nil && ctx.Err() == nil
	enough()
	if err != nil {
		delete(l.heads, msg.Subject)
		if end.unsure || !isConflict(err) { // it may have been stored nevertheless
			l.heads[msg.Subject] = head{previous: end.previous, unsure: true}
		}
		if m.Once != "" && (unanswered || isInProcess(err)) {
			return 0, errUnanswered
		}
		if isConflict(err) {
			return 0, err
		}
		return 0, classify(err)
	}
	if l.shared && !ack.Duplicate && ack.Sequence <= before {
		return 0, classify(errOver) // this is another stream, of which Tail tells
	}
	if ack.Duplicate {
		delete(l.heads, msg.Subject) // there may be newer ones since
		return ack.Sequence, nil
	}
	l.heads[msg.Subject] = head{last: ack.Sequence, previous: ack.Sequence, own: true}
	l.opts.Server.Stored(ack.Sequence)
	l.grow(one, ack.Sequence)
	return ack.Sequence, nil
}

// reaches returns the newest message of a life that is known.
func (l *Log) reaches(one *life) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(one.extent.last, one.first)
}

// isSuperseded reports whether the end of the subject of a message is behind what its publisher
// has seen.
func isSuperseded(one *life, m hub.Message, end head) bool {
	return !m.Seen.IsZero() && (m.Seen.Epoch() != one.epoch || end.previous > m.Seen.Seq())
}

// await notes a message that was stored and that Tail has not emitted yet.
func (l *Log) await(epoch string, seq uint64, m hub.Message, at time.Time) error {
	id, err := hub.NewID(epoch, seq)
	if err != nil {
		return err
	}
	e, err := hub.NewEvent(id, at, m)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	to := subjectOf(l.opts.Name, e)
	if last, ok := l.newest[to]; !ok || last.event.ID().Epoch() != epoch || last.event.ID().Seq() < seq {
		l.untold[to] = latest{e, m.Status}
	}
	return nil
}

// Codes of JetStream that package jetstream does not name.
const (
	codeInsufficientResources = 10023
	codeStorageExceeded       = 10047
	codeStoreFailed           = 10077
	codeInProcess             = 10158 // a message with this message ID is being stored
)

// isInProcess reports whether JetStream stores a message with the same message ID at this moment.
func isInProcess(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == codeInProcess
}

// classify wraps an error of JetStream as hub.ErrLogFull, hub.ErrLogUnavailable or
// hub.ErrTooLarge.
func classify(err error) error {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrMaxPayload), errors.Is(err, jetstream.ErrStreamMessageExceedsMaximum):
		return fmt.Errorf("%w: %w", hub.ErrTooLarge, err)
	case errors.As(err, &api) && (api.ErrorCode == codeInsufficientResources || api.ErrorCode == codeStorageExceeded),
		errors.As(err, &api) && api.ErrorCode == codeStoreFailed && !strings.Contains(api.Description, syscall.EROFS.Error()),
		strings.Contains(err.Error(), syscall.ENOSPC.Error()):
		return fmt.Errorf("%w: %w", hub.ErrLogFull, err)
	}
	return fmt.Errorf("%w: %w", hub.ErrLogUnavailable, err)
}

// isFailure reports whether an error says that JetStream stores nothing now.
func isFailure(err error) bool {
	return errors.Is(err, hub.ErrLogFull) || errors.Is(err, hub.ErrLogUnavailable)
}
