package poller

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// outage is a series of failed attempts, and what operators are told of it: a line
// when it begins, one when its cause becomes another, and one when it is over. The
// zero value is none.
type outage struct {
	failures int       // so far
	class    string    // of the newest failure
	began    time.Time // when the first attempt had failed
}

// fail notes a failed attempt, and tells of it at the given time: aloud where it
// differs from the one before, at debug level where it repeats it. next is when
// the upstream is asked again; zero if that is not known.
func (o *outage) fail(ctx context.Context, logger *slog.Logger, err error, now, next time.Time) {
	class, level := classOf(err), slog.LevelDebug
	if class != o.class {
		level = slog.LevelWarn
	}
	if o.failures == 0 {
		o.began = now
	}
	o.failures++
	o.class = class
	attributes := []any{"reason", reasonOf(err), "class", class, "failures", o.failures, "retry", retry(now, next)}
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

// retry says when the upstream is asked again.
func retry(now, next time.Time) string {
	if next.IsZero() {
		return "when somebody listens"
	}
	return "in " + readable(max(0, next.Sub(now))).String()
}

// readable returns a time as exact as a reader wants to know it.
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
