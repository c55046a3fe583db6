package httpjson

import (
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/poller"
)

// TestTransport uses HTTP/2 with the transport of a Source, which here trusts the test
// server.
func TestTransport(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/headers": // just above the limit
			for i := range 51 {
				w.Header().Set("X-"+strconv.Itoa(i), strings.Repeat("x", maxResponseHeader/50))
			}
		case "/header": // so far above that net/http closes the connection
			w.Header().Set("X", strings.Repeat("x", 2*maxResponseHeader))
		case "/cut":
			w.Header().Set("Content-Length", "100")
		}
		_, _ = io.WriteString(w, `"`+r.Proto+`"`)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)

	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())

	for _, test := range []struct{ path, want, class string }{
		{"/", `"HTTP/2.0"`, ""},
		{"/headers", "", "header_too_large"},
		{"/header", "", "protocol"},
		{"/cut", "", "truncated"},
	} {
		s, err := New(Options{URL: server.URL + test.path})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		transport, ok := s.reach(true).http.Transport.(*http.Transport)
		if !ok || transport.Proxy != nil {
			t.Fatal("a proxy from the environment")
		}
		if transport.IdleConnTimeout != 2*time.Minute || transport.MaxIdleConnsPerHost != 1 {
			t.Errorf("%d connections are kept, for %v", transport.MaxIdleConnsPerHost, transport.IdleConnTimeout)
		}
		transport.TLSClientConfig.RootCAs = roots
		got, err := s.Fetch(t.Context(), poller.Version{})
		if class := classOf(err); string(got.Document) != test.want || class != test.class {
			t.Errorf("%s: %s, %v, want %s, class %q", test.path, got.Document, err, test.want, test.class)
		}
	}
}

func classOf(err error) string {
	if classed, ok := errors.AsType[*poller.Error](err); ok {
		return classed.Class
	}
	return ""
}
