package poller

import (
	"context"
	"log/slog"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// tell publishes the state of the stream if clients know another one, and
// returns when it has to be called again; zero means never.
func (l *loop) tell(ctx context.Context) time.Time {
	now := time.Now()
	l.record.Lock()
	status, change := l.record.at(now).Status, l.record.fresh.next(now)
	l.record.Unlock()

	switch {
	case status.State == l.told:
		return change
	case status.State == hub.Live && status.LastSuccess.IsZero():
		return change // nothing is known yet
	case now.Before(l.retryStatusAt):
		return earliest(l.retryStatusAt, change)
	}
	err := l.publish(ctx, hub.Message{Stream: l.stream.Name, Status: &status})
	if err == nil {
		l.told, l.retryStatusAt = status.State, time.Time{}
		// The line about the outage has told the cause already.
		l.logger.DebugContext(ctx, "state changed", "state", status.State, "class", status.Error)
		return change
	}
	level := slog.LevelDebug
	if l.told != "" && l.outage.class != classPublish { // which was told
		level = slog.LevelWarn
	}
	// It may have been stored nevertheless: whatever comes next has to be told.
	l.told, l.retryStatusAt = "", now.Add(l.stream.Every)
	if ctx.Err() == nil { // else it is the end, not a failure
		l.logger.Log(ctx, level, "status not published", "state", status.State, "reason", (&publishError{err}).Error())
	}
	return earliest(l.retryStatusAt, change)
}
