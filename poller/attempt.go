package poller

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// attempt asks the upstream, publishes what is new, and plans the next attempt.
func (l *loop) attempt(ctx context.Context) {
	ctx, end := l.trace(ctx, StepPoll, l.stream.Name)
	failed := canceled
	defer func() { end(failed) }()
	start := time.Now()
	l.look()
	early := false
	listeners := l.demand.Listeners()
	l.note(func() {
		l.schedule.begin(start)
		l.record.poll(start, l.schedule.due, listeners)
		early = l.schedule.early
	})
	since := l.since
	asked := l.trust.version(start, since)
	reading, err := l.fetch(ctx, asked)
	answered := time.Now()
	if ctx.Err() != nil || !l.holds() {
		return // the result is not wanted any more
	}
	wait, said := waitOf(reading, err, l.stream.MaxWait)
	changed := false
	if err == nil {
		if changed, err = l.accept(ctx, reading); err == nil {
			wait, said = l.ttl.lengthen(wait, said, l.stream.MaxWait)
		}
	}
	if ctx.Err() != nil {
		return // an error would be that of ctx
	}
	if errors.Is(err, hub.ErrSuperseded) {
		l.stepDown()
		return
	}
	l.patience.hear(ctx, l.logger, answered, l.stream.Every, wait, said)
	failed = failure(err, classOf)
	hidden := err == nil && l.trust.hear(asked, since, reading, changed)

	now := time.Now()
	delay := l.delay(err, early)
	notBefore := answered.Add(wait)
	var next time.Time
	l.note(func() {
		var dropped uint64
		if err != nil {
			dropped = l.schedule.fail(now, notBefore, delay)
			l.record.fail(now, err)
		} else {
			dropped = l.schedule.succeed(now, notBefore, l.outage.failures > 0)
			l.record.succeed(answered, wait, changed)
		}
		if hidden {
			l.record.status.Hidden++
		}
		l.record.status.NotBeforeReason = headerOf(said)
		l.record.attempted(answered.Sub(start), dropped)
		next = l.schedule.next()
	})
	if err != nil {
		l.outage.fail(ctx, l.logger, err, now, retryAt(now, next))
	} else {
		l.outage.end(ctx, l.logger, now)
	}
	if hidden {
		l.logger.WarnContext(ctx, hiddenMessage)
	}
	if err == nil {
		l.notice.hear(ctx, l.logger, l.ttl.add(reading.Notice))
	}
	l.retryStatusAt = time.Time{}
}

// delay returns how long after a failed attempt the next one is due; 0 leaves the
// schedule as it is. An extra attempt that fails like the attempts before it changes
// nothing: the backoff neither grows nor starts again.
func (l *loop) delay(err error, early bool) time.Duration {
	switch {
	case err == nil:
		l.backoff.Reset()
		return 0
	case early && l.outage.failures > 0:
		return 0
	default:
		return l.backoff.Next()
	}
}

// fetch calls the source.
func (l *loop) fetch(ctx context.Context, since Version) (Reading, error) {
	ctx, end := l.trace(ctx, StepFetch, l.stream.Name)
	reading, err := l.stream.ask(ctx, nil, since)
	end(failure(err, classOf))
	return reading, err
}

// waitOf returns how long the upstream wants not to be asked again, at most the given
// time and 0 or less for no limit, and what it said of that.
func waitOf(reading Reading, err error, most time.Duration) (wait time.Duration, said string) {
	wait, said = reading.Wait, reading.Said
	if err != nil {
		wait, said = 0, ""
		if classed, ok := errors.AsType[*Error](err); ok {
			wait, said = classed.Wait, classed.Said
		}
	}
	return min(wait, most), said
}

// headerOf returns the header in what an upstream said of a wait.
func headerOf(said string) string {
	name, _, _ := strings.Cut(said, ":")
	return name
}

// patience writes a line of the log when an upstream begins to ask for longer intervals
// than the stream has. The zero value has not heard of any.
type patience struct{ heard time.Time }

// forgetAfter is how long an upstream has to be content until the log has a line again.
const forgetAfter = time.Hour

// hear notes how long the upstream wants not to be asked again after its answer.
func (p *patience) hear(ctx context.Context, logger *slog.Logger, answered time.Time, every, wait time.Duration, said string) {
	if wait <= every {
		return
	}
	if p.heard.IsZero() || answered.Sub(p.heard) >= forgetAfter {
		logger.InfoContext(ctx, "upstream asks to wait", "said", said, "wait", readable(wait).String(), "every", every.String())
	}
	p.heard = answered.Add(wait)
}
