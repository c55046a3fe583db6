package soak

import "io"

// pipe is the two pipes to a process as one connection.
type pipe struct {
	io.Reader
	io.WriteCloser
}
