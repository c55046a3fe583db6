package natslog

import (
	"context"
	"errors"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// lookUnused is how often streams are looked for that are not configured.
const lookUnused = time.Hour

// takeUntidy reports whether streams are to be looked for now.
func (l *Log) takeUntidy() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	untidy := l.untidy
	l.untidy = false
	return untidy
}

// tidy marks streams that are not configured, and removes those that have not been for
// Options.Unused.
func (l *Log) tidy(ctx context.Context, at time.Time) {
	if l.shared {
		l.tidyShared(ctx, at)
		return
	}
	if l.opts.Keep == nil {
		return
	}
	now, streams := l.stored()
	for stream, f := range streams {
		events, bytes := l.opts.Keep(stream)
		isUnused := events <= 0 || bytes <= 0
		var err error
		switch {
		case isUnused && !f.unused.IsZero() && at.Sub(f.unused) >= l.opts.Unused:
			err = l.remove(ctx, now, stream)
		case isUnused != !f.unused.IsZero():
			err = l.markUnused(ctx, now, stream, isUnused)
		}
		if err != nil {
			if ctx.Err() == nil {
				l.logger.Warn("streams that are not configured are not removed", "error", err)
			}
			return
		}
	}
}

// stored returns the timeline and the streams of which it has messages. There are none while
// the store has to keep its messages.
func (l *Log) stored() (*timeline, map[string]floor) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now.life == nil || l.suspect {
		return l.now, nil
	}
	streams := make(map[string]floor)
	for _, newest := range []map[string]latest{l.newest, l.untold} {
		for _, one := range newest {
			stream, _ := hub.SplitName(one.event.Stream())
			streams[stream] = l.floors[stream]
		}
	}
	return l.now, streams
}

// markUnused stores whether a stream is configured.
func (l *Log) markUnused(ctx context.Context, now *timeline, stream string, unused bool) error {
	held, err := l.lockLife(ctx, now)
	if err != nil || !held {
		return err
	}
	defer l.unlock()
	_, err = l.putFloor(ctx, now.life, stream, 0, unused)
	if err == nil && unused {
		l.logger.Warn("a stream of the store is not configured", "stream", stream, "removed_after", l.opts.Unused.String())
	}
	return err
}

// remove removes everything of a stream but its floor.
func (l *Log) remove(ctx context.Context, now *timeline, stream string) error {
	held, err := l.lockLife(ctx, now)
	if err != nil || !held {
		return err
	}
	defer l.unlock()
	last, subjects := l.subjectsOf(stream)
	floor, err := l.putFloor(ctx, now.life, stream, last, false)
	if err != nil {
		return err
	}
	for _, to := range subjects {
		l.drop(to, last)
	}
	var errs []error
	for _, kind := range []string{documentKind, statusKind, trimKind} {
		to := subject{kind, stream}.text(l.opts.Name)
		errs = append(errs, l.purge(ctx, now.life, to, floor), l.purge(ctx, now.life, to+".*", floor))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	l.logger.Warn("the events of a stream that is not configured were removed", "stream", stream)
	return nil
}

// subjectsOf returns the subjects of a stream and of its keys, and the newest sequence of them.
func (l *Log) subjectsOf(stream string) (last uint64, subjects []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, newest := range []map[string]latest{l.newest, l.untold} {
		for to, one := range newest {
			if of, _ := hub.SplitName(one.event.Stream()); of == stream {
				last, subjects = max(last, one.event.ID().Seq()), append(subjects, to)
			}
		}
	}
	return last, subjects
}
