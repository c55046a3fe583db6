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

// untilEnd returns w for commands that answer and end. If nobody reads the answer, they
// wait until ctx ends and no longer. A write that still hangs ends with the process.
func untilEnd(ctx context.Context, w io.Writer) io.Writer {
	return writerFunc(func(text []byte) (int, error) {
		type outcome struct {
			n   int
			err error
		}
		written := make(chan outcome, 1)
		own := bytes.Clone(text) // the caller may reuse text once Write returns
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
