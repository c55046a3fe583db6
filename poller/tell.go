package poller

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// tell publishes the state of the stream if clients were told another one, and returns
// when it has to be called again; zero means never.
func (l *loop) tell(ctx context.Context) time.Time {
	now := time.Now()
	l.hearTold()
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
	if l.look(); !l.holds() {
		return time.Time{}
	}
	told := status // so that status itself need not be allocated for each tick
	_, err := l.publish(ctx, hub.Message{Stream: l.stream.Name, Status: &told, State: true, Seen: l.seen})
	if errors.Is(err, hub.ErrSuperseded) {
		l.stepDown()
		return time.Time{}
	}
	if err == nil {
		l.told, l.retryStatusAt = status.State, time.Time{}
		// The cause stands in the line about the outage.
		l.logger.DebugContext(ctx, "state changed", "state", status.State, "class", status.Error)
		return change
	}
	level := slog.LevelDebug
	if l.told != "" && l.outage.class != classPublish { // else the failure to publish is in the log already
		level = slog.LevelWarn
	}
	// The message may have been stored nevertheless: the next state has to be published.
	l.told, l.retryStatusAt = "", now.Add(l.stream.Every)
	if ctx.Err() == nil { // else this is the end of the loop, and no failure
		l.logger.Log(ctx, level, "status not published", "state", status.State, "reason", (&publishError{err}).Error())
	}
	return earliest(l.retryStatusAt, change)
}
