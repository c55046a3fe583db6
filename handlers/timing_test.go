package handlers_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// Deadlines, in fake time over pipes.

// Attack: slowloris, a body that arrives late, or a byte at a time. It costs a
// connection for 30 s, and then the sender gets an answer.
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
				same(t, "time", time.Since(begin), 30*time.Second)
				if test.status == 408 {
					same(t, "body", body, `{"title":"Request Timeout","status":408,"detail":"The body did not arrive within 30s."}`)
				}
				c.expectClosed() // the rest is not a request
				if n := len(r.hub.Stats().Streams[0].LastEventID.String()); n != 0 {
					t.Error("something was published")
				}
			})
		})
	}
}

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
