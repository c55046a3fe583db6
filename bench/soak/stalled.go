package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// stalling is how long a stalled reader reads nothing, and how long it reads then, until
	// it notices that it was closed. A server whose write timeout has the default value closes
	// it in less than half of that.
	stalling = 30 * time.Second

	// stalledWindow is its receive buffer in bytes, which the kernel doubles. A document of
	// the stream that it asks for is larger.
	stalledWindow = 4096
	largeDocument = 16 << 10
)

// stall connects, asks for the stream of large documents and reads nothing, again and again
// until ctx ends. The server has to close each of these connections. It begins when there is
// a document: a connection on which nothing was sent has not stalled.
func (c *crowd) stall(ctx context.Context, number int) {
	for c.acknowledged.Load() == 0 && sleep(ctx, 100*time.Millisecond) {
	}
	for ctx.Err() == nil {
		begin := time.Now()
		err := c.stallOnce(ctx, number)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.counts.kept.Add(1)
		case errors.Is(err, syscall.ECONNRESET):
			c.counts.stalled.Add(1)
		default: // there was no stream, or it has ended; the other clients find out why
		}
		sleep(ctx, max(time.Second-time.Since(begin), 0))
	}
}

// stallOnce returns why the connection ended, os.ErrDeadlineExceeded if it did not.
func (c *crowd) stallOnce(ctx context.Context, number int) error {
	dialer := &net.Dialer{LocalAddr: source(number), Control: smallWindow, Timeout: 20 * time.Second}
	conn, err := c.dial(ctx, dialer, true)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := fmt.Fprintf(conn, "GET /api/sse?stream=%s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", largeStream, c.server); err != nil {
		return fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	sleep(ctx, c.stalling)
	if err := conn.SetReadDeadline(time.Now().Add(c.stalling)); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, conn)
	return err
}

// smallWindow is portWhenConnected with the receive buffer of a stalled reader.
func smallWindow(network, address string, raw syscall.RawConn) error {
	var failure error
	err := raw.Control(func(fd uintptr) {
		failure = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, stalledWindow)
	})
	return errors.Join(err, failure, portWhenConnected(network, address, raw))
}
