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

// portable writes to one client through net/http, in the goroutine of its
// handler. It serves TLS, HTTP/2 and every system.
type portable struct {
	client     *Client
	connection *connection // nil: it is not known
	w          http.ResponseWriter
	control    *http.ResponseController
	bufs       [][]byte
	made       view.Signal // what the client waited for is made

	until  time.Time // when the client must have taken what is written now
	lookAt time.Time // when it is stalled if it takes nothing; zero if nothing is known that it has to take
	mark   uint64    // what it had taken when that was looked at
	goal   uint64    // what it has to take until then

	endAt  time.Time
	ending Reason          // why it ends then
	drain  <-chan struct{} // of the engine; nil when that is known
}

func (p *portable) run(ctx context.Context) Reason {
	c, engine := p.client, p.client.engine
	p.endAt, p.ending = time.Now().Add(engine.age()), ReasonAge
	p.drain = engine.drain
	heartbeatAt := time.Now().Add(engine.silence())

	timer := time.NewTimer(0) // set anew before each wait
	defer timer.Stop()
	ready := make(chan struct{}) // closed: more is ready to be written than went into one write
	close(ready)

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
			p.watch()
		}
		var again <-chan struct{}
		switch state {
		case satisfied:
			return p.end(ctx, ReasonLimit)
		case broken:
			if reason := c.resubscribe(); reason != "" {
				return p.end(ctx, reason)
			}
			again = ready
		case more:
			again = ready
		case drained, waiting:
		}

		if again != nil && !time.Now().Before(p.endAt) {
			return p.end(ctx, p.ending) // which the select below might not choose
		}
		wakeAt := earliest(heartbeatAt, p.endAt)
		if !p.lookAt.IsZero() {
			wakeAt = earliest(wakeAt, p.lookAt)
		}
		timer.Reset(time.Until(wakeAt))
		events := c.subscription.Events()
		if again != nil || state == waiting {
			events = nil // the backlog comes first
		}
		select {
		case <-ctx.Done():
			// Most such have left. One that has only closed its half gets the end.
			return p.finish(ctx, ReasonGone)

		case <-p.drain:
			p.drains()

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
				c.backlog = append(c.backlog, e)
			} // else gather finds it closed as well

		case <-again:
		case <-p.made:
		}
	}
}

// drains gives the stream a moment in the window of the drain to end at, however
// late it hears of that.
func (p *portable) drains() {
	p.drain = nil
	engine := p.client.engine
	if at := engine.drained.Add(engine.between(0, engine.window)); at.Before(p.endAt) {
		p.endAt, p.ending = at, ReasonDrain
	}
}

// watch starts the time of a client that was written to, if it does not run. What
// net/http has written lies in the socket until the client takes it.
func (p *portable) watch() {
	if p.lookAt.IsZero() {
		p.lookAt, p.goal = time.Now().Add(p.client.engine.opts.WriteTimeout), p.client.bytes
	}
}

// look gives the client time for what it has taken, and reports whether there is any.
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

// timeFor returns how much time a client has for so many bytes, up to the write
// timeout.
func (e *Engine) timeFor(bytes uint64) time.Duration {
	return time.Duration(min(float64(bytes)/float64(e.quota), 1) * float64(e.opts.WriteTimeout))
}

// piecesPerQuota is in how many pieces the portable writer writes what a client has to
// take in a write timeout.
const piecesPerQuota = 4

// send writes bufs, in small pieces. The client has the write timeout, and each piece
// that it takes buys as much time as it has for one at the least rate, up to the write
// timeout.
func (p *portable) send() error {
	if len(p.bufs) == 0 {
		return nil
	}
	c, left, pieces := p.client, 0, 0
	size := int(max(c.engine.quota/piecesPerQuota, 1))
	more := c.engine.timeFor(uint64(size))
	for _, buf := range p.bufs {
		for len(buf) > 0 {
			if left == 0 {
				if pieces > 0 {
					p.until = p.until.Add(more)
				} else {
					p.until = time.Now().Add(c.engine.opts.WriteTimeout)
				}
				if err := p.allow(); err != nil {
					return err
				}
				left, pieces = size, pieces+1
			}
			n, err := p.w.Write(buf[:min(len(buf), left)])
			c.bytes += uint64(n)
			c.engine.stats.bytes.Add(uint64(n))
			if err != nil {
				return err
			}
			buf, left = buf[n:], left-n
		}
	}
	clear(p.bufs)
	p.bufs = p.bufs[:0]
	if pieces > 1 { // the end of the last one is in the buffer of net/http
		p.until = p.until.Add(more)
		if err := p.allow(); err != nil {
			return err
		}
	}
	return p.control.Flush()
}

// allow gives the client until then for what comes next, and no longer than the write
// timeout. A stream that ends with a drain has the write timeout once, for all that is
// left.
func (p *portable) allow() error {
	select {
	case <-p.drain:
		p.drains()
	default:
	}
	timeout := p.client.engine.opts.WriteTimeout
	p.until = earliest(p.until, time.Now().Add(timeout))
	if p.ending == ReasonDrain {
		p.until = earliest(p.until, p.endAt.Add(timeout))
	}
	return p.control.SetWriteDeadline(p.until)
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// end writes what is ready still, and makes the stream whole.
func (p *portable) end(ctx context.Context, reason Reason) Reason {
	p.bufs, _ = p.client.gather(p.bufs, false, nil)
	return p.finish(ctx, reason)
}

// finish makes the stream whole. The deadline is for the last chunk, which net/http
// writes.
func (p *portable) finish(ctx context.Context, reason Reason) Reason {
	p.bufs = p.client.farewell(p.bufs, false)
	if err := p.send(); err != nil {
		return p.failed(ctx, err)
	}
	p.until = time.Now().Add(p.client.engine.opts.WriteTimeout)
	if err := p.allow(); err != nil {
		return p.failed(ctx, err)
	}
	p.linger(-1)
	p.client.engine.bequeath(p.connection.bare())
	return reason
}

// linger says what the kernel does when the connection is closed, by net/http as soon
// as a write has failed: with 0 it keeps nothing for a client that was stalled, with -1
// it goes on sending what it has.
func (p *portable) linger(seconds int) {
	if conn, ok := p.connection.bare().(interface{ SetLinger(seconds int) error }); ok {
		_ = conn.SetLinger(seconds) // else it has ended: a write will tell
	}
}

func (p *portable) failed(ctx context.Context, err error) Reason {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT): // ours, and the kernel's
		return ReasonSlow
	case errors.Is(err, http.ErrNotSupported):
		p.client.engine.opts.Logger.Error("connection cannot stream", "client", p.client.id, "error", err)
		return ReasonError
	default:
		// Whatever else a write says, the client is not there any more.
		p.client.engine.opts.Logger.Debug("write failed", "client", p.client.id, "error", err, "cause", context.Cause(ctx))
		return ReasonGone
	}
}
