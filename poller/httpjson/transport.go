package httpjson

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/polluxhub/pollux/poller/httpjson/guard"
)

const (
	// maxResponseHeader bounds the headers of a response, in bytes.
	maxResponseHeader = 64 << 10

	// handshakeTimeout bounds what goes on in the background after a request has
	// given up waiting for its connection.
	handshakeTimeout = 30 * time.Second

	idleTimeout = 2 * time.Minute

	// pingAfter is how long an HTTP/2 connection may be silent before it is asked
	// whether it lives, and pingTimeout how long that may take. Together they are
	// less than the time after which whoever polls once a minute comes back.
	pingAfter   = 15 * time.Second
	pingTimeout = 10 * time.Second
)

// newTransport returns one whose connections all come from the guard. Without a
// proxy it uses none: the environment may be somebody else's.
func newTransport(g *guard.Guard, proxy *url.URL) *http.Transport {
	t := &http.Transport{
		Proxy:                  nil,
		DialContext:            g.DialContext,
		TLSHandshakeTimeout:    handshakeTimeout,
		ForceAttemptHTTP2:      true, // which a DialContext would switch off
		MaxIdleConnsPerHost:    1,
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
