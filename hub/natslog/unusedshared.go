package natslog

import (
	"context"
	"errors"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// markPart says how often a stream or key that is in use, and of which nothing else is stored,
// is marked: each Unused divided by this.
const markPart = 2

// dropPart says how much later than the first one the other nodes forget what was removed: Unused
// divided by this.
const dropPart = 7

// ends are the newest messages of a stream or key.
type ends struct {
	document, status, mark uint64 // their sequences; 0 for none
	at                     time.Time
}

// mark says that a node uses a stream or key.
type mark struct {
	seq uint64
	at  time.Time
}

// tidyShared removes, from a log that is shared, streams that no node has configured and keys
// that nobody listens to at any node. No node knows what the others have. So each of them marks
// in time what it uses, and what has no message and no mark for Options.Unused is used by none.
// One node removes it, and only what it has read: what another node stores meanwhile stays.
func (l *Log) tidyShared(ctx context.Context, at time.Time) {
	if l.opts.Uses == nil || l.opts.Keep == nil {
		return
	}
	now, names := l.names()
	isFirst := l.opts.First == nil || l.opts.First()
	unused := make(map[string]ends)
	for name, end := range names {
		var err error
		switch age := at.Sub(end.at); {
		case age >= l.opts.Unused/markPart && l.isUsed(name):
			err = l.markUsed(ctx, now, name)
		case age >= l.opts.Unused+l.opts.Unused/dropPart && !isFirst && !l.isUsed(name):
			err = l.forgetUnused(ctx, now, name, end)
		case age >= l.opts.Unused && isFirst && !l.isUsed(name):
			if unused[name] = end; len(unused) >= forgetAtOnce {
				err = l.removeUnused(ctx, now, unused)
				clear(unused)
			}
		}
		if err != nil {
			l.sayUntidy(ctx, err)
			return
		}
	}
	if len(unused) > 0 {
		if err := l.removeUnused(ctx, now, unused); err != nil {
			l.sayUntidy(ctx, err)
		}
	}
}

func (l *Log) sayUntidy(ctx context.Context, err error) {
	if ctx.Err() == nil {
		l.logger.Warn("streams and keys that nobody uses are not removed", "error", err)
	}
}

// isUsed reports whether this node uses a stream, or a key.
func (l *Log) isUsed(name string) bool {
	if events, bytes := l.opts.Keep(name); events <= 0 || bytes <= 0 {
		return false
	}
	_, key := hub.SplitName(name)
	return key == "" || l.opts.Uses(name)
}

// names returns the timeline, and the newest messages of each stream and key.
func (l *Log) names() (*timeline, map[string]ends) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now.life == nil {
		return l.now, nil
	}
	names := make(map[string]ends)
	for _, newest := range []map[string]latest{l.newest, l.untold} {
		for _, one := range newest {
			if one.event.ID().Epoch() != l.now.life.epoch {
				continue
			}
			name := one.event.Stream()
			end := names[name]
			if seq := one.event.ID().Seq(); one.status == nil {
				end.document = max(end.document, seq)
			} else {
				end.status = max(end.status, seq)
			}
			marked := l.used[name]
			end.mark = marked.seq
			for _, at := range []time.Time{one.event.Time(), marked.at} {
				if at.After(end.at) {
					end.at = at
				}
			}
			names[name] = end
		}
	}
	return l.now, names
}

// markUsed stores that a stream or key is used.
func (l *Log) markUsed(ctx context.Context, now *timeline, name string) error {
	held, err := l.lockLife(ctx, now)
	if err != nil || !held {
		return err
	}
	defer l.unlock()
	seq, err := l.putNote(ctx, now.life, subject{usedKind, name}, nil, 0)
	if err == nil {
		l.noteUsed(name, mark{seq, time.Now()})
	}
	return err
}

// noteUsed notes when a stream or key was marked.
func (l *Log) noteUsed(name string, marked mark) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used[name] = marked
}

// removeUnused removes streams and keys.
func (l *Log) removeUnused(ctx context.Context, now *timeline, some map[string]ends) error {
	held, err := l.lockLife(ctx, now)
	if err != nil || !held {
		return err
	}
	defer l.unlock()
	upTo := make(map[string]uint64)
	l.mu.Lock()
	for name, end := range some {
		if stream, _ := hub.SplitName(name); end.document > l.floors[stream].upTo {
			upTo[stream] = max(upTo[stream], end.document)
		}
	}
	l.mu.Unlock()
	for stream, last := range upTo {
		if _, err := l.putFloor(ctx, now.life, stream, last, false); err != nil {
			return err
		}
	}
	for name, end := range some {
		documents, statuses := subject{documentKind, name}.text(l.opts.Name), subject{statusKind, name}.text(l.opts.Name)
		err := errors.Join(
			l.purge(ctx, now.life, documents, end.document+1),
			l.purge(ctx, now.life, statuses, end.status+1),
			l.purge(ctx, now.life, subject{usedKind, name}.text(l.opts.Name), end.mark+1),
		)
		if err != nil {
			return err
		}
		l.dropUnused(name, end)
	}
	l.logger.Info("what nobody uses was removed from the log", "streams_and_keys", len(some))
	return nil
}

// forgetUnused forgets a stream or key that another node has removed.
func (l *Log) forgetUnused(ctx context.Context, now *timeline, name string, end ends) error {
	held, err := l.lockLife(ctx, now)
	if err != nil || !held {
		return err
	}
	defer l.unlock()
	l.dropUnused(name, end)
	return nil
}

// dropUnused forgets a stream or key. The caller holds writing.
func (l *Log) dropUnused(name string, end ends) {
	l.drop(subject{documentKind, name}.text(l.opts.Name), end.document)
	l.drop(subject{statusKind, name}.text(l.opts.Name), end.status)
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.used, name)
}
