package fanout

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/textproto"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/sys/unix"

	"github.com/polluxhub/pollux/hub"
)

// handover is the part of a Client that its writer needs. Until the writer has adopted
// the client, it belongs to the goroutine of the handler.
type handover struct {
	writer *writer // nil: the client stays with its handler

	fd         int
	carrier    *carrier // nil: without TLS
	slot       uint32
	generation uint32

	pending few[[]byte] // what a full socket did not take; not nil, and empty, if only records of TLS are left

	// Ticks of the writer's wheel.
	wroteAt  uint32 // the last write
	silence  uint32 // how long after the last write a heartbeat is due
	endAt    uint32 // when the stream ends
	deadline uint32 // when the client has stalled; 0 if it has to take nothing

	// Counts of the bytes of the answer. The lower 32 bits suffice, because fewer bytes
	// than that are pending.
	mark uint32 // bytes that the client had taken at the last look
	goal uint32 // bytes that it has to take until the deadline

	endsFor   uint8 // index of endReasons, see ending
	drains    bool  // the stream ends because of a drain
	expires   bool  // the stream ends at endAt because of Request.Until
	adopted   bool  // the writer owns the client
	postponed bool  // the writer goes on with the client later
	waiting   bool  // the client waits until clients hold less
}

// ending returns why the stream ends once pending is written, or "" if it goes on.
func (h *handover) ending() EndReason { return endReasons[h.endsFor] }

// endsAs sets it.
func (h *handover) endsAs(reason EndReason) { h.endsFor = uint8(slices.Index(endReasons[:], reason)) }

func (h *handover) group() *hub.Group {
	if h.writer == nil {
		return nil
	}
	return h.writer.group
}

// chooseWriter decides whether the client's connection is handed over, and to which
// writer. handOver leaves a connection that cannot be hijacked to its handler. HTTP/1.0 has
// no chunks, and HTTP/2 has several streams on a connection.
func (e *Engine) chooseWriter(r *http.Request) handover {
	c := connectionOf(r.Context())
	if c == nil || !r.ProtoAtLeast(1, 1) || r.ProtoMajor != 1 {
		return handover{}
	}
	if _, plain := plainTCP(c.conn); !plain && carrierOf(c.conn) == nil {
		return handover{}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.writers) == 0 {
		return handover{}
	}
	e.next++
	return handover{writer: e.writers[e.next%len(e.writers)]}
}

// runWriters starts a writer for each processor and waits for them.
func (e *Engine) runWriters(ctx context.Context) error {
	var writers []*writer
	for range runtime.GOMAXPROCS(0) {
		w, err := newWriter(e)
		if err != nil {
			for _, w := range writers {
				w.poll.close()
				w.yielder.close()
			}
			return fmt.Errorf("fanout: %w", err)
		}
		writers = append(writers, w)
	}
	e.mu.Lock()
	e.writers = writers
	e.mu.Unlock()
	close(e.begun)

	var running sync.WaitGroup
	for _, w := range writers {
		running.Go(func() { w.run(ctx) })
	}
	<-ctx.Done()
	e.mu.Lock()
	e.writers = nil
	e.mu.Unlock()
	running.Wait()
	return nil
}

// handOver takes the connection from net/http, writes the beginning of the answer, and
// gives the descriptor to a writer. It writes in the goroutine of the handler, so that a
// client that joins does not wait for the writer, and it does not wait for the socket:
// the writer writes what the socket does not take at once. If the client stays with its
// handler, handOver has done nothing and reports false.
func (e *Engine) handOver(c *Client, w http.ResponseWriter) bool {
	if c.writer == nil {
		return false
	}
	header := w.Header()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		e.opts.Logger.Debug("connection not handed over", "client", c.id, "error", err)
		return false
	}
	e.stats.handedOver.Add(1)
	reason := ReasonError // if something panics
	c.fd, c.carrier, err = detach(conn)
	defer func() {
		if reason != "" {
			e.dismissSocket(c.fd, reason) // -1 if detach has failed
			c.finish(reason)
		}
	}()
	if err != nil {
		e.opts.Logger.Error("descriptor not taken over", "client", c.id, "error", err)
		return true
	}
	if reason = c.greet(header); reason == "" && !c.writer.join(c) {
		reason = ReasonHub
	}
	return true
}

// greet writes the head of the answer, the preface, and the first portion of what is
// ready. It returns why the stream ends, if it ends already.
func (c *Client) greet(header http.Header) EndReason {
	head := appendHead(make([]byte, 0, 512), header, time.Now())
	bufs, state := c.gather([][]byte{head, c.preface().Chunk}, true, nil)
	if state == satisfied {
		c.endsAs(ReasonLimit)
		bufs = append(bufs, c.terminator())
	}
	rest, cut, errno := c.send(bufs, nil)
	switch {
	case errno != 0:
		return lossReason(errno)
	case rest != nil:
		c.keep(rest, cut)
		return ""
	default:
		return c.ending()
	}
}

// appendHead appends the head of an answer without a length. It treats invalid headers as
// net/http does: it leaves out lines with an invalid name, replaces line breaks in
// values, and trims the space around them.
func appendHead(dst []byte, header http.Header, now time.Time) []byte {
	dst = append(dst, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDate: "...)
	dst = append(now.UTC().AppendFormat(dst, http.TimeFormat), "\r\n"...)
	var room [16]string // on the stack: a join allocates much in any case
	names := room[:0]
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch name {
		case "Content-Length", "Transfer-Encoding", "Date":
			continue
		}
		if !httpguts.ValidHeaderFieldName(name) {
			continue
		}
		for _, value := range header[name] {
			dst = append(append(dst, name...), ": "...)
			dst = append(append(dst, textproto.TrimString(oneLine.Replace(value))...), "\r\n"...)
		}
	}
	return append(dst, "\r\n"...)
}

var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

// terminator returns the end of the stream, for the reason that is noted, and of the
// chunked body.
func (c *Client) terminator() []byte {
	const lastChunk = "0\r\n\r\n"
	return append(slices.Concat(c.complete(nil, true, c.ending())...), lastChunk...)
}

// detach returns a second descriptor for the connection, unknown to the runtime's poller,
// and closes the first one. If TLS is on the connection, it goes on over the second one, by
// the carrier.
func detach(conn net.Conn) (fd int, under *carrier, err error) {
	if secure, ok := conn.(*tls.Conn); ok {
		if under = carrierOf(conn); under != nil {
			fd, err = under.detach(secure)
			return fd, under, err
		}
	}
	plain, ok := plainTCP(conn)
	if !ok {
		return -1, nil, errors.Join(fmt.Errorf("a %T has no descriptor", conn), conn.Close())
	}
	fd, err = duplicate(plain)
	_ = conn.Close() // nothing was written that could be lost
	return fd, nil, err
}

// duplicate returns a second descriptor for the connection.
func duplicate(conn *net.TCPConn) (fd int, err error) {
	control, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	var failed error
	err = control.Control(func(original uintptr) {
		fd, failed = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err != nil {
		return -1, err
	}
	return fd, failed
}
