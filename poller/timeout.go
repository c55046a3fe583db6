package poller

import (
	"context"
	"time"
)

// timeoutKey is the key of the timeout in the context of a request.
type timeoutKey struct{}

// WithTimeout returns the context of one request to an upstream. It ends after the timeout,
// which the errors of a source name: see [TimeoutOf].
func WithTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithValue(ctx, timeoutKey{}, timeout), timeout)
}

// TimeoutOf returns the timeout of a context that [WithTimeout] made, and 0 for any other
// one. The time until the deadline would not do: it is a little shorter when the source
// begins.
func TimeoutOf(ctx context.Context) time.Duration {
	timeout, _ := ctx.Value(timeoutKey{}).(time.Duration)
	return timeout
}
