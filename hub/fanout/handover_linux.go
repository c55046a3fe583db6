package fanout

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/textproto"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/sys/unix"

	"github.com/polluxhub/pollux/hub"
)

// handover is what a Client is while a writer owns its connection. Until the
// writer has adopted it, it belongs to the goroutine of the handler.
type handover struct {
	writer *writer // nil: the client stays with its handler

	fd         int
	slot       uint32
	generation uint32

	pending [][]byte // what the socket did not take, while it is full
	ending  Reason   // why the stream ends once that is written; "" if it goes on

	// Ticks of the writer's wheel.
	wroteAt  uint32 // the last write
	silence  uint32 // how long after it a heartbeat is due
	endAt    uint32
	deadline uint32 // when the client is stalled; 0 if nothing is known that it has to take

	// Of the bytes of the answer, the lower half of the number, as of no client so many
	// are pending.
	mark uint32 // what it had taken when the writer looked last
	goal uint32 // what it has to take until the deadline

	drains  bool // the end is due to a drain
	adopted bool // the writer has it, and has not let it go

	postponed bool // the writer goes on with it later
}

func (h *handover) group() *hub.Group {
	if h.writer == nil {
		return nil
	}
	return h.writer.group
}

// chooseWriter decides whether the client's connection will be handed over, and
// to whom. This is the one place that does. HTTP/1.0 has no chunks, HTTP/2 and
// TLS have more to them than a socket.
func (e *Engine) chooseWriter(r *http.Request) handover {
	c := connectionOf(r.Context())
	if c == nil || !r.ProtoAtLeast(1, 1) || r.ProtoMajor != 1 || r.TLS != nil {
		return handover{}
	}
	if _, plain := c.conn.(*net.TCPConn); !plain {
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
				w.breath.close()
			}
			return fmt.Errorf("fanout: %w", err)
		}
		writers = append(writers, w)
	}
	e.mu.Lock()
	e.writers = writers
	e.mu.Unlock()

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

// handOver takes the connection from net/http, writes the beginning of the
// answer, still in the goroutine of the handler, so that a client that joins does
// not wait for the writer, and gives a writer its descriptor. It waits for no
// socket: what this one does not take at once is the writer's business. It
// reports false, with nothing done, if the client stays.
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
	reason := ReasonError // unless another is known, if nothing panics
	c.fd, err = detach(conn)
	defer func() {
		if reason != "" {
			e.dismissSocket(c.fd, reason) // which is none if detach has failed
			c.finish(reason)
		}
	}()
	if err := conn.Close(); err != nil {
		e.opts.Logger.Debug("connection not closed", "client", c.id, "error", err)
	}
	if err != nil {
		e.opts.Logger.Error("descriptor not taken over", "client", c.id, "error", err)
		return true
	}
	if reason = c.greet(header); reason == "" && !c.writer.join(c) {
		reason = ReasonHub
	}
	return true
}

// greet writes the head of the answer, the preface, and the first portion of
// what is ready. It returns why the stream ends if it has done so already.
func (c *Client) greet(header http.Header) Reason {
	head := appendHead(make([]byte, 0, 512), header, time.Now())
	bufs, state := c.gather([][]byte{head, c.preface().Chunk}, true, nil)
	if state == satisfied {
		c.ending = ReasonLimit
		bufs = append(bufs, c.terminator())
	}
	rest, errno := c.send(bufs, nil)
	switch {
	case errno != 0:
		return lossBy(errno)
	case len(rest) > 0:
		c.pending = slices.Clone(rest) // without what is written, which goes
		return ""
	default:
		return c.ending
	}
}

// appendHead appends the head of an answer that has no length. Of what a header
// must not contain it makes what net/http would: lines whose name is none are left
// out, and values have neither line breaks nor space around them.
func appendHead(dst []byte, header http.Header, now time.Time) []byte {
	dst = append(dst, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDate: "...)
	dst = append(now.UTC().AppendFormat(dst, http.TimeFormat), "\r\n"...)
	for _, name := range slices.Sorted(maps.Keys(header)) {
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

// terminator returns the end of the stream and of the chunked body.
func (c *Client) terminator() []byte {
	const lastChunk = "0\r\n\r\n"
	return append(slices.Concat(c.farewell(nil, true)...), lastChunk...)
}

// detach returns a second descriptor for the connection, of which the runtime's
// poller knows nothing. Closing the first leaves the connection open.
func detach(conn net.Conn) (fd int, err error) {
	raw, ok := conn.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("a %T has no descriptor", conn)
	}
	control, err := raw.SyscallConn()
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
