package httpjson

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// maxResponseHeader bounds the headers of a response, in bytes.
	maxResponseHeader = 64 << 10

	// connectTimeout bounds what goes on in the background after a request has
	// given up waiting for its connection.
	connectTimeout = 30 * time.Second

	idleTimeout = 2 * time.Minute
)

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  nil, // the environment may be somebody else's
		DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout:    connectTimeout,
		ForceAttemptHTTP2:      true, // which a DialContext would switch off
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxResponseHeader,
		DisableCompression:     true, // the body is unpacked here, with a limit
	}
}

// sameHost reports whether to is on the host and port of from, or on the https
// port of a host whose http port from is on.
func sameHost(from, to *url.URL) bool {
	if !strings.EqualFold(from.Hostname(), to.Hostname()) {
		return false
	}
	upgrade := from.Scheme == "http" && to.Scheme == "https" && port(from) == "80" && port(to) == "443"
	return port(from) == port(to) || upgrade
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}
