package natslog

import (
	"context"
	"errors"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// held is a message that waits until JetStream stores something again.
type held struct {
	message hub.Message
	seen    hub.ID // the newest event of its subject that its publisher may have known
	at      time.Time
}

// hold keeps a message that cannot be stored now, in place of the one before of its subject,
// or refuses it.
func (l *Log) hold(m hub.Message, failure error) (hub.ID, error) {
	if !m.State {
		return hub.ID{}, l.counters.refuse(failure)
	}
	to := subjectFor(l.opts.Name, m)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return hub.ID{}, hub.ErrLogClosed
	}
	one, again := l.held[to]
	switch {
	case !m.Seen.IsZero():
		one.seen = m.Seen
	case !again:
		if last, ok := l.newest[to]; ok {
			one.seen = last.event.ID()
		}
		if last, ok := l.untold[to]; ok {
			one.seen = last.event.ID()
		}
	}
	one.message, one.at = m, time.Now()
	l.held[to] = one
	l.counters.remembered.Add(1)
	return hub.ID{}, nil
}

// keep makes the newest of each subject wait, after the stream was emptied: it is stored again
// unless another process has done so, because nobody may publish it a second time.
func (l *Log) keep() {
	for _, one := range l.known() {
		to := subjectOf(l.opts.Name, one.event)
		l.mu.Lock()
		if _, newer := l.held[to]; !newer {
			m := hub.Message{Stream: one.event.Stream(), Status: one.status, State: true}
			if one.status == nil {
				m.Data = one.event.Data()
			}
			l.held[to] = held{message: m, seen: one.event.ID(), at: one.event.Time()}
		}
		l.mu.Unlock()
	}
}

// release forgets what is held of a subject: something newer is stored.
func (l *Log) release(to string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, to)
}

// flush stores what is held, unless another process has stored something newer.
func (l *Log) flush(ctx context.Context) error {
	for {
		l.mu.Lock()
		waiting := len(l.held) > 0
		l.mu.Unlock()
		if !waiting {
			return nil
		}
		if err := l.flushOne(ctx); err != nil {
			return err
		}
	}
}

func (l *Log) flushOne(ctx context.Context) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	l.mu.Lock()
	now := l.now
	var to string
	var one held
	for to, one = range l.held {
		break
	}
	l.mu.Unlock()
	if to == "" || now.life == nil {
		return nil
	}
	waiting, enough := context.WithTimeout(ctx, askTimeout)
	defer enough()
	seq, err := l.putHeld(waiting, now.life, to, one)
	if err != nil && (isFailure(err) || ctx.Err() != nil) {
		return err
	}
	l.mu.Lock()
	if l.held[to].at.Equal(one.at) { // else a newer one has come, and is stored next
		delete(l.held, to)
	}
	l.mu.Unlock()
	switch {
	case errors.Is(err, hub.ErrSuperseded):
		l.logger.Info("a document that waited is left out, because another process has stored a newer one", "stream", one.message.Stream)
		return nil
	case err != nil:
		l.logger.Error("a document that waited is lost", "stream", one.message.Stream, "error", err)
		return nil
	}
	return l.await(now.life.epoch, seq, one.message, one.at)
}

// putHeld stores a message that has waited. The caller holds writing.
func (l *Log) putHeld(ctx context.Context, one *life, to string, h held) (uint64, error) {
	m := h.message
	for {
		seen, err := hub.NewID(one.epoch, 0) // the stream was made anew
		if err != nil {
			return 0, err
		}
		m.Seen = seen
		if h.seen.Epoch() == one.epoch {
			m.Seen = h.seen
		}
		seq, err := l.put(ctx, one, m)
		end, ok := l.heads[to]
		if !errors.Is(err, hub.ErrSuperseded) || !ok || !end.own || end.previous <= m.Seen.Seq() {
			return seq, err
		}
		// An earlier attempt of this process, of which it did not hear, was stored after all.
		if h.seen, err = hub.NewID(one.epoch, end.previous); err != nil {
			return 0, err
		}
	}
}
