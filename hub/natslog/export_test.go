package natslog

import (
	"context"
	"time"
)

// Lose makes a log that is shared count as lost until it is heard again.
func Lose(l *Log) { l.lose(errSilent) }

// Tidy is what the log does by itself each hour.
func (l *Log) Tidy(ctx context.Context, at time.Time) { l.tidy(ctx, at) }

// Widen is what the log does by itself when a stream has a short duplicate window.
func (l *Log) Widen(ctx context.Context) error {
	l.mu.Lock()
	l.narrow = true
	l.mu.Unlock()
	return l.widen(ctx)
}
