package poller

import (
	"context"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/internal/backoff"
)

// following is what a loop knows of its Feed from one connection to the next.
type following struct {
	lastID string        // of the newest event that has been dealt with
	retry  time.Duration // how long the upstream wants to be left alone between two connections; 0 if it has not said
	lost   int           // connections in a row that have brought nothing
}

// connect opens the Feed of the stream, deals with what comes until the connection ends, and
// plans the next one.
func (l *loop) connect(ctx context.Context) {
	start := time.Now()
	if l.idle { // somebody has asked for the document
		l.resume(start)
		l.left = start
	}
	listeners := l.demand.Listeners()
	l.note(func() {
		l.record.poll(start, l.schedule.next(), listeners)
		l.schedule.begin(start)
		if l.lastID == "" { // a follower that knows nothing of the upstream's own troubles is told them
			l.record.fresh.hear(hub.Live, start)
		}
	})
	flow, err := l.open(ctx)
	opened := time.Now()
	l.note(func() { l.record.attempted(opened.Sub(start), 0) })
	if err == nil {
		c := &connection{loop: l, flow: flow, began: opened}
		err = c.serve(ctx)
	}
	if ctx.Err() != nil || l.isOver() || !l.holds() {
		return // the next node connects at once
	}
	l.disconnected(ctx, err)
}

// open opens the Feed.
func (l *loop) open(ctx context.Context) (Flow, error) {
	ctx, endPoll := l.trace(ctx, StepPoll, l.stream.Name)
	within, endFetch := l.trace(ctx, StepFetch, l.stream.Name)
	within, cancel := WithTimeout(within, l.stream.Timeout)
	defer cancel()
	flow, err := guarded("in connecting to the upstream", func() (Flow, error) {
		return l.stream.Feed.Open(within, l.lastID, l.heard)
	})
	failed := failure(err, classOf)
	endFetch(failed)
	endPoll(failed)
	return flow, err
}

// heard notes that something has come. It is called by the goroutine that reads.
func (l *loop) heard() {
	now, news := time.Now(), false
	l.note(func() {
		before, _ := l.record.fresh.at(now)
		l.record.fresh.succeed(now, 0)
		after, _ := l.record.fresh.at(now)
		news = after != before
	})
	if !news {
		return
	}
	select {
	case l.poked <- struct{}{}: // clients have to be told
	default: // the loop looks soon anyway
	}
}

// disconnected plans the next connection after one has ended, or could not be opened.
func (l *loop) disconnected(ctx context.Context, err error) {
	now := time.Now()
	wait, said := waitOf(Reading{}, err, l.stream.MaxWait)
	l.patience.hear(ctx, l.logger, now, l.stream.Every, wait, said)
	delay := l.reconnectDelay(err)
	var next time.Time
	l.note(func() {
		l.schedule.connect(now.Add(delay), latest(l.schedule.notBefore, now.Add(wait)))
		if err != nil {
			l.record.fail(now, err)
		}
		if said != "" {
			l.record.status.NotBeforeReason = headerOf(said)
		}
		next = l.schedule.next()
	})
	if err != nil {
		l.outage.fail(ctx, l.logger, err, now, retryAt(now, next))
	}
	l.retryStatusAt = time.Time{}
}

// reconnectDelay returns how long to wait before the next connection: as long as the upstream
// says, with up to half of that at random, so that its clients do not come back in step. It
// grows while connections bring nothing.
func (l *loop) reconnectDelay(err error) time.Duration {
	base := l.retry
	if base == 0 {
		base = DefaultReconnect
	}
	base = min(max(base, MinGap), l.stream.MaxWait)
	if err != nil {
		l.lost++
	}
	delay := base
	if l.lost > 0 {
		delay = backoff.New(base, maxBackoff, l.random).After(l.lost)
	}
	return delay + time.Duration(l.random()*float64(base/2))
}
