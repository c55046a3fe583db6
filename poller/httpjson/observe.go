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

// notesKey is the key of a context for the function of WithNotes.
type notesKey struct{}

// WithNotes returns a context with which a fetch calls note with what it did beside sending
// requests, in words for operators without a secret: that a token was fetched.
func WithNotes(ctx context.Context, note func(text string)) context.Context {
	return context.WithValue(ctx, notesKey{}, note)
}

// noted tells the function of a context.
func noted(ctx context.Context, text string) {
	if note, ok := ctx.Value(notesKey{}).(func(string)); ok {
		note(text)
	}
}
