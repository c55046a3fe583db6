package poller

import (
	"context"
	"fmt"

	"github.com/polluxhub/pollux/hub/document"
)

// Func makes a source of a function. A []byte or json.RawMessage that the function
// returns is the JSON document itself; encoding/json encodes any other value. An
// error of the function is treated like that of any [Source]. The function must
// return when ctx ends. Func of nil is nil.
func Func(fetch func(ctx context.Context) (any, error)) Source {
	if fetch == nil {
		return nil
	}
	return function(fetch)
}

type function func(ctx context.Context) (any, error)

// Fetch implements [Source].
func (f function) Fetch(ctx context.Context, _ Version) (Reading, error) {
	value, err := f(ctx)
	if err != nil {
		return Reading{}, err
	}
	text, err := document.Encode(value)
	if err != nil {
		return Reading{}, &Error{Class: ClassInvalidJSON, Err: fmt.Errorf("the result of the function cannot be encoded: %w", err)}
	}
	return Reading{Document: text}, nil
}
