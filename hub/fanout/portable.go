package fanout

import (
	"context"
	"errors"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/polluxhub/pollux/hub/fanout/view"
)

// portable writes to one client through net/http, in the goroutine of its handler. It
// works with TLS, with HTTP/2, and on every system.
type portable struct {
	client     *Client
	connection *connection // nil: not known
	w          http.ResponseWriter
	control    *http.ResponseController
	cutoff     cutoff // of what is being written
	bufs       [][]byte
	made       view.Signal // the next event, which was not made yet, is made

	room   time.Time // when to look again whether clients hold less; zero if the client does not wait for that
	until  time.Time // when the client must have taken what is being written
	lookAt time.Time // when the client has stalled if it takes nothing; zero if it has to take nothing
	mark   uint64    // the bytes that it had taken at the last look
	goal   uint64    // the bytes that it has to take until lookAt

	endAt   time.Time
	ending  EndReason // why the stream ends at endAt
	latest  time.Time // when the stream ends whatever the client may
	because EndReason // likewise

	drain  <-chan struct{} // of the engine; nil once the drain is known
	review <-chan struct{} // of the engine: the next one
}

func (p *portable) run(ctx context.Context) EndReason {
	c, engine := p.client, p.client.engine
	p.latest, p.because = time.Now().Add(engine.age()), ReasonAge
	p.drain = engine.drain
	p.reviewed()
	heartbeatAt := time.Now().Add(engine.silence())

	timer := time.NewTimer(0) // reset before each wait
	defer timer.Stop()
	var stored time.Time         // when the event was that came through the channel; zero without one
	ready := make(chan struct{}) // closed: there was more than one portion
	close(ready)

	if err := p.control.SetWriteDeadline(time.Time{}); err != nil {
		return p.failed(ctx, err)
	}
	p.linger(0)
	p.w.WriteHeader(http.StatusOK)
	p.bufs = append(p.bufs, c.preface().Body)
	for {
		// One portion at a time, so that the end of a stream does not wait for
		// the end of a long replay.
		var state progress
		p.bufs, state = c.gather(p.bufs, false, p.made)
		if len(p.bufs) > 0 {
			if err := p.send(); err != nil {
				return p.failed(ctx, err)
			}
			heartbeatAt = time.Now().Add(engine.silence())
			engine.stats.delays.note(stored, 1)
			p.watch()
		}
		stored = time.Time{}
		var again <-chan struct{}
		switch state {
		case satisfied:
			return p.end(ctx, ReasonLimit)
		case broken:
			if !c.mayResubscribe() {
				p.awaitRoom()
				break
			}
			p.room = time.Time{}
			if reason := c.resubscribe(); reason != "" {
				return p.end(ctx, reason)
			}
			again = ready
		case more:
			again = ready
		case drained, waiting:
		}

		if again != nil && !time.Now().Before(p.endAt) {
			return p.end(ctx, p.ending) // the select below might choose another case
		}
		wakeAt := earlier(heartbeatAt, p.endAt)
		if !p.lookAt.IsZero() {
			wakeAt = earlier(wakeAt, p.lookAt)
		}
		if !p.room.IsZero() {
			wakeAt = earlier(wakeAt, p.room)
		}
		timer.Reset(time.Until(wakeAt))
		events := c.subscription.Events()
		if again != nil || state == waiting || !p.room.IsZero() {
			events = nil // the backlog comes first
		}
		select {
		case <-ctx.Done():
			// Most such clients have left. One that only closed its half gets the end.
			return p.finish(ctx, ReasonGone)

		case <-p.drain:
			p.drains()

		case <-p.review:
			p.reviewed()

		case <-timer.C:
			switch now := time.Now(); {
			case !now.Before(p.endAt):
				return p.end(ctx, p.ending)
			case !p.lookAt.IsZero() && !now.Before(p.lookAt) && !p.look(now):
				return ReasonSlow
			case !now.Before(heartbeatAt):
				p.bufs = append(p.bufs, c.heartbeat().Body)
			}

		case e, ok := <-events:
			if ok {
				c.backlog.set(append(c.backlog.all(), e))
				stored = e.Time()
			} // else gather finds it closed too

		case <-again:
		case <-p.made:
		}
	}
}

// awaitRoom lets the client wait until clients hold less, as the other writers do.
func (p *portable) awaitRoom() {
	if p.room.IsZero() {
		p.client.engine.holdings.waits.Add(1)
		p.client.encoder.Forget()
	}
	p.room = time.Now().Add(roomEvery)
}

// drains gives the stream a random moment of the drain's window at which it ends, however
// late the stream notices the drain.
func (p *portable) drains() {
	p.drain = nil
	engine := p.client.engine
	if at := engine.drained.Add(engine.between(0, engine.window)); at.Before(p.latest) {
		p.latest, p.because = at, ReasonDrain
	}
	if p.latest.Before(p.endAt) {
		p.endAt, p.ending = p.latest, p.because
	}
}

// reviewed asks until when the client may stay.
func (p *portable) reviewed() {
	p.review = p.client.engine.ReviewBegins() // of the next one
	p.endAt, p.ending = p.latest, p.because
	if left, ok := p.client.timeLeft(); ok {
		if at := time.Now().Add(left); at.Before(p.endAt) {
			p.endAt, p.ending = at, ReasonExpired
		}
	}
}

// watch starts the time of a client that was written to, if it does not run. Bytes that
// net/http has written lie in the socket until the client takes them.
func (p *portable) watch() {
	if p.lookAt.IsZero() {
		p.lookAt, p.goal = time.Now().Add(p.client.engine.opts.WriteTimeout), p.client.bytes
	}
}

// look adds the time for what the client has taken, and reports whether any is left.
func (p *portable) look(now time.Time) bool {
	engine, written := p.client.engine, p.client.bytes
	held := heldBy(p.connection.bare())
	taken := written - min(uint64(held), written)
	step := taken - min(p.mark, taken)
	p.mark = taken
	switch {
	case held == 0:
		p.lookAt = time.Time{}
	case taken >= p.goal:
		p.lookAt, p.goal = now.Add(engine.opts.WriteTimeout), written
	default:
		p.lookAt = now.Add(engine.timeFor(step))
	}
	return p.lookAt.IsZero() || p.lookAt.After(now)
}

// end writes what is ready, and completes the stream.
func (p *portable) end(ctx context.Context, reason EndReason) EndReason {
	p.bufs, _ = p.client.gather(p.bufs, false, nil)
	return p.finish(ctx, reason)
}

// finish completes the stream. net/http writes the last chunk after it, under the deadline
// that finish leaves.
func (p *portable) finish(ctx context.Context, reason EndReason) EndReason {
	p.bufs = p.client.complete(p.bufs, false, reason)
	if err := p.send(); err != nil {
		return p.failed(ctx, err)
	}
	p.until = time.Now().Add(p.client.engine.opts.WriteTimeout)
	p.bound()
	if err := p.control.SetWriteDeadline(p.until); err != nil {
		return p.failed(ctx, err)
	}
	p.linger(-1)
	p.client.engine.limitRest(p.connection.bare())
	return reason
}

// linger says what the kernel does when the connection is closed. net/http closes it as
// soon as a write has failed. With 0 the kernel drops what it holds for a client that has
// stalled, with -1 it goes on to send that.
func (p *portable) linger(seconds int) {
	if conn, ok := p.connection.bare().(interface{ SetLinger(seconds int) error }); ok {
		_ = conn.SetLinger(seconds) // an error means that the connection has ended: a write will say so
	}
}

// failed returns why the stream ends, from the error of a write. The kernel tells only once
// that it has given up a client. If net/http, which reads from the connection, is told
// first, the client seems to have left.
func (p *portable) failed(ctx context.Context, err error) EndReason {
	switch {
	case p.ending == ReasonExpired && !time.Now().Before(p.endAt):
		return ReasonExpired
	case p.cutoff.cut, errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT): // we have ended it, or the kernel
		return ReasonSlow
	case errors.Is(err, http.ErrNotSupported):
		p.client.engine.opts.Logger.Error("connection cannot stream", "client", p.client.id, "error", err)
		return ReasonError
	default:
		// Any other error of a write means that the client has left.
		p.client.engine.opts.Logger.Debug("write failed", "client", p.client.id, "error", err, "cause", context.Cause(ctx))
		return ReasonGone
	}
}
