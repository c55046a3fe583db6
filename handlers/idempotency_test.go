package handlers_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// countingPublisher is a publisher that counts, and fails or waits on demand.
type countingPublisher struct {
	*hub.Hub
	published int
	once      []string // of each message
	err       error
	hold      chan struct{} // nil: it does not wait
}

func (p *countingPublisher) Publish(ctx context.Context, m hub.Message) (hub.ID, error) {
	if p.hold != nil {
		<-p.hold
	}
	if p.err != nil {
		return hub.ID{}, p.err
	}
	p.published++
	p.once = append(p.once, m.Once)
	return p.Hub.Publish(ctx, m)
}

// The log gets the name of a publication, which is the same at each node, another one for each key,
// token and stream, and tells nothing of any of them.
func TestIdempotencyForTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		named := func() []string {
			p, own := new(countingPublisher), auth.NewBearer("of-b")
			r := newRig(t, setup{hub: hub.Options{Streams: hub.Named("a", "b")}, listener: hubtest.NewPipeListener(), handlers: handlers.Options{
				Publisher: p,
				PublishAuth: func(name string) auth.Bearer {
					if name == "b" {
						return own
					}
					return auth.NewBearer(token)
				},
			}})
			defer r.stop()
			p.Hub = r.hub
			for _, request := range [][]string{{"a", token, "key-one"}, {"a", token, "key-two"}, {"b", "of-b", "key-one"}} {
				a, _ := r.do(post(request[0], "1", bearer(request[1]), "Idempotency-Key: "+request[2]))
				same(t, "published", a.status, 200)
			}
			a, _ := r.do(post("a", "1", bearer(token)))
			same(t, "published without a key", a.status, 200)
			return p.once
		}
		one, other := named(), named()
		if !slices.Equal(one, other) {
			t.Errorf("two nodes name publications %q and %q", one, other)
		}
		same(t, "without a key", one[3], "")
		if one[0] == one[1] || one[0] == one[2] || one[0] == "" {
			t.Errorf("different publications have the names %q", one)
		}
		for _, name := range one {
			if strings.Contains(name, "key") || strings.Contains(name, token) {
				t.Errorf("the name %q tells a secret", name)
			}
		}
	})
}

// A document that is sent again with the same key is published once, for ten minutes, for
// each token and stream by itself. Another document with the same key is refused.
func TestIdempotency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(countingPublisher)
		own := auth.NewBearer("of-b")
		r := newRig(t, setup{hub: hub.Options{Streams: hub.Named("a", "b")}, listener: hubtest.NewPipeListener(), handlers: handlers.Options{
			Publisher: p,
			PublishAuth: func(name string) auth.Bearer {
				if name == "b" {
					return own
				}
				return auth.NewBearer(token)
			},
		}})
		defer r.stop()
		p.Hub = r.hub
		send := func(stream, token, key, body string) (int, string) {
			t.Helper()
			var header []string
			if key != "" {
				header = append(header, "Idempotency-Key: "+key)
			}
			a, text := r.do(post(stream, body, append(header, bearer(token))...))
			return a.status, text
		}
		status, first := send("a", token, "k", "1")
		same(t, "first", status, 200)
		for _, body := range []string{"1", " 1\n"} { // compact, it is the same
			status, again := send("a", token, "k", body)
			same(t, "again", status, 200)
			same(t, "the answer", again, first)
		}
		same(t, "published", p.published, 1)
		status, _ = send("a", token, "k", "2")
		same(t, "another document", status, 422)
		status, _ = send("a", "wrong", "k", "1")
		same(t, "without the token", status, 401)
		status, other := send("b", "of-b", "k", "1")
		same(t, "another stream", status, 200)
		if other == first || p.published != 2 {
			t.Errorf("%s and %s, %d published", first, other, p.published)
		}
		_, _ = send("a", token, "", "1")
		_, _ = send("a", token, "", "1")
		same(t, "published without a key", p.published, 4)
		_, _ = send("a", token, "K", "1")
		same(t, "another key", p.published, 5)
		status, _ = send("a", token, strings.Repeat("k", 256), "1")
		same(t, "too long", status, 400)
		a, _ := r.do(post("a", "1", bearer(token), "Idempotency-Key: x", "Idempotency-Key: y"))
		same(t, "two keys", a.status, 400)

		p.err = hub.ErrLogClosed
		status, _ = send("a", token, "failing", "1")
		same(t, "a failure", status, 503)
		p.err = nil
		status, _ = send("a", token, "failing", "1")
		same(t, "after a failure", status, 200)
		p.err = context.DeadlineExceeded
		status, _ = send("a", token, "slow", "1")
		same(t, "not in time", status, 503)
		p.err = nil
		status, _ = send("a", token, "slow", "1")
		same(t, "it may be stored later", status, 409)

		p.hold = make(chan struct{})
		done := make(chan int)
		go func() { status, _ := send("a", token, "busy", "1"); done <- status }()
		synctest.Wait()
		hold := p.hold
		p.hold = nil
		status, _ = send("a", token, "busy", "1")
		same(t, "while it is under way", status, 409)
		close(hold)
		same(t, "the first of both", <-done, 200)

		before := p.published
		time.Sleep(10*time.Minute - time.Second)
		_, _ = send("a", token, "busy", "1")
		same(t, "within ten minutes", p.published, before)
		time.Sleep(time.Second)
		_, _ = send("a", token, "busy", "1")
		same(t, "after ten minutes", p.published, before+1)
	})
}

// Each stream may have a token of its own, which takes the place of the one for all. A grant
// allows what its patterns say. Who may not publish learns nothing about the stream.
func TestWhoMayPublish(t *testing.T) {
	g := newGuard(t)
	g.setup.handlers.Polled = func(name string) bool { return name == "prices" }
	g.setup.handlers.PollNow = func(string) (time.Time, error) { return time.Time{}, nil }
	own := auth.NewBearer("of-news")
	g.setup.handlers.PublishAuth = func(name string) auth.Bearer {
		if name == "news" {
			return own
		}
		return auth.NewBearer(token)
	}
	g.tokens["own"], g.tokens["top"] = "of-news", token
	r := newRig(t, g.setup)
	for _, test := range []struct {
		stream, token string
		want          int
	}{
		{"news", "own", 200}, {"free", "own", 401}, {"missing", "own", 401}, {"user/1", "own", 401},
		{"news", "top", 401}, {"free", "top", 200}, {"missing", "top", 404}, {"user/1", "top", 200}, {"prices", "top", 409},
		{"news", "writer", 200}, {"free", "writer", 403}, {"missing", "writer", 403}, {"user/1", "writer", 403}, {"prices", "writer", 403},
		{"news", "reader", 403}, {"news", "old", 401}, {"news", "", 401},
		{"news", "all", 200}, {"user/2", "all", 200}, {"user/x", "all", 404}, {"missing", "all", 404}, {"prices", "all", 409},
	} {
		a, body := r.do(post(test.stream, "1", bearer(g.tokens[test.token])))
		if a.status != test.want {
			t.Errorf("%s with %q: %d, want %d\n%s", test.stream, test.token, a.status, test.want, body)
		}
		if test.want == 404 || test.want == 409 {
			names := strings.Join(parseProblem(t, body).Streams, " ")
			if test.token == "top" && strings.Contains(names, "news") {
				t.Errorf("%s is told of a stream that it may not know: %s", test.token, names)
			}
		}
	}
	for who, want := range map[string]int{"all": 202, "writer": 403, "reader": 403, "old": 401, "top": 401} {
		a, _ := r.do(request("POST", "/api/streams/prices/poll", bearer(g.tokens[who])))
		same(t, "poll with "+who, a.status, want)
	}
	a, _ := r.do(request("POST", "/api/streams/prices/poll"))
	same(t, "poll without a token", a.status, 401)
}
