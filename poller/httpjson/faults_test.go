package httpjson_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

func packed(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func response(header, body string) string {
	return "HTTP/1.1 200 OK\r\n" + header + "\r\n\r\n" + body
}

func sized(body string) string {
	return response("Content-Length: "+strconv.Itoa(len(body)), body)
}

func sizedGzip(body string) string {
	return response("Content-Encoding: gzip\r\nContent-Length: "+strconv.Itoa(len(body)), body)
}

// TestFaults has one server for each way in which an upstream can be wrong.
func TestFaults(t *testing.T) {
	const limit = 200_000
	gzipped := packed(t, `{"a":1}`)
	for _, test := range []struct {
		name   string
		answer string
		want   string
	}{
		{"404 with a document", "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", "http_404"},
		{"503", "HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n", "http_503"},
		{"429", "HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n", "http_429"},
		{"204", "HTTP/1.1 204 No Content\r\n\r\n", "http_204"},
		{"206", "HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\n{}", "http_206"},
		{"304 unasked", "HTTP/1.1 304 Not Modified\r\n\r\n", "http_304"},
		{"300 without location", "HTTP/1.1 300 Choices\r\nContent-Length: 0\r\n\r\n", "http_300"},
		{"301 without location", "HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n", "http_301"},
		{"999", "HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n", "http_999"},

		{"shorter than announced", response("Content-Length: 100", `{"a":1}`), "truncated"},
		{"cut between chunks", response("Transfer-Encoding: chunked", "7\r\n{\"a\":1}\r\n"), "truncated"},
		{"cut within a chunk", response("Transfer-Encoding: chunked", "64\r\n{\"a\":1}"), "truncated"},
		{"broken chunk", response("Transfer-Encoding: chunked", "zz\r\n{\"a\":1}"), "truncated"},
		{"cut gzip", response("Content-Encoding: gzip", gzipped[:len(gzipped)-12]), "truncated"},
		{"cut gzip header", sizedGzip(gzipped[:5]), "truncated"},

		{"no gzip", sizedGzip(`{"a":1, "b": 2}`), "encoding"},
		{"gzip with a wrong sum", sizedGzip(gzipped[:len(gzipped)-8] + "12345678"), "encoding"},
		{"gzip with wrong content", sizedGzip(gzipped[:10] + "\xff\xff\xff\xff" + gzipped[14:]), "encoding"},
		{"gzip and more", sizedGzip(gzipped + "more"), "truncated"},
		{"brotli unasked", response("Content-Encoding: br\r\nContent-Length: 2", "{}"), "encoding"},
		{"gzip twice", response("Content-Encoding: gzip, gzip\r\nContent-Length: 2", "{}"), "encoding"},

		{"announced too large", response("Content-Length: 200001", "{"), "too_large"},
		{"too large by one", sized(`"` + strings.Repeat("x", limit-1) + `"`), "too_large"},
		{"too large in chunks", response("Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", limit+1, strings.Repeat(" ", limit+1))), "too_large"},
		{"gzip too large by one", sizedGzip(packed(t, `"`+strings.Repeat("x", limit-1)+`"`)), "too_large"},
		{"gzip announced too large", response("Content-Encoding: gzip\r\nContent-Length: 265537", "{"), "too_large"},

		{"closed at once", "", "disconnected"},
		{"cut in the status", "HTTP/1.1 20", "protocol"},
		{"cut in the header", "HTTP/1.1 200 OK\r\nContent-Le", "protocol"},
		{"no HTTP", "220 mail.example.com ESMTP\r\n", "protocol"},
		{"broken header", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "protocol"},
		{"broken length", response("Content-Length: x", "{}"), "protocol"},
		{"10 MiB of headers", response("X: "+strings.Repeat("x", 10<<20), "{}"), "header_too_large"},
		{"one header too many", response(strings.Repeat("X-Y: z\r\n", 20_000)+"A: b", "{}"), "header_too_large"},
		{"too many interim responses", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 20_000), "header_too_large"},
	} {
		t.Run(test.name, func(t *testing.T) {
			url := rawUpstream(t, says(test.answer))
			got, err := get(t, httpjson.Options{URL: url, MaxBody: limit})
			if class(t, err) != test.want {
				t.Errorf("%v, want class %s", err, test.want)
			}
			if got.Document != nil || got.Unchanged || got.Version != (poller.Version{}) {
				t.Errorf("a reading beside the error: %+v", got)
			}
		})
	}
}

// TestReset has a connection that ends with a reset.
func TestReset(t *testing.T) {
	url := rawUpstream(t, func(conn net.Conn) {
		if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
			t.Error(err)
		}
	})
	if _, err := get(t, httpjson.Options{URL: url}); class(t, err) != "disconnected" {
		t.Errorf("%v, want class disconnected", err)
	}
}

// TestDefaultLimit has no MaxBody: a mebibyte is a document, and a byte more is too
// large.
func TestDefaultLimit(t *testing.T) {
	for size, want := range map[int]string{1 << 20: "", 1<<20 + 1: "too_large"} {
		url := rawUpstream(t, says(sized(`"`+strings.Repeat("x", size-2)+`"`)))
		if _, err := get(t, httpjson.Options{URL: url}); class(t, err) != want {
			t.Errorf("%d bytes: %v, want class %q", size, err, want)
		}
	}
}

// TestErrorPageIsRead checks how much of an error page is read to keep its connection.
func TestErrorPageIsRead(t *testing.T) {
	for size, want := range map[int]int{16 << 10: 1, 16<<10 + 1: 2} {
		conns := make(map[string]bool)
		server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
			conns[r.RemoteAddr] = true
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, strings.Repeat("x", size))
		})
		s := newSource(t, httpjson.Options{URL: server.URL})
		for range 2 {
			if _, err := s.Fetch(t.Context(), poller.Version{}); class(t, err) != "http_503" {
				t.Error(err)
			}
		}
		if len(conns) != want {
			t.Errorf("%d bytes: %d connections, want %d", size, len(conns), want)
		}
	}
}

// TestFlood has upstreams that send without end. The bytes read, and the memory, are
// bounded by the limit.
func TestFlood(t *testing.T) {
	const (
		limit   = 1 << 20
		kernel  = 16 << 20 // what the buffers of both sockets may have swallowed
		members = 1000
	)
	for _, test := range []struct {
		name, encoding string
		chunk          string // repeated
	}{
		{"a body without end", "", strings.Repeat(" ", 64<<10)},
		{"gzip that unpacks to a thousand times its size", "gzip", packed(t, strings.Repeat("0", 2*limit))},
		{"gzip members of nothing", "gzip", strings.Repeat(packed(t, ""), members)},
	} {
		t.Run(test.name, func(t *testing.T) {
			var sent atomic.Int64
			server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
				if test.encoding != "" {
					w.Header().Set("Content-Encoding", test.encoding)
				}
				for r.Context().Err() == nil {
					n, err := io.WriteString(w, test.chunk)
					sent.Add(int64(n))
					if err != nil {
						return
					}
				}
			})
			s := newSource(t, httpjson.Options{URL: server.URL, MaxBody: limit})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := s.Fetch(t.Context(), poller.Version{})
			runtime.ReadMemStats(&after)
			if class(t, err) != "too_large" {
				t.Errorf("%v, want class too_large", err)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 4*limit {
				t.Errorf("%d bytes allocated in all, want less than four limits", n)
			}
			server.Close() // which waits for the handler
			if n := sent.Load(); n > limit+kernel {
				t.Errorf("%d bytes sent before the connection was closed", n)
			}
		})
	}
}

// TestTimeouts has upstreams that never finish, in fake time.
func TestTimeouts(t *testing.T) {
	const timeout = 8 * time.Second
	hang := func(r *http.Request) { <-r.Context().Done() }
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"never answers", func(_ http.ResponseWriter, r *http.Request) { hang(r) }, "timeout"},
		{"headers and nothing more", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			hang(r)
		}, "timeout"},
		{"headers, then one byte every 10 s", func(w http.ResponseWriter, r *http.Request) {
			drip(w, r, 10*time.Second)
		}, "timeout"},
		{"one byte every second", func(w http.ResponseWriter, r *http.Request) {
			drip(w, r, time.Second)
		}, "timeout"},
		{"one byte every two seconds, packed", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "\x1f\x8b")
			drip(w, r, 2*time.Second)
		}, "timeout"},
		{"one byte every second, not packed although it says so", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			drip(w, r, time.Second)
		}, "encoding"},
		{"an error page that never ends", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			drip(w, r, time.Second)
		}, "http_503"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := memoryUpstream(t, test.handler)
				s := newSource(t, httpjson.Options{URL: "http://upstream", Transport: transport})
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				began := time.Now()
				_, err := s.Fetch(ctx, poller.Version{})
				if class(t, err) != test.want || time.Since(began) > timeout {
					t.Errorf("%v after %v, want class %s within %v", err, time.Since(began), test.want, timeout)
				}
			})
		})
	}
}

func drip(w http.ResponseWriter, r *http.Request, pause time.Duration) {
	for r.Context().Err() == nil {
		if _, err := io.WriteString(w, "["); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-time.After(pause):
		case <-r.Context().Done():
		}
	}
}

func TestCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := memoryUpstream(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		s := newSource(t, httpjson.Options{URL: "http://upstream", Transport: transport})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		began := time.Now()
		_, err := s.Fetch(ctx, poller.Version{})
		if class(t, err) != "canceled" || time.Since(began) != time.Second {
			t.Errorf("%v after %v, want class canceled after 1s", err, time.Since(began))
		}
	})
}

func TestConnectFaults(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = discardLog()
	secure.StartTLS()
	t.Cleanup(secure.Close)
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.Config.ErrorLog = discardLog()
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.StartTLS()
	t.Cleanup(old.Close)
	plain := upstream(t, http.NotFound)
	refusing := upstream(t, http.NotFound)
	refusing.Close()

	for _, test := range []struct {
		name, url string
		dial      func(context.Context, string, string) (net.Conn, error)
		want      string
	}{
		{"refused", refusing.URL, nil, "connect"},
		{"unknown certificate", secure.URL, nil, "tls"},
		{"old TLS", old.URL, nil, "tls"},
		{"https to a plain port", strings.Replace(plain.URL, "http:", "https:", 1), nil, "tls"},
		{"http to a TLS port", strings.Replace(secure.URL, "https:", "http:", 1), nil, "http_400"},
		{"unknown host", "http://upstream", dialError(&net.DNSError{Err: "no such host", IsNotFound: true}), "dns"},
		{"name server silent", "http://upstream", dialError(&net.DNSError{Err: "i/o timeout", IsTimeout: true}), "timeout"},
		{"unreachable", "http://upstream", dialError(fmt.Errorf("no route to host")), "connect"},
	} {
		t.Run(test.name, func(t *testing.T) {
			opts := httpjson.Options{URL: test.url}
			if test.dial != nil {
				opts.Transport = &http.Transport{DialContext: test.dial}
			}
			_, err := get(t, opts)
			if class(t, err) != test.want {
				t.Errorf("%v, want class %s", err, test.want)
			}
		})
	}
}

// dialError fails as net.Dialer does.
func dialError(err error) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, network, _ string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
}
