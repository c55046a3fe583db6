package lease

import (
	"context"
	"errors"
)

// ErrConflict is returned by Store.Put when the newest revision is not the expected one.
var ErrConflict = errors.New("lease: somebody else has changed the record")

// Store keeps values by key. Its methods are safe for concurrent use, and return when ctx
// ends.
type Store interface {
	// Put stores a value if the newest revision of the key is the given one, 0 for a key that
	// has none, and returns the new revision, which is greater than any before. After
	// ErrConflict nothing was stored; after any other error that is not known.
	Put(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)

	// Get returns the newest entry of a key; the zero Entry if it has none.
	Get(ctx context.Context, key string) (Entry, error)

	// Watch calls emit with the newest entry of each key, then ready, and then emit with each
	// change, all from the calling goroutine. It returns an error when ctx ends or the store
	// fails. It is called again then, never twice at a time.
	Watch(ctx context.Context, emit func(Entry), ready func()) error
}

// Entry is a value in a Store.
type Entry struct {
	Key      string
	Value    []byte // empty after it was removed
	Revision uint64
}
