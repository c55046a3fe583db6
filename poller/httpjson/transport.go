package httpjson

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"
	"time"

	"github.com/polluxhub/pollux/poller/httpjson/guard"
)

const (
	// maxResponseHeader bounds the headers of a response, in bytes.
	maxResponseHeader = 64 << 10

	// handshakeTimeout bounds a handshake that net/http continues in the background
	// after its request has given up.
	handshakeTimeout = 30 * time.Second

	idleTimeout = 2 * time.Minute

	// sessions is how many TLS sessions are kept for the next connection, one for each
	// name. The names are those of a host and of what it redirects to.
	sessions = 8

	// pingAfter is how long an HTTP/2 connection may be silent before a ping is sent,
	// and pingTimeout is how long the answer may take. Together they are shorter than
	// a minute, so that a stream polled once a minute finds a dead connection closed.
	pingAfter   = 15 * time.Second
	pingTimeout = 10 * time.Second
)

// newTransport returns a transport whose connections all come from the guard. It
// ignores the proxy that the environment names: the operator configures one, or none.
// kept is how many connections are kept for the next fetches.
func newTransport(g *guard.Guard, proxy *url.URL, trust *tls.Config, kept int) *http.Transport {
	t := &http.Transport{
		Proxy:                  nil,
		DialContext:            g.DialContext,
		TLSClientConfig:        trust,
		TLSHandshakeTimeout:    handshakeTimeout,
		ForceAttemptHTTP2:      true, // a DialContext would switch it off
		MaxIdleConnsPerHost:    kept,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxResponseHeader,
		DisableCompression:     true, // the body is unpacked here, with a limit
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
	}
	if proxy != nil {
		t.Proxy = http.ProxyURL(proxy)
		t.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
			if answer.StatusCode == http.StatusOK {
				return nil
			}
			return fail(classProxy, "the proxy answered "+statusWords(answer.StatusCode), nil)
		}
	}
	return t
}
