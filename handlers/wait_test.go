package handlers_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// GET /api/latest?wait=, in fake time over pipes.

// waiter is a request that waits for its answer.
type waiter struct {
	t      *testing.T
	answer chan *answer
	body   string        // these two are set
	took   time.Duration // before the answer is sent
}

func (r *rig) wait(t *testing.T, target string, header ...string) *waiter {
	c := r.dial()
	w := &waiter{t: t, answer: make(chan *answer, 1)}
	begin := time.Now()
	c.send(request("GET", target, header...))
	go func() {
		a, err := c.tryReceive("GET")
		if err != nil {
			close(w.answer)
			return
		}
		w.body, w.took = a.text(t), time.Since(begin)
		w.answer <- a
	}()
	synctest.Wait()
	return w
}

// expect checks the answer, and how long after the request it came.
func (w *waiter) expect(status int, body string, after time.Duration) *answer {
	w.t.Helper()
	a, ok := <-w.answer
	if !ok {
		w.t.Fatal("no answer")
	}
	same(w.t, "status", a.status, status)
	same(w.t, "body", w.body, body)
	same(w.t, "time", w.took, after)
	return a
}

func (w *waiter) expectNothing() {
	w.t.Helper()
	synctest.Wait()
	select {
	case a := <-w.answer:
		w.t.Fatalf("answered early: %s %s", a.line, w.body)
	default:
	}
}

func tagOf(id hub.ID) string { return `If-None-Match: "` + id.String() + `"` }

const noDocument = `{"title":"Service Unavailable","status":503,"detail":"The stream has no document yet."}`

// A caller with the newest document waits for the next one. A caller with another one,
// or none, does not wait.
func TestWait(t *testing.T) {
	for _, test := range []struct {
		name, query string
		header      string // with %s for the ID of the newest document
		waits       bool
	}{
		{"tag", "", `If-None-Match: "%s"`, true},
		{"weak tag", "", `If-None-Match: W/"%s"`, true},
		{"list", "", `If-None-Match: "x", "%s"`, true},
		{"after", "&after=%s", "X-Nothing: 1", true},
		{"after and an older tag", "&after=%s", `If-None-Match: "x"`, true},
		{"an older after and a tag", "&after=x", `If-None-Match: "%s"`, true},
		{"nothing", "", "X-Nothing: 1", false},
		{"an older tag", "", `If-None-Match: "x"`, false},
		{"no tag", "", "If-None-Match: %s", false},
		{"an older after", "&after=x", "X-Nothing: 1", false},
		{"after with quotes", "&after=%%22%s%%22", "X-Nothing: 1", false},
		{"empty after", "&after=", "X-Nothing: 1", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, setup{listener: hubtest.NewPipeListener()})
				defer r.stop()
				id := r.broadcast("1").String()
				fill := func(text string) string { return strings.ReplaceAll(strings.ReplaceAll(text, "%s", id), "%%", "%") }
				w := r.wait(t, "/api/latest?wait=30s"+fill(test.query), fill(test.header))
				if !test.waits {
					w.expect(200, "1", 0)
					return
				}
				time.Sleep(29 * time.Second)
				w.expectNothing()
				same(t, "subscribers", r.hub.Stats().Subscribers, 1)
				next := r.broadcast("2").String()
				a := w.expect(200, "2", 29*time.Second)
				same(t, "head", a.head(t), lines("HTTP/1.1 200 OK", "Cache-Control: no-cache", "Content-Length: 1",
					"Content-Type: application/json", `Etag: "`+next+`"`, "Pollux-Event-Time: TIME", "Pollux-Now: TIME", "Vary: Accept-Encoding", "X-Content-Type-Options: nosniff"))
				same(t, "subscribers", r.hub.Stats().Subscribers, 0)
			})
		})
	}
}

// At the end of the wait, the answer is that of a caller that did not wait.
func TestWaitInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, setup{listener: hubtest.NewPipeListener(), hub: hub.Options{Streams: hub.Named("default", "other")}})
		defer r.stop()
		r.wait(t, "/api/latest?wait=5s").expect(503, noDocument, 5*time.Second)
		id := r.broadcast("1")
		head := lines("HTTP/1.1 304 Not Modified", "Cache-Control: no-cache", `Etag: "`+id.String()+`"`, "Pollux-Event-Time: TIME", "Pollux-Now: TIME", "Vary: Accept-Encoding", "X-Content-Type-Options: nosniff")
		for _, wait := range []time.Duration{time.Millisecond, 30 * time.Second, time.Minute} {
			w := r.wait(t, "/api/latest?wait="+wait.String(), tagOf(id))
			r.broadcastTo("other", "2") // which is another stream
			same(t, "head", w.expect(304, "", wait).head(t), head)
			w = r.wait(t, "/api/latest?after="+id.String()+"&wait="+wait.String())
			if _, err := r.hub.Publish(t.Context(), hub.Message{Status: &hub.Status{State: hub.Stale}}); err != nil {
				t.Fatal(err) // a status is not a document
			}
			same(t, "head", w.expect(304, "", wait).head(t), head)
		}
		// Without wait, after is a condition as well.
		same(t, "at once", r.wait(t, "/api/latest?after="+id.String()).expect(304, "", 0).head(t), head)
		r.wait(t, "/api/latest?wait=", tagOf(id)).expect(304, "", 0)
		// * matches every document, so no other one is news.
		r.wait(t, "/api/latest?wait=30s", "If-None-Match: *").expect(304, "", 0)
	})
}

// Before the first document every caller waits for it.
func TestWaitForTheFirstDocument(t *testing.T) {
	for _, header := range []string{"X-Nothing: 1", "If-None-Match: *", `If-None-Match: "x"`} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, setup{listener: hubtest.NewPipeListener()})
			defer r.stop()
			w := r.wait(t, "/api/latest?wait=30s", header)
			time.Sleep(10 * time.Second)
			w.expectNothing()
			r.broadcast("1")
			if strings.HasSuffix(header, "*") {
				w.expect(304, "", 10*time.Second) // as RFC 9110 section 13.1.2 says
			} else {
				w.expect(200, "1", 10*time.Second)
			}
		})
	}
}

// HEAD does not wait, and invalid values get 400.
func TestWaitValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, setup{listener: hubtest.NewPipeListener()})
		defer r.stop()
		id := r.broadcast("1")
		for _, value := range []string{"0", "0s", "-1s", "30", "999us", "60001ms", "61s", "1h", "1e3s", "x", "%20", "9223372036854775807s", "1ms%0d%0a"} {
			_, body := r.get("/api/latest?wait="+value, tagOf(id))
			same(t, value, body, `{"title":"Bad Request","status":400,"detail":"wait must be a duration from 1ms to 60s, such as 30s."}`)
		}
		begin := time.Now()
		a, _ := r.do(request("HEAD", "/api/latest?wait=30s", tagOf(id)))
		same(t, "HEAD", a.status, 304)
		same(t, "time", time.Since(begin), 0)
	})
}

// hookedContext calls a function when the hub first uses it, which is after the handler
// has read the newest document and before the subscription begins.
type hookedContext struct {
	context.Context
	hook func()
}

func (c hookedContext) Err() error {
	c.hook()
	return c.Context.Err()
}

// No document is lost between reading the newest one and waiting.
func TestWaitLosesNoWakeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r *rig
		var armed bool
		r = newRig(t, setup{listener: hubtest.NewPipeListener(), wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
				next.ServeHTTP(w, request.WithContext(hookedContext{request.Context(), func() {
					if armed {
						armed = false
						if _, err := r.hub.Publish(t.Context(), hub.Message{Data: []byte("2")}); err != nil {
							t.Error(err)
						}
					}
				}}))
			})
		}})
		defer r.stop()
		id := r.broadcast("1")
		armed = true
		r.wait(t, "/api/latest?wait=30s", tagOf(id)).expect(200, "2", 0)
		same(t, "hooked", armed, false)
	})
}

// Callers that wait count as subscribers. If there are too many, a refused caller
// learns when to return.
func TestWaitWhenFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, setup{listener: hubtest.NewPipeListener(), engine: fanout.Options{MaxClients: 1}})
		defer r.stop()
		id := r.broadcast("1")
		first := r.wait(t, "/api/latest?wait=30s", tagOf(id))
		a := r.wait(t, "/api/latest?wait=30s", tagOf(id)).expect(503, `{"title":"Service Unavailable","status":503,"detail":"The server admits no waiting requests now: overloaded."}`, 0)
		if after := a.header.Get("Retry-After"); len(after) != 2 || after < "30" || after > "60" {
			t.Errorf("Retry-After %q", after)
		}
		r.wait(t, "/api/latest?wait=30s").expect(200, "1", 0) // a caller that need not wait is served
		first.expect(304, "", 30*time.Second)
	})
}

const nobodyWaits = `{"title":"Service Unavailable","status":503,"detail":"The server admits no waiting requests now: draining."}`

// A drain ends each wait at once, and admits no other.
func TestWaitEndsWithADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, setup{listener: hubtest.NewPipeListener()})
		defer r.stop()
		id := r.broadcast("1")
		early := r.wait(t, "/api/latest?wait=30s", tagOf(id))
		time.Sleep(3500 * time.Millisecond)
		r.drain()
		for _, w := range []*waiter{early, r.wait(t, "/api/latest?wait=30s", tagOf(id))} {
			took := time.Duration(0)
			if w == early {
				took = 3500 * time.Millisecond
			}
			a := w.expect(503, nobodyWaits, took)
			same(t, "Connection", a.header.Get("Connection"), "close")
			if after := a.header.Get("Retry-After"); len(after) != 2 || after < "20" || after > "80" { // see Engine.ReturnWithin
				t.Errorf("Retry-After %q", after)
			}
		}
		r.wait(t, "/api/latest?wait=30s").expect(200, "1", 0)
	})
}

// The end of the hub ends each wait at once, and admits no other.
func TestWaitEndsWithTheHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := hub.New(hub.Options{})
		if err != nil {
			t.Fatal(err)
		}
		engine, err := fanout.New(fanout.Options{Hub: h})
		if err != nil {
			t.Fatal(err)
		}
		handler, err := handlers.New(handlers.Options{Hub: h, Engine: engine, Assets: assets})
		if err != nil {
			t.Fatal(err)
		}
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- h.Run(ctx) }()
		answered := make(chan string)
		ask := func() {
			_, body := serve(t, handler, "GET", "/api/latest?wait=30s", "", "")
			answered <- body
		}
		go ask()
		synctest.Wait()
		same(t, "subscribers", h.Stats().Subscribers, 1)
		end()
		same(t, "hub", <-ended, nil)
		begin := time.Now()
		same(t, "early", <-answered, nobodyWaits)
		go ask()
		same(t, "late", <-answered, nobodyWaits)
		same(t, "time", time.Since(begin), 0)
	})
}

// A client that hangs up is released at once.
func TestWaitAndHangUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, setup{listener: hubtest.NewPipeListener()})
		defer r.stop()
		id := r.broadcast("1")
		for _, after := range []time.Duration{0, 45 * time.Second} { // after the deadline for bodies
			c := r.dial()
			c.send(request("GET", "/api/latest?wait=60s", tagOf(id)))
			synctest.Wait()
			time.Sleep(after)
			same(t, "subscribers", r.hub.Stats().Subscribers, 1)
			_ = c.Close()
			synctest.Wait()
			same(t, "subscribers", r.hub.Stats().Subscribers, 0)
		}
	})
}

// Attack: a client that waits and does not read the answer, or announces a body that
// never arrives. Either costs a connection for a bounded time.
func TestWaitWithoutReading(t *testing.T) {
	for _, header := range []string{"X-Nothing: 1", "Content-Length: 1"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, setup{listener: hubtest.NewPipeListener()})
			defer r.stop()
			id := r.broadcast("1")
			c := r.dial()
			c.send(request("GET", "/api/latest?wait=60s", tagOf(id), header))
			time.Sleep(2*time.Minute - time.Millisecond)
			synctest.Wait()
			if err := c.SetReadDeadline(time.Time{}); err != nil { // which succeeds only on an open pipe
				t.Errorf("closed early: %v", err)
			}
			same(t, "subscribers", r.hub.Stats().Subscribers, 0) // it ended with the wait
			time.Sleep(time.Second)                              // net/http lingers for half a second
			c.expectClosed()
		})
	}
}

// The next request on the connection has its own deadlines.
func TestWaitAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, setup{listener: hubtest.NewPipeListener()})
		defer r.stop()
		id := r.broadcast("1")
		c := r.dial()
		for range 5 {
			c.send(request("GET", "/api/latest?wait=60s", tagOf(id)))
			same(t, "status", c.receive("GET").status, 304)
			time.Sleep(100 * time.Second)
		}
	})
}

// A gap in the log ends subscriptions, but no wait: the lost document was not the
// newest.
func TestWaitThroughAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := hubtest.NewScript("0123456789abcdef")
		r := newRig(t, setup{listener: hubtest.NewPipeListener(), hub: hub.Options{Log: script, Streams: hub.Named("default", "other")}})
		defer r.stop()
		id := r.broadcast("1")
		w := r.wait(t, "/api/latest?wait=30s", tagOf(id))
		script.Lose(3)
		// After broadcast, which may take a millisecond.
		if _, err := r.hub.Publish(t.Context(), hub.Message{Stream: "other", Data: []byte("2")}); err != nil {
			t.Fatal(err)
		}
		w.expectNothing()
		same(t, "gaps", r.hub.Stats().Gaps, 1)
		same(t, "subscribers", r.hub.Stats().Subscribers, 1)
		time.Sleep(time.Second)
		r.broadcast("3")
		w.expect(200, "3", time.Second)
	})
}
