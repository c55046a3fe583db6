package soak

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/polluxhub/pollux/bench/certificate"
)

const (
	// firstRetry is how long a client waits that no server has told a retry time yet.
	firstRetry = 2 * time.Second

	// silence is how long a connection may bring nothing, before the client reconnects.
	// Heartbeats come after 18 s at the latest.
	silence = 45 * time.Second

	// perAddress is how many clients share a source address, so that its ports do not run
	// out: those of connections that have been closed are taken for a minute.
	perAddress = 2000
)

// client is one reader. Its goroutine alone uses the account; the rest is for others.
type client struct {
	crowd   *crowd
	number  int
	gzip    bool
	account account

	// leave ends the connection that is open, if there is one.
	leave atomic.Pointer[context.CancelFunc]
	anew  atomic.Bool // and the next one begins without an ID

	// What the conductor asks at the end.
	events atomic.Int64 // number of the last document of the stream events
	polled atomic.Uint64
	epoch  atomic.Pointer[string]
}

// run reads until ctx ends.
func (c *client) run(ctx context.Context) {
	retry := firstRetry
	c.account.Join(0)
	for ctx.Err() == nil {
		connection, leave := context.WithCancel(ctx)
		c.leave.Store(&leave)
		begin := time.Now()
		err := c.read(connection, &retry)
		left := connection.Err() != nil
		leave()
		if ctx.Err() != nil {
			break
		}
		wait := retry
		switch {
		case left: // a client that comes back does so soon
			c.crowd.counts.left.Add(1)
			wait = time.Duration(rand.Int64N(int64(time.Second)))
			if c.anew.Swap(false) {
				c.account.Join(int(c.crowd.acknowledged.Load()))
			}
		case errors.Is(err, io.EOF):
			c.crowd.counts.ended.Add(1)
		case errors.Is(err, syscall.ECONNREFUSED):
			c.crowd.counts.refused.Add(1)
		case errors.Is(err, errNoAnswer):
			c.crowd.noAnswer(Span{begin, time.Now()})
		case err != nil:
			c.crowd.counts.cut.Add(1)
			c.crowd.note("client %d: %v", c.number, err)
		}
		c.crowd.settle(c.account.Stretches(false))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	c.crowd.settle(c.account.Stretches(true))
}

// errNoAnswer is returned for a connection that ended before its stream began.
var errNoAnswer = errors.New("no answer")

// read makes one connection and reads it to its end. io.EOF is an end that the server
// has made whole.
func (c *client) read(ctx context.Context, retry *time.Duration) error {
	dialer := &net.Dialer{LocalAddr: source(c.number), Control: portWhenConnected, Timeout: 20 * time.Second}
	conn, err := c.crowd.dial(ctx, dialer, c.account.ID() == "")
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	request := "GET /api/sse?stream=" + eventsStream + "," + polledStream + " HTTP/1.1\r\nHost: " + c.crowd.server +
		"\r\nAccept: text/event-stream\r\n"
	if c.gzip {
		request += "Accept-Encoding: gzip\r\n"
	}
	if id := c.account.ID(); id != "" {
		request += "Last-Event-ID: " + id + "\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		return fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	timed := &timedReader{conn}
	resp, err := http.ReadResponse(bufio.NewReaderSize(timed, 1<<10), nil)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", resp.Status)
	}
	c.crowd.counts.open.Add(1)
	defer c.crowd.counts.open.Add(-1)
	var body io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" { // a refusal is not compressed
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return noEnd(err)
		}
		body = unzipped
	}
	lines := bufio.NewReaderSize(body, 1<<10)
	for {
		f, err := readFrame(lines)
		if err != nil {
			return err
		}
		if f.retry > 0 {
			*retry = f.retry
		}
		c.take(f)
	}
}

// take takes a frame, and tells the crowd what it says.
func (c *client) take(f frame) {
	if drop := c.crowd.drop; drop != nil && drop(c.number, f) {
		return
	}
	if err := c.account.Take(f); err != nil {
		c.crowd.violation("client %d: %v", c.number, err)
	}
	switch f.event {
	case "reset":
		c.crowd.counts.resets.Add(1)
	case "status":
		c.crowd.counts.statuses.Add(1)
		if bytes.Contains(f.data, []byte(`"error":"overloaded"`)) {
			c.crowd.counts.overloaded.Add(1)
		}
	case eventsStream, polledStream:
		c.crowd.counts.events.Add(1)
		at, err := parsePosition(f.id)
		if err != nil {
			return // the account has told of it
		}
		c.crowd.witness.Saw(f.event, at)
		c.epoch.Store(&at.epoch)
		if f.event == eventsStream {
			c.events.Store(int64(c.account.events))
		} else {
			c.polled.Store(at.seq)
		}
	}
}

// noEnd makes of an end where none may be an error that is no end.
func noEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// timedReader gives up on a connection that is silent.
type timedReader struct{ net.Conn }

func (r *timedReader) Read(b []byte) (int, error) {
	if err := r.SetReadDeadline(time.Now().Add(silence)); err != nil {
		return 0, err
	}
	return r.Conn.Read(b)
}

// dial connects to the server, and begins TLS if clients use it. A connection that begins anew
// resumes no session of TLS.
func (c *crowd) dial(ctx context.Context, dialer *net.Dialer, anew bool) (net.Conn, error) {
	conn, err := dialer.DialContext(ctx, "tcp", c.server)
	if err != nil || c.sessions == nil {
		return conn, err
	}
	config := certificate.Any("http/1.1")
	if !anew {
		config.ClientSessionCache = c.sessions
	}
	limited, cancel := context.WithTimeout(ctx, dialer.Timeout)
	defer cancel()
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(limited); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", errNoAnswer, err), conn.Close())
	}
	return secure, nil
}

// source returns the source address of a client: one of 127.78.0.0/16.
func source(number int) net.Addr {
	block := number / perAddress
	return &net.TCPAddr{IP: net.IPv4(127, 78, byte(block>>8), byte(block)+1)}
}

// portWhenConnected lets the kernel choose the port of a bound socket when the
// destination is known, so that two connections may have the same one.
func portWhenConnected(_, _ string, raw syscall.RawConn) error {
	var failure error
	err := raw.Control(func(fd uintptr) {
		failure = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
	return errors.Join(err, failure)
}
