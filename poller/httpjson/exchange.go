package httpjson

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson/guard"
)

const lostTwice = "the connection was lost, and the next one as well"

// exchange sends the request of one hop. It sends it once more if a kept connection is
// lost before any byte of the answer: servers close idle connections, and the request
// may be on its way at that moment. It also returns the watch of the connection. The
// context must be cancelled by cancel, after the body has been read.
//
// net/http itself repeats a GET on HTTP/1.1 in some cases, never repeats a POST, and
// repeats requests on HTTP/2 up to six times. Here there is one retry in all. A retry
// by net/http is noticed because it gets another connection, and counts as that one. At
// a second retry the request is cancelled before it is written.
//
// A connection on which no answer came is not used again, unless it brought something for
// other requests meanwhile. On HTTP/2 net/http would use it: for net/http only the request
// has failed.
func (c *client) exchange(ctx context.Context, cancel context.CancelFunc, first, at hop, since poller.Version) (*http.Response, *watch, *poller.Error) {
	way := c.reach(at.home)
	if way.guard != nil {
		// With a proxy nothing else checks this host.
		if err := way.guard.CheckHost(ctx, at.url.Hostname()); err != nil {
			return nil, nil, classifyRequest(err, phase{})
		}
	}
	spare := 1 // retries that are left
	for {
		seen := &watch{way: way, most: 1 + spare, cancel: cancel}
		request, failure := c.request(seen.trace(ctx), first, at, since)
		if failure != nil {
			return nil, nil, failure
		}
		response, err := way.http.Do(request)
		retries := seen.retries()
		c.requests.Add(1 + uint64(retries))
		c.retries.Add(uint64(retries))
		switch {
		case err == nil:
			if c.cookies != nil {
				c.cookies.take(at.url, response)
			}
			observed(ctx, response)
			return response, seen, nil
		case spare > retries && ctx.Err() == nil && seen.lost(err):
			spare = 0
			c.retries.Add(1)
			way.close() // so that the retry does not get another kept connection
		default:
			seen.abandon()
			return nil, nil, seen.classify(err)
		}
	}
}

// request makes the request of a hop.
func (c *client) request(ctx context.Context, first, at hop, since poller.Version) (*http.Request, *poller.Error) {
	var body io.Reader = http.NoBody
	if len(at.body) > 0 {
		body = bytes.NewReader(at.body)
	}
	request, err := http.NewRequestWithContext(ctx, at.method, at.url.String(), body)
	if err != nil {
		return nil, fail(classError, "no request can be made of the URL", nil)
	}
	request.GetBody = nil // exchange repeats the request, not net/http
	request.Header = c.plain.Clone()
	if at.home {
		request.Header = c.header.Clone()
		for name, file := range c.files {
			request.Header.Set(name, file.get())
		}
		for name, values := range at.header {
			request.Header[name] = slices.Clone(values)
		}
		if c.propagate != nil {
			c.propagate(ctx, request.Header)
		}
	}
	if host := request.Header.Get("Host"); host != "" {
		request.Host = host
		request.Header.Del("Host")
	}
	if len(at.body) > 0 {
		setDefault(request.Header, "Content-Type", "application/json")
	} else if len(first.body) > 0 { // a redirect has turned the POST into a GET
		request.Header.Del("Content-Type")
		request.Header.Del("Content-Encoding")
	}
	setValidators(request.Header, since)
	maps.Copy(request.Header, first.further)
	if c.cookies != nil {
		c.cookies.add(request)
	}
	return request, nil
}

// watch observes one request in net/http, which may use goroutines that outlive the
// request.
type watch struct {
	way    *way
	most   int // connections that the request may use
	cancel context.CancelFunc

	mu           sync.Mutex
	connections  int
	reused       bool // the last connection was used before
	isPublic     bool // its address is public
	answered     bool
	handshake    bool // a TLS handshake is in progress
	badHandshake bool // most errors of crypto/tls have no type to recognize them by
	refused      error
	conn         net.Conn  // the last connection
	heard        time.Time // when its newest byte for this request came, or the request was about to be sent
}

func (w *watch) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeStart: func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.handshake = true
		},
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.handshake, w.badHandshake = false, w.badHandshake || err != nil
		},
		// This is called before the request is written.
		GotConn: func(info httptrace.GotConnInfo) {
			var isPublic bool
			var refused error
			if w.way.guard != nil {
				isPublic, refused = w.way.guard.Check(ctx, info.Conn)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.connections++
			w.reused, w.isPublic, w.refused, w.conn, w.heard = info.Reused, isPublic, refused, info.Conn, time.Now()
			if w.connections > w.most || refused != nil {
				w.cancel()
				closeBelowTLS(info.Conn) // nothing is written to it any more
			}
		},
		GotFirstResponseByte: func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.answered, w.heard = true, time.Now()
		},
	})
}

// retries returns how often net/http sent the request again.
func (w *watch) retries() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return max(0, min(w.connections, w.most)-1)
}

func (w *watch) public() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.isPublic
}

// abandon closes the connection, so that no other request can use it. A connection of
// the caller's transport is left alone, and one that others share and that still brings
// them something: on HTTP/2 it is only this answer that does not come.
func (w *watch) abandon() {
	w.mu.Lock()
	conn, heard := w.conn, w.heard
	w.mu.Unlock()
	if conn == nil || w.way.guard == nil || !w.way.alone && isHTTP2(conn) && guard.HeardSince(conn, heard) {
		return
	}
	closeBelowTLS(conn)
}

// isHTTP2 reports whether several requests can use a connection at a time.
func isHTTP2(conn net.Conn) bool {
	secure, ok := conn.(*tls.Conn)
	return ok && secure.ConnectionState().NegotiatedProtocol == "h2"
}

// hearing returns a reader of the body that notes when something came.
func (w *watch) hearing(body io.Reader) *hearing { return &hearing{Reader: body, watch: w} }

type hearing struct {
	io.Reader
	watch *watch
	heard int64 // bytes
}

// words returns how much has come of a body that has not come to its end.
func (h *hearing) words(length int64) string {
	if length <= 0 {
		return ""
	}
	return fmt.Sprintf(": %d of the %d bytes of its Content-Length came", h.heard, length)
}

func (h *hearing) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	h.heard += int64(n)
	if n > 0 {
		h.watch.mu.Lock()
		h.watch.heard = time.Now()
		h.watch.mu.Unlock()
	}
	return n, err
}

// closeBelowTLS closes the connection below TLS, whose close message would wait for a
// peer that reads nothing.
func closeBelowTLS(conn net.Conn) {
	for {
		wrapper, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		conn = wrapper.NetConn()
	}
	_ = conn.Close() // it may be closed already
}

// lost reports whether err says that a kept connection was lost before the first byte
// of an answer. On HTTP/2 the error may concern one stream of a connection that lives
// on: that is no loss.
func (w *watch) lost(err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.connections > 0 && w.reused && !w.answered && w.refused == nil &&
		!strings.Contains(err.Error(), "stream error: ")
}

// classify returns the error of a request that got no response.
func (w *watch) classify(err error) *poller.Error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.refused != nil:
		err = w.refused
	case w.connections > w.most:
		return fail(classDisconnected, lostTwice, nil)
	}
	return classifyRequest(err, phase{handshake: w.handshake, handshakeFailed: w.badHandshake, connected: w.connections > 0})
}
