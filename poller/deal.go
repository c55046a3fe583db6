package poller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/polluxhub/pollux/hub"
)

const (
	// publishAgain is how long a stream with a Feed waits before it publishes a document
	// again that could not be published.
	publishAgain = time.Second

	// saveEvery is the least time between two notes for the next holder of a lease while
	// events come.
	saveEvery = time.Second
)

// deal deals with a delivery, and reports whether it was the last one, and why.
func (c *connection) deal(ctx, publishing context.Context, d delivery) (ended bool, err error) {
	if d.news.Retry > 0 {
		c.retry = d.news.Retry
	}
	if d.err != nil {
		if _, panicked := errors.AsType[*panicError](d.err); !panicked {
			c.moveTo(d.news.ID)
		}
		return true, c.endOf(ctx, d.err)
	}
	c.take(ctx, publishing, d.news)
	return false, nil
}

// endOf returns why a connection has ended that the upstream has ended.
func (c *connection) endOf(ctx context.Context, err error) error {
	switch {
	case !errors.Is(err, io.EOF):
		if classOf(err) == ClassTooLarge {
			c.lastID = "" // the upstream would send the same event again
		}
		return err
	case c.settled:
		return nil
	case c.hasHeard(c.began.Add(DefaultReconnect)):
		c.settle(ctx, time.Now())
		return nil
	}
	return &Error{Class: classDisconnected, Err: errors.New("the upstream ended the connection before it had sent an event")}
}

// hasHeard reports whether something has come since the given time.
func (c *connection) hasHeard(since time.Time) (has bool) {
	c.note(func() { has = c.record.fresh.success.After(since) })
	return has
}

// take deals with an event.
func (c *connection) take(ctx, publishing context.Context, news News) {
	c.pending, c.again = nil, time.Time{}
	now := time.Now()
	switch {
	case news.Status != nil:
		c.hear(ctx, now, *news.Status)
	case news.Gap != "":
		if !c.gap {
			c.gap = true
			c.logger.InfoContext(ctx, "events of the upstream are missing", "said", news.Gap)
		}
		c.note(func() { c.record.fresh.hear(hub.Live, now) })
		c.settle(ctx, now)
	default:
		if !c.publishNews(ctx, publishing, news) {
			return
		}
	}
	c.moveTo(news.ID)
	c.dealt = time.Now()
}

// publishNews publishes the document of an event, unless it says nothing new. It returns
// false if the event has not been dealt with.
func (c *connection) publishNews(ctx, publishing context.Context, news News) (dealt bool) {
	err, changed := news.Err, false
	if err == nil {
		c.look()
		changed, err = c.accept(publishing, news.Reading)
	}
	now := time.Now()
	switch {
	case errors.Is(err, hub.ErrSuperseded):
		c.stepDown()
		return false
	case err == nil:
		c.note(func() { c.record.receive(changed) })
		c.settle(ctx, now)
	case ctx.Err() != nil:
		return false
	case classOf(err) == classPublish:
		c.fail(ctx, now, err, "in "+publishAgain.String())
		c.pending, c.again = &news, now.Add(publishAgain)
		return false
	default:
		c.fail(ctx, now, err, "with the next event")
	}
	return true
}

// hear deals with what the upstream says of its own upstream.
func (c *connection) hear(ctx context.Context, now time.Time, said hub.Status) {
	c.note(func() { c.record.fresh.hear(said.State, now) })
	if said.State == hub.Live {
		c.failed = time.Time{}
		c.settle(ctx, now)
		return
	}
	class, because := classUpstream, ""
	if hub.IsErrorClass(said.Error) {
		class, because = said.Error, ": "+said.Error
	}
	c.fail(ctx, now, &Error{Class: class, Err: fmt.Errorf("the upstream says that its stream is %s%s", said.State, because)}, "with the next event")
}

// fail notes that an event has brought no document.
func (c *connection) fail(ctx context.Context, now time.Time, err error, retry string) {
	c.settled, c.lost, c.failed = true, 0, now
	c.note(func() { c.record.fail(now, err) })
	c.outage.fail(ctx, c.logger, err, now, retry)
}

// settle notes that the connection has brought something. That ends an outage, but where
// good events and bad ones take turns, it ends no more than once in an interval.
func (c *connection) settle(ctx context.Context, now time.Time) {
	c.settled, c.lost = true, 0
	if c.outage.failures == 0 || !c.failed.IsZero() && now.Sub(c.failed) < c.stream.Every {
		return
	}
	over := false
	c.note(func() {
		if over = c.record.fresh.says == "" || c.record.fresh.says == hub.Live; over {
			c.record.settle()
		}
	})
	if over {
		c.outage.end(ctx, c.logger, now)
	}
}

// moveTo notes that everything up to an event has been dealt with.
func (c *connection) moveTo(id string) {
	if c.lastID != id {
		c.lastID, c.unsaved = id, true
	}
}

// keepAt returns when the position has to be noted for the next holder of the lease; zero if
// it has been.
func (c *connection) keepAt() time.Time {
	if c.held == nil || !c.unsaved {
		return time.Time{}
	}
	return c.saved.Add(saveEvery)
}

// keep notes the position for the next holder of the lease if that is due.
func (c *connection) keep(now time.Time) {
	if reached(c.keepAt(), now) {
		c.saved, c.unsaved = now, false
		c.save()
	}
}
