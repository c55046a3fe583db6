package poller

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// outage is a series of failed attempts. It writes a line of the log when it begins,
// when its cause changes, and when it is over. The zero value is no outage.
type outage struct {
	failures int       // so far
	class    string    // of the newest failure
	began    time.Time // when the first attempt had failed
}

// fail notes a failed attempt and logs it: at level warn if its class is not that of
// the attempt before it, else at level debug. retry says when the next attempt comes.
func (o *outage) fail(ctx context.Context, logger *slog.Logger, err error, now time.Time, retry string) {
	class, level := classOf(err), slog.LevelDebug
	if class != o.class {
		level = slog.LevelWarn
	}
	if o.failures == 0 {
		o.began = now
	}
	o.failures++
	o.class = class
	attributes := []any{"reason", reasonOf(err), "class", class, "failures", o.failures, "retry", retry}
	if panicked, ok := errors.AsType[*panicError](err); ok {
		attributes = append(attributes, "stack", string(panicked.stack))
	}
	logger.Log(ctx, level, "poll failed", attributes...)
}

// end notes a success.
func (o *outage) end(ctx context.Context, logger *slog.Logger, now time.Time) {
	if o.failures > 0 {
		logger.InfoContext(ctx, "poll recovered", "class", o.class, "failures", o.failures, "lasted", readable(now.Sub(o.began)).String())
	}
	*o = outage{}
}

// retryAt says when the upstream is asked again; next is zero if that is not known.
func retryAt(now, next time.Time) string {
	if next.IsZero() {
		return "when a client listens"
	}
	return "in " + readable(max(0, next.Sub(now))).String()
}

// readable rounds a time for a reader of the log.
func readable(d time.Duration) time.Duration {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second)
	case d >= time.Second:
		return d.Round(100 * time.Millisecond)
	default:
		return d.Round(time.Millisecond)
	}
}
