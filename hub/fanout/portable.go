package fanout

import (
	"context"
	"errors"
	"net/http"
	"os"
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
}

func (p *portable) run(ctx context.Context) Reason {
	c, engine := p.client, p.client.engine
	endAt, ending := time.Now().Add(engine.age()), ReasonAge
	heartbeatAt := time.Now().Add(engine.silence())
	drain := engine.drain

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

		timer.Reset(min(time.Until(heartbeatAt), time.Until(endAt)))
		events := c.subscription.Events()
		if again != nil || state == waiting {
			events = nil // the backlog comes first
		}
		select {
		case <-ctx.Done():
			return ReasonGone

		case <-drain:
			drain = nil
			if at := time.Now().Add(engine.between(0, engine.window)); at.Before(endAt) {
				endAt, ending = at, ReasonDrain
			}

		case <-timer.C:
			switch now := time.Now(); {
			case !now.Before(endAt):
				return p.end(ctx, ending)
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

func (p *portable) send() error {
	if len(p.bufs) == 0 {
		return nil
	}
	// A deadline that has passed cannot be extended, so each write sets its own.
	if err := p.control.SetWriteDeadline(time.Now().Add(p.client.engine.opts.WriteTimeout)); err != nil {
		return err
	}
	for _, buf := range p.bufs {
		n, err := p.w.Write(buf)
		p.client.engine.stats.bytes.Add(uint64(n))
		if err != nil {
			return err
		}
	}
	clear(p.bufs)
	p.bufs = p.bufs[:0]
	return p.control.Flush()
}

// end writes what is ready still, and makes the stream whole. The deadline is for
// the last chunk, which net/http writes.
func (p *portable) end(ctx context.Context, reason Reason) Reason {
	p.bufs, _ = p.client.gather(p.bufs, false, nil)
	if trailer := p.client.encoding.end(); trailer != nil {
		p.bufs = append(p.bufs, trailer.body)
	}
	if err := p.send(); err != nil {
		return p.failed(ctx, err)
	}
	if err := p.control.SetWriteDeadline(time.Now().Add(p.client.engine.opts.WriteTimeout)); err != nil {
		return p.failed(ctx, err)
	}
	return reason
}

func (p *portable) failed(ctx context.Context, err error) Reason {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
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
