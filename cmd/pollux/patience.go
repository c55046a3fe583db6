package main

import (
	"bytes"
	"context"
	"errors"
	"io"
)

var errNotTaken = errors.New("told to end before the answer was taken")

// writerFunc is an [io.Writer].
type writerFunc func(text []byte) (int, error)

func (f writerFunc) Write(text []byte) (int, error) { return f(text) }

// untilEnd is w for commands that answer and end: where nobody reads the answer, they
// wait until ctx ends and no longer. What hangs then is left to the end of the
// process, which is all that ends it.
func untilEnd(ctx context.Context, w io.Writer) io.Writer {
	return writerFunc(func(text []byte) (int, error) {
		type outcome struct {
			n   int
			err error
		}
		written := make(chan outcome, 1)
		own := bytes.Clone(text) // the caller's is the caller's again when this returns
		go func() {
			n, err := w.Write(own)
			written <- outcome{n, err}
		}()
		select {
		case o := <-written:
			return o.n, o.err
		case <-ctx.Done():
			return 0, errNotTaken
		}
	})
}
