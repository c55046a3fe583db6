package poller

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
)

// loop polls one stream. Its fields belong to the goroutine of run, but for the
// record, which Status reads.
type loop struct {
	stream    Stream
	publisher Publisher
	logger    *slog.Logger
	backoff   *backoff

	since     Version // of published
	published []byte  // the newest document that clients have; nil if unknown
	failures  int     // in a row
	class     string  // of the newest failure; "" after a success

	told   hub.State // what clients know of freshness; "" if unknown
	retell time.Time // not to be told before; zero if nothing went wrong

	mu     sync.Mutex
	record record
}

func newLoop(stream Stream, opts Options) *loop {
	return &loop{
		stream:    stream,
		publisher: opts.Publisher,
		logger:    opts.Logger.With("stream", stream.Name),
		backoff:   newBackoff(stream.Every, opts.Rand),
		told:      hub.Live,
		record: record{
			fresh:  freshness{every: stream.Every},
			status: Status{Name: stream.Name, Every: stream.Every},
		},
	}
}

// run polls until ctx ends.
func (l *loop) run(ctx context.Context) {
	tick := time.Now()
	l.note(func(r *record) { r.begin(tick) })
	for l.wait(ctx, tick) {
		tick = l.attempt(ctx, tick)
	}
	l.note(func(r *record) { r.status.NextPoll = time.Time{} })
}

// wait returns true at tick, or false as soon as ctx has ended. Meanwhile it
// tells of changes of freshness.
func (l *loop) wait(ctx context.Context, tick time.Time) bool {
	for ctx.Err() == nil {
		wake := earliest(tick, l.tell(ctx))
		now := time.Now()
		if !now.Before(tick) {
			return ctx.Err() == nil
		}
		timer := time.NewTimer(wake.Sub(now))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	return false
}

// attempt asks the upstream, publishes what is new, and returns when to ask
// again. tick is when the attempt was due.
func (l *loop) attempt(ctx context.Context, tick time.Time) (next time.Time) {
	start := time.Now()
	l.note((*record).poll)
	reading, err := l.fetch(ctx)
	answered := time.Now()
	changed := false
	if err == nil {
		changed, err = l.accept(ctx, reading)
	}
	if ctx.Err() != nil {
		return tick // whatever went wrong went wrong because of the end
	}

	now := time.Now()
	delay := l.stream.Every
	if err != nil {
		tick, delay = start, l.backoff.next()
	} else {
		l.backoff.reset()
	}
	next, dropped := nextTick(tick, now, delay)
	l.note(func(r *record) {
		r.attempted(answered.Sub(start), dropped, next)
		if err != nil {
			r.fail(now, classOf(err))
		} else {
			r.succeed(answered, changed)
		}
	})
	l.log(ctx, err, next.Sub(now))
	l.retell = time.Time{}
	return next
}

// fetch calls the source, and turns a panic into an error.
func (l *loop) fetch(ctx context.Context) (reading Reading, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.stream.Timeout)
	defer cancel()
	defer func() {
		if value := recover(); value != nil {
			err = &Error{Class: classPanic, Err: &panicError{value: value, stack: debug.Stack()}}
		}
	}()
	return l.stream.Source.Fetch(ctx, l.since)
}

// accept publishes the document of a reading if clients do not have it yet.
func (l *loop) accept(ctx context.Context, reading Reading) (changed bool, err error) {
	if reading.Unchanged {
		if l.published == nil {
			return false, &Error{Class: classNoDocument, Err: errors.New("unchanged, but nothing was published before")}
		}
		return false, nil
	}
	data, err := document.Compact(reading.Document)
	if err != nil {
		return false, &Error{Class: classInvalidJSON, Err: err}
	}
	if l.published == nil || !bytes.Equal(data, l.published) {
		if err := l.publish(ctx, hub.Message{Stream: l.stream.Name, Data: data}); err != nil {
			// It may have been stored nevertheless, so neither this document
			// nor the one before may count as the one that clients have.
			l.since, l.published = Version{}, nil
			return false, &Error{Class: classOfPublish(err), Err: err}
		}
		changed = true
	}
	l.since, l.published = reading.Version, data
	return changed, nil
}

func (l *loop) publish(ctx context.Context, m hub.Message) error {
	ctx, cancel := context.WithTimeout(ctx, l.stream.Timeout)
	defer cancel()
	_, err := l.publisher.Publish(ctx, m)
	return err
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

// tell publishes the state of the stream if clients know another one, and
// returns when it has to be called again; zero means never.
func (l *loop) tell(ctx context.Context) time.Time {
	now := time.Now()
	l.mu.Lock()
	status, change := l.record.at(now), l.record.fresh.next(now)
	l.mu.Unlock()

	if status.State == l.told {
		return change
	}
	if now.Before(l.retell) {
		return earliest(l.retell, change)
	}
	err := l.publish(ctx, hub.Message{Stream: l.stream.Name, Status: &hub.Status{
		State:       status.State,
		Since:       status.Since,
		LastSuccess: status.LastSuccess,
		Error:       status.Error,
	}})
	if err == nil {
		l.told, l.retell = status.State, time.Time{}
		l.logger.InfoContext(ctx, "state changed", "state", status.State, "class", status.Error)
		return change
	}
	if ctx.Err() != nil {
		return change // the end, not a failure
	}
	level := slog.LevelDebug
	if l.told != "" {
		level = slog.LevelWarn
	}
	l.logger.Log(ctx, level, "status not published", "state", status.State, "error", err)
	// It may have been stored nevertheless: whatever comes next has to be told.
	l.told, l.retell = "", now.Add(l.stream.Every)
	return earliest(l.retell, change)
}

// status returns what there is to tell.
func (l *loop) status() Status {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.record.at(now)
}

// note changes the record.
func (l *loop) note(change func(r *record)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.record)
}

// earliest returns the earlier of two times, the zero time being none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
