package pollux

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/polluxhub/pollux/internal/listen"
)

// The end of a Pollux takes Options.LameDuck and Options.Drain, and then ShutdownGrace at
// most, so that the defaults leave some of the ten seconds that Docker gives a container.
const (
	// flushTimeout bounds how long documents that wait are published. It is part of the
	// drain window, if that is as long.
	flushTimeout = time.Second

	// streamGrace is how long streams that do not end by themselves may still take after
	// the drain window, and other requests after the streams.
	streamGrace = time.Second

	// requestGrace is what other requests have in any case.
	requestGrace = 250 * time.Millisecond

	// logGrace is what the log has in any case to be closed. It has also what is left of the
	// times before.
	logGrace = time.Second

	// ShutdownGrace bounds how long Run takes to return after Options.Drain, or after a
	// second if that is longer.
	ShutdownGrace = streamGrace + requestGrace + listen.EndWait + logGrace
)

// shutdown ends the streams, then the servers. Requests keep being answered while
// streams drain, so that /readyz can say so.
func (p *Pollux) shutdown() error {
	begin := time.Now()
	p.publishLatest()
	window := max(p.opts.Drain-time.Since(begin), 0)
	latest := time.Now().Add(window + streamGrace)
	drained := p.drainStreams(window)
	if drained != nil {
		p.log.Warn("streams are cut that did not end in time", "streams", p.engine.Stats().Clients)
	}

	left := max(min(time.Until(latest), streamGrace), requestGrace)
	ctx, cancel := context.WithTimeout(context.Background(), left)
	defer cancel()
	var errs []error
	for _, server := range []*http.Server{p.server, p.admin} {
		if server == nil || drained == nil && server.Shutdown(ctx) == nil {
			continue
		}
		// A client still holds a connection, so close it. The engine closes its own
		// connections when it stops.
		errs = append(errs, server.Close())
	}
	return errors.Join(errs...)
}

// publishLatest publishes what waits because of AtMost, so that the clients have it before
// their streams end.
func (p *Pollux) publishLatest() {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := p.latest.Flush(ctx); err != nil {
		p.log.Warn("documents that waited are not published", "error", err)
	}
}

// drainStreams returns when all streams have ended, or with an error when the window and the
// grace after it are over. These are two timers and not one: in a process that was stopped
// meanwhile (a machine that slept) both would be over when it goes on, and the streams still
// need their grace.
func (p *Pollux) drainStreams(window time.Duration) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	over := time.AfterFunc(window, func() {
		select {
		case <-time.After(streamGrace):
			cancel()
		case <-ctx.Done():
		}
	})
	defer over.Stop()
	return p.engine.Drain(ctx, window)
}
