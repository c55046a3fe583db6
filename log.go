package pollux

import (
	"context"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// Log is a timeline that outlives the process, or that is shared with others.
type Log interface {
	hub.Log

	// Open makes the log work. It is called once, before anything else.
	Open(ctx context.Context) error

	// Close ends everything that Open has started. It is called when everything that
	// appends to the log or reads it has ended.
	Close(ctx context.Context) error

	// Failure returns why nothing is stored now, or nil.
	Failure() error

	// Stats returns what the log has counted.
	Stats() hub.LogStats
}

const (
	// recoveryTimeout bounds how long nothing is served while the log is read at the start.
	recoveryTimeout = 30 * time.Second

	// closeTimeout bounds how long the log is closed.
	closeTimeout = 10 * time.Second
)

// Keeps returns how many events of a stream, or of a key, are kept, and how many bytes. It
// is 0 for a stream that does not exist.
func (p *Pollux) Keeps(name string) (events, bytes int) { return p.hub.Bounds(name) }

// newest returns the newest document of a stream, or nil.
func (p *Pollux) newest(name string) []byte {
	if event, err := p.hub.Latest(name); err == nil && event != nil {
		return event.Data()
	}
	return nil
}

// closeLog closes the log.
func (p *Pollux) closeLog() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return p.opts.Log.Close(ctx)
}

// recovered returns a part that begins when the hub has read what the log had. A part that
// serves begins at the latest after recoveryTimeout.
func (p *Pollux) recovered(run func(context.Context) error, serves bool) func(context.Context) error {
	if p.opts.Log == nil {
		return run
	}
	return func(ctx context.Context) error {
		var late <-chan time.Time
		if serves {
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
