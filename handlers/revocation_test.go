package handlers_test

import (
	"bufio"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
)

// without returns the tokens but one.
func (g *guard) without(name string) []auth.Static {
	return slices.DeleteFunc(slices.Clone(g.static), func(s auth.Static) bool { return s.Name == name })
}

// A client that asks for several streams, as an EventSource does or with a position, gets
// those that it may read. Of a guarded one it is told what it is told of one that does not
// exist, to the byte. Without one that it may read it gets a refusal.
func TestHiddenFromTheCaller(t *testing.T) {
	g := newGuard(t)
	r := newRig(t, g.setup)
	for _, stream := range []string{"free", "news", "prices", "user/7"} {
		r.broadcastTo(stream, `"of `+stream+`"`)
	}
	const events = "Accept: text/event-stream"
	head := func(token, streams string, header ...string) int {
		t.Helper()
		if token != "" {
			header = append(header, bearer(g.tokens[token]))
		}
		a, body := r.do(request("HEAD", "/api/sse?stream="+strings.ReplaceAll(streams, " ", "%20"), header...))
		if a.status != 200 && a.status != 404 && a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%d without a challenge: %s", a.status, body)
		}
		return a.status
	}
	for _, test := range []struct {
		streams, token string
		want           int
	}{
		{"free,news", "", 200}, {"free,missing", "", 200}, {"missing,free,news,user/7", "", 200},
		{"news,missing", "", 401}, {"news,prices", "", 401}, {"free,a b", "", 404}, {"free,news", "old", 401},
		{"news,prices", "reader", 200}, {"news,missing", "reader", 200}, {"user/7,news", "reader", 200}, {"free,prices", "reader", 200}, {"free,prices", "none", 200},
		{"prices,missing", "reader", 403}, {"prices,user/7", "reader", 403}, {"news,a b", "reader", 404}, {"prices,a b", "reader", 403},
		{"prices,user/x", "prefix", 200}, {"user/x,news", "prefix", 404}, {"user/x,user/y", "prefix", 404}, {"missing,nothing", "all", 404},
	} {
		for _, header := range []string{events, "Last-Event-ID: x-1"} {
			if got := head(test.token, test.streams, header); got != test.want {
				t.Errorf("%s with %q and %q: %d, want %d", test.streams, test.token, header, got, test.want)
			}
		}
		if got := head(test.token, test.streams); test.want == 200 && got == 200 {
			t.Errorf("%s with %q, not as an EventSource: %d", test.streams, test.token, got)
		}
	}
	if got := head("", "free,news", events, "Authorization: Bearer wrong"); got != 401 {
		t.Errorf("a wrong token beside an open stream: %d", got)
	}
	if got := head("", "free,news", events, "Cookie: pollux_token=wrong"); got != 401 {
		t.Errorf("a wrong cookie beside an open stream: %d", got)
	}

	told := func(token, name string) string {
		t.Helper()
		header := []string{events}
		if token != "" {
			header = append(header, bearer(g.tokens[token]))
		}
		s := r.open("/api/sse?heartbeat=event&stream=free,"+name, header...)
		whole := ""
		for !strings.Contains(whole, "of free") {
			e := s.next()
			if e.Name != "hb" { // which has times
				whole += fmt.Sprintf("%s %s\n", e.Name, e.Data)
			} else if strings.Contains(string(e.Data), name) {
				t.Errorf("a heartbeat tells of %s: %s", name, e.Data)
			}
		}
		if name != "missing" {
			r.broadcastTo(name, `"secret"`)
		}
		r.broadcastTo("free", `"of free"`)
		for e := s.next(); !strings.Contains(string(e.Data), "of free"); e = s.next() {
			if e.Name != "hb" || strings.Contains(string(e.Data), name) {
				t.Errorf("got %s %s", e.Name, e.Data)
			}
		}
		before, since, _ := strings.Cut(whole, `"since":`)
		return strings.ReplaceAll(before+since[len(`"2006-01-02T15:04:05.000Z"`):], name, "NAME")
	}
	for token, names := range map[string][]string{"": {"news", "user/7"}, "reader": {"prices", "user/7"}} {
		want := told(token, "missing")
		if !strings.Contains(want, `"stream":"NAME"`) || !strings.Contains(want, `"error":"removed"`) {
			t.Errorf("told %s", want)
		}
		for _, name := range names {
			same(t, name, told(token, name), want)
		}
	}
	same(t, "keys", r.hub.HasStream("user/9"), false)
	head("reader", "free,user/9", events)
	same(t, "a key that nobody may read", r.hub.HasStream("user/9"), false)
}

// When a token is taken away, the streams that it has opened end, and say so. Those of the
// other tokens go on, and so do those that need none. A new token works.
func TestRevokedToken(t *testing.T) {
	g := newGuard(t)
	r := newRig(t, g.setup)
	r.broadcastTo("news", `"1"`)
	r.broadcastTo("free", `"1"`)
	goes := r.open("/api/sse?stream=news,free", bearer(g.tokens["reader"]))
	byCookie := r.open("/api/sse?stream=news", "Cookie: pollux_token="+g.tokens["reader"])
	stays := r.open("/api/sse?stream=news", bearer(g.tokens["all"]))
	open := r.open("/api/sse?stream=free", bearer(g.tokens["reader"]))
	nobody := r.open("/api/sse?stream=free")
	_, ticket := r.do(request("POST", "/api/ticket", bearer(g.tokens["reader"])))
	ticket, _, _ = strings.Cut(strings.TrimPrefix(ticket, `{"ticket":"`), `"`)

	token, made := auth.NewStatic(auth.Static{Name: "new", Subscribe: auth.Patterns{"news"}})
	if err := g.setup.handlers.Tokens.SetStatic(append(g.without("reader"), made)); err != nil {
		t.Fatal(err)
	}
	r.engine.Review()
	for name, s := range map[string]*stream{"news": byCookie, "free": goes} {
		e := s.next()
		for e.Name != hub.StatusEvent {
			e = s.next()
		}
		if name == "free" {
			e = s.next()
		}
		if !strings.Contains(string(e.Data), `"stream":"`+name+`"`) || !strings.Contains(string(e.Data), `"error":"expired"`) {
			t.Errorf("got %s %s", e.Name, e.Data)
		}
		if _, err := s.Next(); err == nil {
			t.Error("the stream goes on")
		}
	}
	r.broadcastTo("news", `"2"`)
	r.broadcastTo("free", `"2"`)
	fresh := r.open("/api/sse?stream=news", bearer(token))
	for _, s := range []*stream{stays, open, nobody} {
		s.expect(`"1"`)
		s.expect(`"2"`)
	}
	fresh.expect(`"2"`)
	a, _ := r.do(request("HEAD", "/api/sse?stream=news", bearer(g.tokens["reader"])))
	same(t, "the old token", a.status, 401)
	a, _ = r.do(request("HEAD", "/api/sse?stream=news&ticket="+ticket))
	same(t, "a ticket of the old token", a.status, 401)
}

// When a token is changed, its streams end if it does not allow them any more.
func TestNarrowedToken(t *testing.T) {
	g := newGuard(t)
	r := newRig(t, g.setup)
	r.broadcastTo("news", `"1"`)
	r.broadcastTo("prices", `"1"`)
	for _, change := range []struct {
		subscribe auth.Patterns
		goes      bool
	}{{auth.Patterns{"news", "user/*"}, false}, {auth.Patterns{"new*"}, false}, {auth.Patterns{"prices"}, true}, {nil, true}} {
		if err := g.setup.handlers.Tokens.SetStatic(g.static); err != nil {
			t.Fatal(err)
		}
		s := r.open("/api/sse?stream=news", bearer(g.tokens["reader"]))
		s.expect(`"1"`)
		narrowed := g.without("reader")
		narrowed = append(narrowed, auth.Static{Name: "reader", Digest: auth.HolderOf(g.tokens["reader"]), Subscribe: change.subscribe})
		if err := g.setup.handlers.Tokens.SetStatic(narrowed); err != nil {
			t.Fatal(err)
		}
		r.engine.Review()
		if change.goes {
			e := s.next()
			same(t, "event", e.Name, hub.StatusEvent)
			continue
		}
		r.broadcastTo("news", `"1"`)
		s.expect(`"1"`)
	}
}

// A stream that has become guarded ends for those who have no token, and goes on for those
// whose token allows it. A stream that was removed at the same time ends nothing else.
func TestStreamBecomesGuarded(t *testing.T) {
	g := newGuard(t)
	var closed atomic.Bool
	g.setup.handlers.Guarded = func(name string) bool { return name != "free" || closed.Load() }
	r := newRig(t, g.setup)
	r.broadcastTo("free", `"1"`)
	r.broadcastTo("news", `"1"`)
	anonymous, narrow := r.open("/api/sse?stream=free"), r.open("/api/sse?stream=news,free", bearer(g.tokens["reader"]))
	wide := r.open("/api/sse?stream=prices,free", bearer(g.tokens["all"]))
	data := func(s *stream) string { return string(s.next().Data) }
	for _, s := range []*stream{anonymous, narrow, narrow, wide} {
		same(t, "document", data(s), `"1"`)
	}
	closed.Store(true)
	if err := r.hub.SetStreams(hub.Named("news", "free")); err != nil { // without prices
		t.Fatal(err)
	}
	r.engine.Review()
	same(t, "without a token", anonymous.next().Name, hub.StatusEvent)
	same(t, "with a token for another", narrow.next().Name, hub.StatusEvent)
	if e := wide.next(); !strings.Contains(string(e.Data), `"error":"removed"`) {
		t.Errorf("got %s %s", e.Name, e.Data)
	}
	r.broadcastTo("free", `"2"`)
	same(t, "with a token", data(wide), `"2"`)
}

// A wait for a document whose token is taken away meanwhile does not get it.
func TestWaitOfARevokedToken(t *testing.T) {
	g := newGuard(t)
	r := newRig(t, g.setup)
	id := r.broadcastTo("news", "1").String()
	c := r.dial()
	c.send(request("GET", "/api/latest?stream=news&wait=59s&after="+id, bearer(g.tokens["reader"])))
	r.await("it waits", func() bool { return r.engine.Stats().Clients == 1 })
	if err := g.setup.handlers.Tokens.SetStatic(g.without("reader")); err != nil {
		t.Fatal(err)
	}
	r.engine.Review()
	r.broadcastTo("news", `"secret"`)
	a := c.receive("GET")
	same(t, "status", a.status, http.StatusUnauthorized)
}

// follows begins to follow, and returns the lines, which end with the answer.
func (r *rig) follows(body string, header ...string) *bufio.Scanner {
	r.t.Helper()
	c := r.dial()
	c.send(request("POST", "/api/follow", append(header, "Content-Length: "+strconv.Itoa(len(body)))...) + body)
	a := c.receive("POST")
	same(r.t, "status of a follower", a.status, 200)
	return bufio.NewScanner(a.body)
}

// find reads up to a line that contains a text, and reports false if they end before.
func find(lines *bufio.Scanner, text string) bool {
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			return true
		}
	}
	return false
}

// A server that follows this one loses it when it may not read everything any more that it
// reads. One whose token allows more is told of the new streams.
func TestRevokedFollower(t *testing.T) {
	g := newGuard(t)
	var closed atomic.Bool
	g.setup.handlers.Guarded = func(name string) bool { return name != "free" || closed.Load() }
	r := newRig(t, g.setup)
	for _, stream := range []string{"free", "news", "prices", "user/42"} {
		r.broadcastTo(stream, `"of `+stream+`"`)
	}
	all := r.follows(`{}`, bearer(g.tokens["all"]))
	news := r.follows(`{"want":["user/42"]}`, bearer(g.tokens["reader"]))
	free := r.follows(`{}`)
	if !find(all, "of news") || !find(news, "of news") || !find(free, "of free") {
		t.Fatal("they do not follow")
	}
	set := func(name string, subscribe ...string) {
		t.Helper()
		now := append(g.without(name), auth.Static{Name: name, Digest: auth.HolderOf(g.tokens[name]), Subscribe: subscribe})
		if err := g.setup.handlers.Tokens.SetStatic(now); err != nil {
			t.Fatal(err)
		}
		r.engine.Review()
	}
	set("reader", "news", "prices", "user/42")
	if !find(news, `"streams"`) || !strings.Contains(news.Text(), `"prices"`) {
		t.Errorf("not told of a new stream: %s", news.Text())
	}
	set("reader", "news", "prices", "user/7")
	if find(news, "nothing") {
		t.Error("it goes on without a key that it wants")
	}
	news = r.follows(`{}`, bearer(g.tokens["reader"]))
	set("reader", "news")
	if find(news, "nothing") {
		t.Error("it goes on without a stream that it had")
	}
	closed.Store(true)
	r.engine.Review()
	if find(free, "nothing") {
		t.Error("it goes on without a token")
	}
	r.broadcastTo("news", `"more news"`)
	if !find(all, "more news") {
		t.Error("one that may still read everything has lost it")
	}
}
