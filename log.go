package pollux

import (
	"context"
	"errors"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// Log is a timeline that outlives the process, or that is shared with others.
type Log interface {
	hub.Log

	// Open makes the log work. It is called once, before anything else.
	Open(ctx context.Context) error

	// Close ends everything that Open has started. It is called when everything that
	// appends to the log or reads it has ended. If it has not returned when ctx ends, Run
	// does not wait for it any longer: what Close has not done then is as after a SIGKILL.
	Close(ctx context.Context) error

	// Failure returns why nothing is stored now, or nil. Of a log that is shared, it is not
	// nil either while nothing is heard from it.
	Failure() error

	// Stats returns what the log has counted.
	Stats() hub.LogStats

	// Shared reports whether other processes write and read the log too. Then clients are told
	// that the streams are stale as long as there is a Failure.
	Shared() bool

	// Watch calls tell with Failure, at once and whenever that has changed, until ctx ends.
	Watch(ctx context.Context, tell func(failure error))
}

// recoveryTimeout bounds how long nothing is served while the log is read at the start.
const recoveryTimeout = 30 * time.Second

// ErrLogStuck is returned by a Run that did not wait any longer for its log to be closed.
var ErrLogStuck = errors.New("pollux: the log is not closed in time")

// Keeps returns how many events of a stream, or of a key, are kept, and how many bytes. It
// is 0 for a stream that does not exist.
func (p *Pollux) Keeps(name string) (events, bytes int) { return p.hub.Bounds(name) }

// newest returns the newest document of a stream, or nil.
func (p *Pollux) newest(name string) *hub.Event {
	event, err := p.hub.Latest(name)
	if err != nil {
		return nil // the stream was removed a moment ago
	}
	return event
}

// isShared reports whether other processes write and read the log too.
func (p *Pollux) isShared() bool { return p.opts.Log != nil && p.opts.Log.Shared() }

// watchLog tells clients whether the log, which is shared, is heard.
func (p *Pollux) watchLog(ctx context.Context) error {
	p.opts.Log.Watch(ctx, func(failure error) {
		if failure == nil {
			if p.unheard.Swap(nil) != nil {
				p.hub.Override(nil)
			}
			return
		}
		since := time.Now()
		if !p.unheard.CompareAndSwap(nil, &since) {
			return
		}
		known := make(map[string]hub.Upstream) // because the hub holds locks when it asks
		for _, u := range p.poller.Status() {
			known[u.Name] = u
		}
		p.hub.Override(func(stream string) hub.Status { return doubted(known[streamOf(stream)], since).Status })
	})
	return nil
}

// doubted returns what is known of an upstream while nothing is heard from the log: its stream
// is stale, unless it was down before.
func doubted(u hub.Upstream, since time.Time) hub.Upstream {
	if u.State != hub.Down {
		u.Status = hub.Status{State: hub.Stale, Since: since, LastSuccess: u.LastSuccess, Error: hub.ErrorLog}
	}
	return u
}

// upstreams returns what is known of all upstreams.
func (p *Pollux) upstreams() []hub.Upstream {
	list := p.poller.Status()
	if since := p.unheard.Load(); since != nil {
		for i := range list {
			list[i] = doubted(list[i], *since)
		}
	}
	return list
}

func (p *Pollux) upstreamOf(name string) (hub.Upstream, bool) {
	u, ok := p.poller.StatusOf(name)
	if since := p.unheard.Load(); since != nil {
		u = doubted(u, *since)
	}
	return u, ok
}

// closeLog closes the log. It has logGrace in any case, and the time until latest if that is
// longer.
func (p *Pollux) closeLog(latest time.Time) error {
	ctx, cancel := context.WithTimeout(context.Background(), max(time.Until(latest), logGrace))
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- p.opts.Log.Close(ctx) }() // which may hang in a disk
	select {
	case err := <-closed:
		return err
	case <-ctx.Done():
	}
	select { // both may have come at once
	case err := <-closed:
		return err
	default:
		return ErrLogStuck
	}
}

// recovered returns a part that begins when the hub has read what the log had. A part that
// serves begins at the latest after recoveryTimeout.
func (p *Pollux) recovered(run func(context.Context) error, serves bool) func(context.Context) error {
	if p.opts.Log == nil {
		return run
	}
	return func(ctx context.Context) error {
		var late <-chan time.Time
		switch {
		case serves && p.isShared() && p.opts.Log.Failure() != nil:
			return run(ctx) // and says so
		case serves:
			late = time.After(recoveryTimeout)
		}
		select {
		case <-p.hub.Recovered():
		case <-late:
			p.log.Warn("the log is still being read, and clients are served what is known")
		case <-ctx.Done():
			return ctx.Err()
		}
		return run(ctx)
	}
}
