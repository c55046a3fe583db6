package fanout

import (
	"context"
	"errors"
	"net/http"
	"os"
	"syscall"
	"time"
)

// portable writes to one client through net/http, in the goroutine of its
// handler. It serves TLS, HTTP/2 and every system.
type portable struct {
	client  *Client
	w       http.ResponseWriter
	control *http.ResponseController
	bufs    [][]byte
	made    signal // what the client waited for is made

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

	p.w.WriteHeader(http.StatusOK)
	p.bufs = append(p.bufs, c.preface().body)
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
		timer.Reset(min(time.Until(heartbeatAt), time.Until(p.endAt)))
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
			case !now.Before(heartbeatAt):
				p.bufs = append(p.bufs, c.heartbeat().body)
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

// send writes bufs, in pieces for each of which the client has the write timeout:
// none is larger than what it has to take in that time.
func (p *portable) send() error {
	if len(p.bufs) == 0 {
		return nil
	}
	c, left, pieces := p.client, 0, 0
	for _, buf := range p.bufs {
		for len(buf) > 0 {
			if left == 0 {
				if err := p.allow(); err != nil {
					return err
				}
				left, pieces = int(c.engine.quota), pieces+1
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
		if err := p.allow(); err != nil {
			return err
		}
	}
	return p.control.Flush()
}

// allow gives the client the write timeout for what comes next. A deadline that
// has passed cannot be extended, so each write needs a new one. A stream that ends
// with a drain has the write timeout once, for all that is left.
func (p *portable) allow() error {
	select {
	case <-p.drain:
		p.drains()
	default:
	}
	timeout := p.client.engine.opts.WriteTimeout
	until := time.Now().Add(timeout)
	if p.ending == ReasonDrain {
		until = earliest(until, p.endAt.Add(timeout))
	}
	return p.control.SetWriteDeadline(until)
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
	if err := p.allow(); err != nil {
		return p.failed(ctx, err)
	}
	return reason
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
