package natslog

import (
	"context"
	"time"
)

// Lose makes a log that is shared count as lost until it is heard again.
func Lose(l *Log) { l.lose(errSilent) }

// Tidy is what the log does by itself each hour.
func (l *Log) Tidy(ctx context.Context, at time.Time) { l.tidy(ctx, at) }
