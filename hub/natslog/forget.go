package natslog

import (
	"context"
	"errors"

	"github.com/polluxhub/pollux/hub"
)

// forgetAtOnce is how many keys are removed without letting others append.
const forgetAtOnce = 32

// Forget implements [hub.KeyLog]. It does nothing in a log that is shared, where another node may
// have the key: see tidyShared.
func (l *Log) Forget(key string, upTo hub.ID) {
	if !l.opts.Server.Owned() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now == nil || l.now.life == nil || l.now.life.epoch != upTo.Epoch() || !l.isKnownLocked(key) {
		return
	}
	l.ended[key] = max(l.ended[key], upTo.Seq())
	l.wake()
}

// isKnownLocked reports whether there are messages of a stream or key. The caller holds mu.
func (l *Log) isKnownLocked(name string) bool {
	for _, kind := range []string{documentKind, statusKind} {
		to := subject{kind, name}.text(l.opts.Name)
		_, told := l.newest[to]
		_, untold := l.untold[to]
		if told || untold {
			return true
		}
	}
	return false
}

// forget removes what keys have left that have ended. What cannot be removed now is removed
// later.
func (l *Log) forget(ctx context.Context) {
	for {
		now, some := l.takeEnded()
		if len(some) == 0 {
			return
		}
		err := l.forgetSome(ctx, now, some)
		if err == nil {
			continue
		}
		l.mu.Lock()
		for key, upTo := range some {
			l.ended[key] = max(l.ended[key], upTo)
		}
		l.mu.Unlock()
		if ctx.Err() == nil {
			l.logger.Warn("events of keys that have ended are not removed", "error", err)
		}
		return
	}
}

// takeEnded returns some keys that have ended, and the timeline. A store whose messages are
// still counted has to keep them.
func (l *Log) takeEnded() (*timeline, map[string]uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now.life == nil {
		clear(l.ended) // they come back with the timeline
	}
	if l.suspect {
		return nil, nil
	}
	some := make(map[string]uint64, forgetAtOnce)
	for key, upTo := range l.ended {
		if len(some) == forgetAtOnce {
			break
		}
		some[key] = upTo
		delete(l.ended, key)
	}
	return l.now, some
}

func (l *Log) forgetSome(ctx context.Context, now *timeline, some map[string]uint64) error {
	held, err := l.lockLife(ctx, now)
	if err != nil || !held {
		return err
	}
	defer l.unlock()
	upTo := make(map[string]uint64)
	for key, last := range some {
		stream, _ := hub.SplitName(key)
		upTo[stream] = max(upTo[stream], last)
	}
	floors := make(map[string]uint64, len(upTo))
	for stream, last := range upTo {
		if floors[stream], err = l.putFloor(ctx, now.life, stream, last, false); err != nil {
			return err
		}
	}
	for key, last := range some {
		stream, _ := hub.SplitName(key)
		documents, statuses := subject{documentKind, key}.text(l.opts.Name), subject{statusKind, key}.text(l.opts.Name)
		l.drop(documents, last)
		l.drop(statuses, floors[stream])
		if err := errors.Join(
			l.purge(ctx, now.life, documents, last+1),
			l.purge(ctx, now.life, statuses, floors[stream]),
			l.purge(ctx, now.life, subject{trimKind, key}.text(l.opts.Name), floors[stream]),
		); err != nil {
			return err
		}
	}
	return nil
}

// lockLife is lock, but holds it only if the timeline has not been replaced.
func (l *Log) lockLife(ctx context.Context, now *timeline) (held bool, err error) {
	if err := l.lock(ctx); err != nil {
		return false, err
	}
	l.mu.Lock()
	same := l.now == now && now.life != nil
	l.mu.Unlock()
	if !same {
		l.unlock()
	}
	return same, nil
}
