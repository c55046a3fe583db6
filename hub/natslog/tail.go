package natslog

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// emitError is an error of emit, which ends Tail.
type emitError struct{ err error }

func (e *emitError) Error() string { return e.err.Error() }
func (e *emitError) Unwrap() error { return e.err }

// errOver ends the reading of a life: another one has begun.
var errOver = errors.New("natslog: the stream was purged or made anew")

// errRegressed ends the reading of a life whose stream has lost its newest messages: their
// sequences would be given out again.
var errRegressed = errors.New("natslog: the stream has lost its newest messages")

// errDamaged says that a store has lost messages by itself.
var errDamaged = errors.New("natslog: the store is damaged")

// retryRead is how long Tail waits after a failure before it reads again. If reading had worked for
// longer than that, Tail does not wait.
const retryRead = time.Second

// Tail implements [hub.Log]. A life that follows another timeline is emitted in one batch,
// so that nobody sees an old document as the newest one.
func (l *Log) Tail(ctx context.Context, emit func(hub.Batch) error) error {
	first := true
	l.listens(1)
	defer l.listens(-1)
	for {
		now, err := l.current(ctx)
		if err != nil {
			return err
		}
		switch {
		case now.memory != nil:
			err = l.tailMemory(ctx, now, emit)
		case now.life != nil:
			err = l.tailLife(ctx, now, emit, first)
		default:
			select {
			case <-now.ended:
			case <-ctx.Done():
				return ctx.Err()
			}
			continue
		}
		first = false
		var ended *emitError
		switch {
		case errors.As(err, &ended):
			return ended.err
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

// tailLife emits the events of a life until it has ended.
func (l *Log) tailLife(ctx context.Context, now *timeline, emit func(hub.Batch) error, gradual bool) error {
	t := newTeller(l, now.life, emit, gradual)
	for {
		began := time.Now()
		err := l.read(ctx, now, t)
		var ended *emitError
		switch {
		case err == nil, ctx.Err() != nil, errors.As(err, &ended):
			return err
		case errors.Is(err, errDamaged):
			if err := l.replace(ctx, now, err); err == nil {
				return nil
			}
		case errors.Is(err, errOver), errors.Is(err, errRegressed):
			if err := l.renew(ctx, now, errors.Is(err, errRegressed)); err == nil {
				return nil
			}
		}
		level := slog.LevelWarn
		if l.isLost() {
			level = slog.LevelDebug // this is in the log already
		}
		wait := max(0, l.pace(retryRead)-time.Since(began))
		l.logger.Log(ctx, level, "the log cannot be read", "error", err, "next", wait.String())
		l.counters.rebuilt.Add(1)
		select {
		case <-time.After(wait):
		case <-now.ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// replace sets a damaged store aside, and begins a new one.
func (l *Log) replace(ctx context.Context, now *timeline, damage error) error {
	return l.succeed(ctx, now, func() (*life, error) {
		if err := l.setAside(damage); err != nil {
			return nil, err
		}
		return l.connect(ctx)
	})
}

// renew replaces a life that is over by the present one, or by a new one.
func (l *Log) renew(ctx context.Context, now *timeline, anew bool) error {
	return l.succeed(ctx, now, func() (*life, error) {
		waiting, enough := context.WithTimeout(ctx, l.opts.Patience)
		defer enough()
		one, err := l.open(waiting, anew, false)
		if err != nil {
			return nil, err
		}
		if one.epoch == now.life.epoch {
			return nil, errOver // not yet to be seen
		}
		l.logger.Warn("the timeline begins anew, because the stream was purged or made anew", "epoch", one.epoch)
		return one, nil
	})
}

// succeed replaces a timeline by the life that next returns, unless that has been done since.
func (l *Log) succeed(ctx context.Context, now *timeline, next func() (*life, error)) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	l.mu.Lock()
	replaced := l.now != now
	l.mu.Unlock()
	if replaced {
		return nil
	}
	one, err := next()
	if err != nil {
		return err
	}
	l.enterLife(one)
	if l.shared {
		l.keep()
	}
	return nil
}
