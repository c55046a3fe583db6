package httpjson

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson/guard"
)

const lostTwice = "the connection was lost, and the next one as well"

// exchange sends the request of one hop, and once more if the connection was an
// old one and is lost before anything came back: servers close connections that
// are idle, and the request may cross that on its way. It returns what was seen of
// the connection as well. The context must be cancelled by cancel, after the body
// has been read.
//
// net/http does this by itself for a GET, on HTTP/1.1 and in the cases that it
// can tell, and not at all for a POST; on HTTP/2 up to six times. Here it is once
// in all. A retry of net/http's is noticed because it gets another connection,
// and counts as the one there is; at a second one, the request is cancelled,
// as a rule before it is written.
//
// A connection on which no answer came is not used again. On HTTP/2 net/http
// would: to it only the request has failed.
func (s *Source) exchange(ctx context.Context, cancel context.CancelFunc, at hop, since poller.Version) (*http.Response, *watch, *poller.Error) {
	if s.guard != nil {
		// Behind a proxy nobody else would look at this.
		if err := s.guard.CheckHost(ctx, at.url.Hostname()); err != nil {
			return nil, nil, classifyRequest(err, phase{})
		}
	}
	spare := 1 // how many retries there may be
	for {
		seen := &watch{guard: s.guard, most: 1 + spare, cancel: cancel}
		request, failure := s.request(seen.trace(ctx), at, since)
		if failure != nil {
			return nil, nil, failure
		}
		response, err := s.client.Do(request)
		retries := seen.retries()
		s.requests.Add(1 + uint64(retries))
		s.retries.Add(uint64(retries))
		switch {
		case err == nil:
			return response, seen, nil
		case spare > retries && ctx.Err() == nil && seen.lost(err):
			spare = 0
			s.retries.Add(1)
			s.close() // so that the retry gets no second old connection
		default:
			seen.abandon()
			return nil, nil, seen.classify(err)
		}
	}
}

// request makes the request of a hop.
func (s *Source) request(ctx context.Context, at hop, since poller.Version) (*http.Request, *poller.Error) {
	var body io.Reader = http.NoBody
	if len(at.body) > 0 {
		body = bytes.NewReader(at.body)
	}
	request, err := http.NewRequestWithContext(ctx, at.method, at.url.String(), body)
	if err != nil {
		return nil, fail(classError, "no request can be made of the URL", nil)
	}
	request.GetBody = nil // it is exchange that sends again
	request.Header = s.plain.Clone()
	if at.home {
		request.Header = s.header.Clone()
	}
	if host := request.Header.Get("Host"); host != "" {
		request.Host = host
		request.Header.Del("Host")
	}
	if len(at.body) > 0 {
		setDefault(request.Header, "Content-Type", "application/json")
	} else if len(s.first.body) > 0 { // a redirect made a GET of the POST
		request.Header.Del("Content-Type")
		request.Header.Del("Content-Encoding")
	}
	setValidators(request.Header, since)
	return request, nil
}

// watch sees what becomes of one request in net/http, which may use goroutines
// that outlive it.
type watch struct {
	guard  *guard.Guard // nil: connections are not judged
	most   int          // connections that the request may use
	cancel context.CancelFunc

	mu           sync.Mutex
	connections  int
	reused       bool // the last one was used before
	isPublic     bool // so is its address
	answered     bool
	handshake    bool // one is under way
	badHandshake bool // most errors of crypto/tls have no type by which to tell them
	refused      error
	conn         net.Conn // the last one
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
			if w.guard != nil {
				isPublic, refused = w.guard.Check(ctx, info.Conn)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.connections++
			w.reused, w.isPublic, w.refused, w.conn = info.Reused, isPublic, refused, info.Conn
			if w.connections > w.most || refused != nil {
				w.cancel()
			}
		},
		GotFirstResponseByte: func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.answered = true
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

// abandon closes the connection, so that no other request can use it. With TLS it
// is what is beneath that is closed: a farewell would wait for a connection that
// takes nothing. A connection of a caller's transport is left alone.
func (w *watch) abandon() {
	w.mu.Lock()
	conn := w.conn
	w.mu.Unlock()
	if conn == nil || w.guard == nil {
		return
	}
	for {
		wrapper, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		conn = wrapper.NetConn()
	}
	_ = conn.Close() // it may be closed already
}

// lost reports whether err says that an old connection was lost before the first
// byte of an answer. On HTTP/2, an answer may also be that of a living connection
// to its stream alone.
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
