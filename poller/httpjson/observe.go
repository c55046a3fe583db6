package httpjson

import (
	"context"
	"net/http"
)

// observerKey is the key of a context for the function of WithObserver.
type observerKey struct{}

// WithObserver returns a context with which a fetch calls observe with each response that
// it gets, redirects included, before it reads the body. observe must not read it.
func WithObserver(ctx context.Context, observe func(*http.Response)) context.Context {
	return context.WithValue(ctx, observerKey{}, observe)
}

// observed tells the observer of a context.
func observed(ctx context.Context, response *http.Response) {
	if observe, ok := ctx.Value(observerKey{}).(func(*http.Response)); ok {
		observe(response)
	}
}
