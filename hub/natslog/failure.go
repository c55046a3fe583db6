package natslog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/polluxhub/pollux/hub"
)

// How long maintain waits before it tries a store again that has failed.
const (
	retryFirst = time.Second
	retryMost  = 10 * time.Second
)

// awaitConnection returns when there is a connection.
func awaitConnection(ctx context.Context, conn *nats.Conn) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !conn.IsConnected() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(hub.ErrLogUnavailable, conn.LastError())
		}
	}
	return nil
}

// fail moves the timeline to memory. The caller holds writing.
func (l *Log) fail(err error) {
	l.logger.Error("events cannot be stored, so what is polled goes on in memory", "error", err)
	l.enterMemory(err)
	l.wake()
}

// enterMemory begins a timeline in memory with what was emitted last. The caller holds
// writing.
func (l *Log) enterMemory(failure error) {
	l.counters.failures.Add(1)
	memory := newVolatile()
	for _, one := range l.known() {
		m := hub.Message{Stream: one.event.Stream(), Status: one.status}
		if one.status == nil {
			m.Data = one.event.Data()
		}
		if _, err := memory.add(l.opts.Name, m, one.event.Time()); err != nil {
			l.logger.Error("a document is missing in memory", "stream", m.Stream, "error", err)
		}
	}
	l.mark(memory, time.Now())
	memory.begun = memory.seq
	l.counters.epochs.Add(1)
	l.enter(&timeline{memory: memory, ended: make(chan struct{})}, asFailure(failure))
}

// asFailure returns an error for which isFailure is true.
func asFailure(err error) error {
	if isFailure(err) {
		return err
	}
	return fmt.Errorf("%w: %w", hub.ErrLogUnavailable, err)
}

// mark tells, in a timeline in memory, of each stream with a document that nothing is stored.
func (l *Log) mark(memory *volatile, now time.Time) {
	for _, one := range memory.all() {
		if one.status != nil {
			continue
		}
		status := hub.Status{State: hub.Live, Since: now}
		if last, ok := memory.newest[(subject{statusKind, one.event.Stream()}).text(l.opts.Name)]; ok {
			status = *last.status
		}
		m := notStored(hub.Message{Stream: one.event.Stream(), Status: &status})
		if _, err := memory.add(l.opts.Name, m, now); err != nil {
			l.logger.Error("a stream is not marked as not stored", "stream", m.Stream, "error", err)
		}
	}
}

// notStored returns a message of which a status says that nothing is stored, unless it has
// a worse error.
func notStored(m hub.Message) hub.Message {
	if m.Status != nil && m.Status.Error == "" {
		status := *m.Status
		status.Error = hub.ErrorNotStored
		m.Status = &status
	}
	return m
}

// known returns the newest of each subject: what was emitted, and what was stored since.
func (l *Log) known() []latest {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]latest, 0, len(l.newest))
	for subject, one := range l.newest {
		if untold, ok := l.untold[subject]; ok {
			one = untold
		}
		list = append(list, one)
	}
	for subject, one := range l.untold {
		if _, ok := l.newest[subject]; !ok {
			list = append(list, one)
		}
	}
	slices.SortStableFunc(list, func(a, b latest) int { return a.event.Time().Compare(b.event.Time()) })
	return list
}

// remember appends a message to a timeline in memory, or refuses it.
func (l *Log) remember(now *timeline, m hub.Message) (hub.ID, error) {
	if !m.State {
		return hub.ID{}, l.counters.refuse(l.Failure())
	}
	l.counters.remembered.Add(1)
	return now.memory.add(l.opts.Name, notStored(m), time.Now())
}

// maintain removes what is beyond the bounds, makes a store work again that has failed, and
// widens its duplicate window, until ctx ends.
func (l *Log) maintain(ctx context.Context) {
	wait := retryFirst
	look := time.NewTicker(lookUnused)
	defer look.Stop()
	var retry <-chan time.Time
	for {
		switch needed := l.isAway() || l.isNarrow(); {
		case !needed:
			retry = nil
		case retry == nil:
			retry = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-l.alarm:
			l.trim(ctx)
			l.forget(ctx)
			if l.takeUntidy() && !l.shared { // clients of the nodes are not back yet
				l.tidy(ctx, time.Now())
			}
			continue
		case at := <-look.C:
			l.tidy(ctx, at)
			continue
		case <-retry:
			retry = nil
		}
		what, err := "events still cannot be stored", l.restore(ctx)
		if err == nil {
			what, err = "the stream still has a short duplicate window", l.widen(ctx)
		}
		if err != nil && ctx.Err() == nil {
			if !l.shared {
				wait = min(2*wait, retryMost)
			}
			l.logger.Debug(what, "error", err, "next", wait.String())
			continue
		}
		wait = retryFirst
	}
}

// isAway reports whether the timeline is not that of JetStream.
func (l *Log) isAway() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now.life == nil
}

// restore moves the timeline back to JetStream, behind the newest of what is kept in memory.
func (l *Log) restore(ctx context.Context) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	l.mu.Lock()
	now := l.now
	l.mu.Unlock()
	if now.life != nil {
		return nil
	}
	one, err := l.connect(ctx)
	if err != nil {
		return err
	}
	if now.memory == nil {
		l.enterLife(one)
		return nil
	}
	l.forgetHeads()
	for _, kept := range now.memory.fresh() {
		m := hub.Message{Stream: kept.event.Stream(), Status: kept.status, State: true}
		if kept.status == nil {
			m.Data = kept.event.Data()
		}
		seq, err := l.put(ctx, one, m)
		if err != nil {
			return err
		}
		if err := l.await(one.epoch, seq, m, kept.event.Time()); err != nil {
			return err
		}
	}
	l.enterLife(one)
	l.logger.Info("events are stored again", "epoch", one.epoch)
	return l.unmark(ctx, one, now.memory)
}

// unmark takes back what mark has told. This comes after the timeline has moved, so that
// all who listen are told.
func (l *Log) unmark(ctx context.Context, one *life, memory *volatile) error {
	for _, marked := range memory.all() {
		if marked.status == nil || marked.status.Error != hub.ErrorNotStored {
			continue
		}
		status := *marked.status
		status.Error = ""
		if _, err := l.put(ctx, one, hub.Message{Stream: marked.event.Stream(), Status: &status}); err != nil {
			if isFailure(err) {
				l.fail(err)
			}
			return err
		}
	}
	return nil
}
