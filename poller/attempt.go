package poller

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// attempt asks the upstream, publishes what is new, and plans the next attempt.
func (l *loop) attempt(ctx context.Context) {
	start := time.Now()
	early := false
	l.note(func() {
		l.schedule.begin(start)
		l.record.poll(start)
		early = l.schedule.early
	})
	reading, err := l.fetch(ctx)
	answered := time.Now()
	if ctx.Err() != nil {
		return // nobody wants it any more
	}
	wait := waitOf(reading, err)
	changed := false
	if err == nil {
		changed, err = l.accept(ctx, reading)
	}
	if ctx.Err() != nil {
		return // whatever went wrong went wrong because of the end
	}

	now := time.Now()
	delay := l.delay(err, early)
	notBefore := answered.Add(wait)
	var next time.Time
	l.note(func() {
		var dropped uint64
		if err != nil {
			dropped = l.schedule.fail(now, notBefore, delay)
			l.record.fail(now, classOf(err))
		} else {
			dropped = l.schedule.succeed(now, notBefore, l.failures > 0)
			l.record.succeed(answered, wait, changed)
		}
		l.record.attempted(answered.Sub(start), dropped)
		next = l.schedule.next()
	})
	l.log(ctx, err, next.Sub(now))
	l.retell = time.Time{}
}

// delay returns how long after a failed attempt the next is due; 0 leaves the
// schedule as it is. An extra attempt that fails like those before it says
// nothing new: the backoff neither grows by it nor begins anew.
func (l *loop) delay(err error, early bool) time.Duration {
	switch {
	case err == nil:
		l.backoff.reset()
		return 0
	case early && l.failures > 0:
		return 0
	default:
		return l.backoff.next()
	}
}

// fetch calls the source.
func (l *loop) fetch(ctx context.Context) (Reading, error) {
	ctx, cancel := context.WithTimeout(ctx, l.stream.Timeout)
	defer cancel()
	return guarded("source", func() (Reading, error) { return l.stream.Source.Fetch(ctx, l.since) })
}

// waitOf returns how long the upstream wants not to be asked again; 0 or less if
// it has no wish.
func waitOf(reading Reading, err error) time.Duration {
	wait := reading.Wait
	if err != nil {
		wait = 0
		if classed, ok := errors.AsType[*Error](err); ok {
			wait = classed.Wait
		}
	}
	return min(wait, MaxWait)
}

// log tells of the outcome of an attempt: aloud where it differs from the one
// before, at debug level where it repeats it.
func (l *loop) log(ctx context.Context, err error, retryIn time.Duration) {
	if err == nil {
		if l.failures > 0 {
			l.logger.InfoContext(ctx, "poll recovered", "class", l.class, "failures", l.failures)
		}
		l.failures, l.class = 0, ""
		return
	}
	class := classOf(err)
	level := slog.LevelDebug
	if class != l.class {
		level = slog.LevelWarn
	}
	l.failures++
	l.class = class
	attributes := []any{"class", class, "error", err, "failures", l.failures, "retry_in", retryIn}
	if panicked, ok := errors.AsType[*panicError](err); ok {
		attributes = append(attributes, "stack", string(panicked.stack))
	}
	l.logger.Log(ctx, level, "poll failed", attributes...)
}
