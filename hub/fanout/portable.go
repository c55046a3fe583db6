package fanout

import (
	"context"
	"errors"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// buffers are what writes are gathered in. They are taken for one write only:
// a client that waits holds none.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// Serve sends the answer's status and headers, then the stream, until the
// stream ends, and returns why it did. w must be the server's own
// ResponseWriter or one that [http.ResponseController] can unwrap. ctx ends when
// the client goes away.
//
// Errors of single writes end the stream; so does a ResponseWriter that cannot
// flush or has no write deadlines.
func (c *Client) Serve(ctx context.Context, w http.ResponseWriter) Reason {
	log := c.engine.opts.Logger.With("client", c.id)
	log.Info("stream opened", "streams", c.req.Streams, "resumed", c.req.LastEventID != "")
	start := time.Now()

	p := &portable{client: c, w: w, control: http.NewResponseController(w)}
	reason := p.run(ctx)

	c.subscription.Close()
	c.engine.stats.end(reason)
	c.engine.leave()
	log.Info("stream closed", "reason", reason, "documents", c.documents,
		"age", time.Since(start).Round(time.Millisecond).String())
	return reason
}

// portable writes to one client through net/http. It is what serves TLS, HTTP/2
// and every system.
type portable struct {
	client  *Client
	w       http.ResponseWriter
	control *http.ResponseController
}

func (p *portable) run(ctx context.Context) Reason {
	c, engine := p.client, p.client.engine
	maxAge := engine.opts.MaxAge
	endAt, ending := time.Now().Add(engine.between(maxAge*8/10, maxAge)), ReasonAge
	heartbeatAt := time.Now().Add(engine.silence())
	drain := engine.drain

	timer := time.NewTimer(0) // set anew before each wait
	defer timer.Stop()

	p.w.WriteHeader(http.StatusOK)
	done, err := p.write(c.subscription.Replay(), c.preface)
	for {
		switch {
		case err != nil:
			return p.failed(ctx, err)
		case done:
			p.release()
			return ReasonLimit
		}
		timer.Reset(min(time.Until(heartbeatAt), time.Until(endAt)))
		select {
		case <-ctx.Done():
			return ReasonGone

		case e, ok := <-c.subscription.Events():
			var next []*hub.Event
			if ok {
				next = []*hub.Event{e}
			} else if next, ok = c.resubscribe(); !ok {
				p.release()
				return ReasonHub
			}
			done, err = p.write(next, nil)
			heartbeatAt = time.Now().Add(engine.silence())

		case <-drain:
			drain = nil
			if at := time.Now().Add(engine.between(0, engine.window)); at.Before(endAt) {
				endAt, ending = at, ReasonDrain
			}

		case now := <-timer.C:
			if !now.Before(endAt) {
				p.release()
				return ending
			}
			done, err = p.write(nil, c.heartbeat)
			heartbeatAt = time.Now().Add(engine.silence())
		}
	}
}

// write sends what prefix appends, if it is not nil, then the events and
// whatever else is ready, each portion with one write, one flush and a deadline
// of its own. It reports whether the client has all the documents it asked for.
func (p *portable) write(events []*hub.Event, prefix func([]byte) []byte) (done bool, err error) {
	scratch := buffers.Get().(*[]byte)
	defer buffers.Put(scratch)
	for {
		buf := (*scratch)[:0]
		if prefix != nil {
			buf, prefix = prefix(buf), nil
		}
		buf, events, done = p.client.gather(buf, events)
		if err := p.send(buf); err != nil {
			return false, err
		}
		if cap(buf) <= 2*maxGather { // a huge document must not stay in the pool
			*scratch = buf
		}
		if done || len(events) == 0 {
			return done, nil
		}
	}
}

func (p *portable) send(buf []byte) error {
	if len(buf) == 0 {
		return nil
	}
	// A deadline that has passed cannot be extended, so each write sets its own.
	if err := p.control.SetWriteDeadline(time.Now().Add(p.client.engine.opts.WriteTimeout)); err != nil {
		return err
	}
	n, err := p.w.Write(buf)
	p.client.engine.stats.bytes.Add(uint64(n))
	if err != nil {
		return err
	}
	return p.control.Flush()
}

// release makes the connection fit for its next request.
func (p *portable) release() {
	if err := p.control.SetWriteDeadline(time.Time{}); err != nil {
		p.client.engine.opts.Logger.Debug("write deadline not cleared", "client", p.client.id, "error", err)
	}
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
