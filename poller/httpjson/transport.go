package httpjson

import (
	"context"
	"fmt"
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
	}
	if proxy != nil {
		t.Proxy = http.ProxyURL(proxy)
		t.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
			if answer.StatusCode == http.StatusOK {
				return nil
			}
			return fail(classProxy, fmt.Errorf("the proxy answered with status %d", answer.StatusCode))
		}
	}
	return t
}
