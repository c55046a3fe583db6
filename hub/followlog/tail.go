package followlog

import (
	"context"
	"errors"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/internal/backoff"
)

// tail is one Tail.
type tail struct {
	log    *Log
	emit   func(hub.Batch) error
	at     hub.ID        // everything up to here was emitted
	offset time.Duration // of the clock of the origin
	since  time.Time     // when there was no connection first; zero while there is one

	begun map[string]bool // the streams that have begun; guarded by Log.mu
}

// Tail implements [hub.Log]. The first call to emit comes as soon as an origin has told its
// epoch.
func (l *Log) Tail(ctx context.Context, emit func(hub.Batch) error) error {
	t := &tail{log: l, emit: emit, begun: map[string]bool{}, since: time.Now()}
	l.mu.Lock()
	l.tails[t] = struct{}{}
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.tails, t)
	}()
	wait := backoff.New(minWait, maxWait, l.opts.Random)
	for i := 0; ; i++ {
		began := time.Now()
		c := &connection{tail: t, origin: i % len(l.origins)}
		err := c.run(ctx)
		var failed *emitError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &failed):
			return failed.err
		}
		if c.heard {
			wait.Reset()
			t.since = time.Now()
		}
		l.noteFailure(i%len(l.origins), err)
		delay := wait.Next()
		if (i+1)%len(l.origins) != 0 && !c.heard {
			delay = min(delay, minWait) // there is another one
		}
		if err := t.pause(ctx, time.Until(began.Add(delay))); err != nil {
			return err
		}
	}
}

// pause waits before the next attempt, and tells meanwhile that there is no origin.
func (t *tail) pause(ctx context.Context, delay time.Duration) error {
	next := time.NewTimer(delay)
	defer next.Stop()
	grace := time.NewTimer(time.Until(t.since.Add(Grace)))
	defer grace.Stop()
	for {
		select {
		case <-next.C:
			t.tellLost()
			return nil
		case <-grace.C:
			t.tellLost()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tellLost tells that there was no origin for a while.
func (t *tail) tellLost() {
	if time.Since(t.since) >= Grace && !t.log.lost.Swap(true) {
		t.log.opts.Lost(true)
	}
}

// noteFailure notes why there is no connection, and tells the log if that is new.
func (l *Log) noteFailure(origin int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	reason := "the origin has ended the connection"
	if err != nil {
		reason = err.Error()
	}
	if l.reasons[origin] != reason {
		l.opts.Logger.Warn("no connection to the origin", "origin", l.origins[origin].Host, "reason", reason)
	}
	l.reasons[origin], l.session, l.cut = reason, "", nil
}

// emitError is an error of the function that gets the batches.
type emitError struct{ err error }

func (e *emitError) Error() string { return e.err.Error() }
