//go:build !linux

package fanout

import (
	"context"
	"net/http"

	"github.com/polluxhub/pollux/hub"
)

// On this system every client stays with the goroutine of its handler.

type (
	writer   struct{}
	handover struct{}
)

func (e *Engine) chooseWriter(*http.Request) handover { return handover{} }

func (handover) group() *hub.Group { return nil }

func (e *Engine) handOver(*Client, http.ResponseWriter) bool { return false }

func (e *Engine) runWriters(ctx context.Context) error {
	close(e.begun)
	<-ctx.Done()
	return nil
}
