package pollux

import (
	"errors"
	"sync/atomic"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
)

// readiness is what /readyz says beside a drain. It is safe for concurrent use.
type readiness struct {
	lame atomic.Bool // the end is near
	was  atomic.Bool // it was ready once
}

// isReady says whether new clients should come.
func (p *Pollux) isReady() handlers.Readiness {
	switch {
	case p.readiness.lame.Load():
		return handlers.LameDuck
	case p.leaf != nil && !p.leaf.isConnected():
		return handlers.NoOrigin
	case !p.readiness.was.Load() && !p.hasDocuments():
		return handlers.Waiting
	}
	p.readiness.was.Store(true)
	if p.opts.Log == nil {
		return handlers.Ready
	}
	switch err := p.opts.Log.Failure(); {
	case err == nil:
		return handlers.Ready
	case errors.Is(err, hub.ErrLogFull):
		return handlers.LogFull
	default:
		return handlers.LogUnavailable
	}
}

// hasDocuments reports whether each stream has a document that readiness waits for.
func (p *Pollux) hasDocuments() bool {
	if !p.opts.ReadyWithDocuments {
		return true
	}
	for _, stream := range p.streams.Load().polled {
		if stream.OnDemand || stream.Keys != nil {
			continue
		}
		if event, err := p.hub.Latest(stream.Name); err == nil && event == nil {
			return false // a stream that was removed a moment ago is an error
		}
	}
	return true
}
