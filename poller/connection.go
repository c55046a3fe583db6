package poller

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// silentAfter is how many intervals of silence end the connection of a Feed. The stream
	// is stale by then.
	silentAfter = 1 + staleAfter

	// finishing is how long a document that is being published may take when the stream
	// ends, so that the next connection goes on behind it.
	finishing = time.Second
)

// connection is an open connection of a loop.
type connection struct {
	*loop
	flow  Flow
	began time.Time

	settled bool      // it has brought something
	gap     bool      // the log has a line about events that are missing
	failed  time.Time // when an event failed last
	dealt   time.Time // when the newest event had been dealt with
	saved   time.Time // when the position was noted last for the next holder of the lease
	unsaved bool

	pending *News     // it could not be published
	again   time.Time // when it may be
}

// delivery is what Next has returned.
type delivery struct {
	news News
	err  error
}

// Reasons why a connection ends that is not the upstream's doing.
var (
	errUnwanted = errors.New("nobody wants the connection any more")
	errAgain    = errors.New("somebody wants another connection")
)

// serve deals with what comes until the connection ends. A goroutine reads it, and hands over
// one event at a time: as long as that is being dealt with, at most one more is read, and the
// upstream has to wait.
func (c *connection) serve(ctx context.Context) error {
	opening := c.flow.Opening()
	wait, said := waitOf(opening, nil, c.stream.MaxWait)
	c.patience.hear(ctx, c.logger, c.began, c.stream.Every, wait, said)
	c.notice.hear(ctx, c.logger, opening.Notice)
	c.note(func() {
		c.record.connected = true
		c.schedule.notBefore, c.record.status.NotBeforeReason = c.began.Add(wait), headerOf(said)
	})
	publishing, enough := outliving(ctx, finishing)
	defer enough()

	deliveries, stop, read := make(chan delivery), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(read)
		c.read(deliveries, stop)
	}()
	err := c.work(ctx, publishing, deliveries)
	close(stop)
	_, closing := guarded("in closing a connection", func() (struct{}, error) { return struct{}{}, c.flow.Close() })
	<-read
	c.note(func() { c.record.connected = false })
	if closing != nil {
		c.logger.DebugContext(ctx, "connection not closed", "reason", reasonOf(closing))
	}
	if errors.Is(err, errUnwanted) || errors.Is(err, errAgain) {
		return nil
	}
	return err
}

// read hands over what comes.
func (c *connection) read(deliveries chan<- delivery, stop <-chan struct{}) {
	for {
		news, err := guarded("in reading from the upstream", c.flow.Next)
		select {
		case deliveries <- delivery{news, err}:
		case <-stop:
			return
		}
		if err != nil {
			return
		}
	}
}

// work deals with deliveries, tells the state of the stream, and watches the demand. It
// returns why the connection has ended; nil if the upstream has ended it in order.
func (c *connection) work(ctx, publishing context.Context, deliveries <-chan delivery) error {
	for {
		changed, until := c.attend()
		switch {
		case ctx.Err() != nil, c.isOver(), c.idle:
			return errUnwanted
		case c.isAsked():
			return errAgain
		}
		now, from, silent := time.Now(), deliveries, c.silentAt()
		if c.pending != nil { // nothing is read
			from, silent = nil, time.Time{}
		}
		if reached(silent, now) {
			select {
			case d := <-from: // it came while something else was dealt with
				if ended, err := c.deal(ctx, publishing, d); ended {
					return err
				}
				continue
			default:
				return c.silence()
			}
		}
		c.keep(now)
		wake := earliest(earliest(until, c.tell(ctx)), earliest(silent, earliest(c.again, c.keepAt())))
		c.note(func() { wake = earliest(wake, c.schedule.polite(c.schedule.asked)) })
		select {
		case d := <-from:
			if ended, err := c.deal(ctx, publishing, d); ended {
				return err
			}
		case <-c.sleep(wake, now):
			if reached(c.again, time.Now()) {
				c.take(ctx, publishing, *c.pending)
			}
		case <-c.poked:
		case <-changed:
			c.left = time.Time{} // a client that left just now was here until just now
		case <-c.wanted():
		case <-ctx.Done():
		}
	}
}

// isAsked reports whether a new connection is due that PollNow has asked for.
func (c *connection) isAsked() (asked bool) {
	now := time.Now()
	c.note(func() { asked = reached(c.schedule.polite(c.schedule.asked), now) })
	return asked
}

// silentAt returns when the silence of the upstream has lasted too long. While an event is
// dealt with nothing is read, so that time does not count.
func (c *connection) silentAt() (at time.Time) {
	c.note(func() { at = latest(latest(c.began, c.dealt), c.record.fresh.success) })
	return at.Add(silentAfter * c.stream.Every)
}

func (c *connection) silence() error {
	return &Error{Class: ClassTimeout, Err: fmt.Errorf("the upstream has sent nothing for %v, which is %d times every", silentAfter*c.stream.Every, silentAfter)}
}

// outliving returns a context that ends some time after another one, or when enough is
// called.
func outliving(ctx context.Context, by time.Duration) (longer context.Context, enough func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		late := time.NewTimer(by)
		defer late.Stop()
		select {
		case <-late.C:
		case <-longer.Done():
		}
		cancel()
	})
	return longer, func() {
		cancel()
		if !stop() {
			<-ended
		}
	}
}
