package handlers_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// Deadlines, in fake time over pipes.

const tooSlow = `{"title":"Request Timeout","status":408,"detail":"The body arrived too slowly: at less than 1000 bytes per second, or not within 30s."}`

// Attack: slowloris, a body that arrives late, or a byte at a time. It costs a
// connection for 5 s, and then the sender gets an answer.
func TestSlowBody(t *testing.T) {
	for _, test := range []struct {
		name, request string
		pause         time.Duration // between two bytes; 0 means that none arrive
		status        int
	}{
		{"none", request("POST", "/api/streams/default/events", authorized, "Content-Length: 100"), 0, 408},
		{"in drops", request("POST", "/api/streams/default/events", authorized, "Content-Length: 100"), 5 * time.Second, 408},
		{"chunks", request("POST", "/api/streams/default/events", authorized, "Transfer-Encoding: chunked"), 0, 408},
		{"without a token", request("POST", "/api/streams/default/events", "Content-Length: 100"), 0, 401},
		{"no such path", request("POST", "/nothing", "Content-Length: 100"), 0, 404},
		{"no such method", request("PUT", "/api/latest", "Content-Length: 100"), 5 * time.Second, 405},
		{"of a GET", request("GET", "/api/streams", "Content-Length: 100"), 0, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, setup{listener: hubtest.NewPipeListener()})
				defer r.stop()
				c := r.dial()
				begin := time.Now()
				c.send(test.request)
				var sending sync.WaitGroup
				defer sending.Wait()
				if test.pause > 0 {
					sending.Go(func() {
						for {
							if _, err := c.Write([]byte(" ")); err != nil {
								return
							}
							time.Sleep(test.pause)
						}
					})
				}
				a := c.receive("POST")
				body := a.text(t)
				same(t, "status", a.status, test.status)
				same(t, "time", time.Since(begin), 5*time.Second)
				if test.status == 408 {
					same(t, "body", body, tooSlow)
				}
				c.expectClosed() // the rest is not a request
				if n := len(r.hub.Stats().Streams[0].LastEventID.String()); n != 0 {
					t.Error("something was published")
				}
			})
		})
	}
}

// A body may be slow as long as it keeps the rate, up to 30 s, and no longer: over plain
// TCP, over TLS, and on HTTP/2.
func TestBodyAtARate(t *testing.T) {
	certificate := listentest.NewCertificate(t)
	for _, test := range []struct {
		rate   int // bytes in each second
		bytes  int
		status int
		after  time.Duration
	}{
		{1000, 12_000, 200, 11 * time.Second},
		{900, 27_000, 200, 29 * time.Second}, // the grace makes up for it
		{400, 12_000, 408, 8 * time.Second},
		{1, 12_000, 408, 5 * time.Second},
		{10_000, 330_000, 408, 30 * time.Second},
	} {
		for _, kind := range []string{"HTTP/1.1", "TLS", "HTTP/2"} {
			t.Run(fmt.Sprintf("%s at %d", kind, test.rate), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, setup{listener: hubtest.NewPipeListener()})
					defer r.stop()
					client, stop := secureClient(t, r, certificate, kind)
					defer stop()
					body, writer := io.Pipe()
					var sending sync.WaitGroup
					defer sending.Wait()
					defer body.Close()
					sending.Go(func() {
						text := []byte(`"` + strings.Repeat("x", test.bytes-2) + `"`)
						time.Sleep(500 * time.Millisecond) // so that no write meets the end of the time
						for len(text) > 0 {
							n := min(test.rate, len(text))
							if _, err := writer.Write(text[:n]); err != nil {
								return
							}
							if text = text[n:]; len(text) > 0 {
								time.Sleep(time.Second)
							}
						}
						_ = writer.Close()
					})
					begin := time.Now()
					req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://localhost/api/streams/default/events", body)
					if err != nil {
						t.Fatal(err)
					}
					if kind == "HTTP/1.1" {
						req.URL.Scheme = "http"
					}
					req.ContentLength = int64(test.bytes)
					req.Header.Set("Authorization", "Bearer "+token)
					resp, err := client.Do(req)
					if err != nil {
						t.Fatal(err)
					}
					answer, err := io.ReadAll(resp.Body)
					_ = resp.Body.Close()
					if err != nil {
						t.Error(err)
					}
					same(t, "status", resp.StatusCode, test.status)
					if test.status == 408 {
						same(t, "body", string(answer), tooSlow)
					}
					if took := time.Since(begin).Truncate(time.Second); took != test.after {
						t.Errorf("after %v, want %v", took, test.after)
					}
				})
			})
		}
	}
}

// secureClient returns a client of a server over pipes that speaks a kind of HTTP.
func secureClient(t *testing.T, r *rig, certificate listentest.Certificate, kind string) (client *http.Client, stop func()) {
	t.Helper()
	pair, err := tls.X509KeyPair(certificate.CertPEM, certificate.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: r.handler, ReadHeaderTimeout: time.Hour, TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}}
	listener := hubtest.NewPipeListener()
	var serving sync.WaitGroup
	serving.Go(func() {
		if kind == "HTTP/1.1" {
			_ = server.Serve(listener) // until it is closed
		} else {
			_ = server.ServeTLS(listener, "", "")
		}
	})
	protocols := new(http.Protocols)
	protocols.SetHTTP1(kind != "HTTP/2")
	protocols.SetHTTP2(kind == "HTTP/2")
	transport := &http.Transport{
		Protocols: protocols, TLSClientConfig: certificate.Client(),
		DialContext: func(context.Context, string, string) (net.Conn, error) { return listener.Dial(), nil },
	}
	if kind == "TLS" {
		transport.DialTLSContext = func(context.Context, string, string) (net.Conn, error) {
			config := certificate.Client()
			config.ServerName = "localhost"
			return abrupt{tls.Client(listener.Dial(), config)}, nil
		}
	}
	return &http.Client{Transport: transport}, func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		serving.Wait()
	}
}

// abrupt closes a connection without a word: a pipe has no buffer, so two ends that say
// goodbye at the same time would wait for each other.
type abrupt struct{ *tls.Conn }

func (a abrupt) Close() error { return a.NetConn().Close() }

// A GET that announces a body and sends none is answered at once.
func TestStreamRequestWithABodyIsAnsweredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, setup{listener: hubtest.NewPipeListener()})
		defer r.stop()
		c := r.dial()
		begin := time.Now()
		c.send(request("GET", "/api/sse", "Content-Length: 5"))
		a := c.receive("GET")
		a.text(t)
		same(t, "status", a.status, 400)
		same(t, "time", time.Since(begin), 0)
		c.expectClosed()
		if waited := time.Since(begin); waited > 31*time.Second {
			t.Errorf("closed after %v", waited)
		}
	})
}

// Attack: a client that does not read the answer. A pipe has no buffer, so even the
// smallest answer waits.
func TestAnswerNotRead(t *testing.T) {
	for _, size := range []int{1, 100_000} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, setup{listener: hubtest.NewPipeListener()})
			defer r.stop()
			r.broadcast(strings.Repeat("1", size))
			c := r.dial()
			c.send(request("GET", "/api/latest"))
			time.Sleep(time.Minute - time.Millisecond)
			synctest.Wait()
			if err := c.SetReadDeadline(time.Time{}); err != nil { // which succeeds only on an open pipe
				t.Errorf("closed early: %v", err)
			}
			time.Sleep(time.Second) // net/http lingers for half a second
			c.expectClosed()
		})
	}
}

// The deadlines of a request do not apply to a stream.
func TestStreamOutlivesDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, setup{listener: hubtest.NewPipeListener()})
		defer r.stop()
		s := r.open("/api/sse")
		documents := make(chan string)
		go func() {
			defer close(documents)
			for {
				e, err := s.Next()
				if err != nil {
					return
				}
				documents <- string(e.Data)
			}
		}()
		for _, document := range []string{"1", "2", "3"} {
			time.Sleep(2 * time.Minute)
			r.broadcast(document)
			same(t, "document", <-documents, document)
		}
		_ = s.conn.Close()
		for range documents {
			t.Error("one document too many")
		}
	})
}

// The write deadline of a request stays on its connection, and has passed when the next
// request comes: each request sets its own, even if no route matches.
func TestDeadlineOfThePreviousRequest(t *testing.T) {
	for target, want := range map[string]int{
		"/livez": 200, "/nothing": 404, "/api/sse?limit=0": 400, "/api/sse?stream=x": 404, "/api/sse?limit=1": 200, "/api/latest": 200,
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, setup{listener: hubtest.NewPipeListener()})
			defer r.stop()
			r.broadcast("1")
			c := r.dial()
			for range 3 {
				c.send(request("GET", target))
				a := c.receive("GET")
				a.text(t)
				same(t, target, a.status, want)
				if a.header.Get("Connection") == "close" {
					c.expectClosed()
					break
				}
				time.Sleep(90 * time.Second)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, setup{listener: hubtest.NewPipeListener(), engine: fanout.Options{MaxClients: 1}})
		defer r.stop()
		first := r.open("/api/sse")
		go func() {
			for {
				if _, err := first.Next(); err != nil {
					return
				}
			}
		}()
		for _, header := range []string{eventSource, "Accept: */*"} {
			c := r.dial()
			for range 3 {
				c.send(request("GET", "/livez"))
				c.receive("GET").text(t)
				time.Sleep(90 * time.Second)
			}
			c.send(request("GET", "/api/sse", header)) // which is refused, and ends the connection
			c.receive("GET").text(t)
			c.expectClosed()
		}
	})
}

// A log that does not answer does not block a publisher for ever.
func TestPublishIntoASlowLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &failingLog{hub.NewMemoryLog(), func(ctx context.Context, _ hub.Message) (hub.ID, error) {
			<-ctx.Done()
			return hub.ID{}, ctx.Err()
		}}
		r := newRig(t, setup{listener: hubtest.NewPipeListener(), hub: hub.Options{Log: log}})
		defer r.stop()
		c := r.dial()
		begin := time.Now()
		c.send(post("default", "1", authorized))
		a := c.receive("POST")
		same(t, "status", a.status, 503)
		same(t, "body", a.text(t), `{"title":"Service Unavailable","status":503,"detail":"The document was not stored in time. It can still be stored later, once."}`)
		same(t, "Retry-After", a.header.Get("Retry-After"), "5")
		same(t, "time", time.Since(begin), 10*time.Second)
	})
}
