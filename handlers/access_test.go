package handlers_test

import (
	"encoding/json"
	"net/http"
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

// bearer is the header of a request with a token.
func bearer(token string) string { return "Authorization: Bearer " + token }

// guard are the tokens of a rig, by name, and its options.
type guard struct {
	tokens map[string]string
	static []auth.Static
	setup  setup
}

// guarded is a rig with the streams free, which everybody can read, and news, prices and
// the keys user/{key}, which need a token.
func newGuard(t *testing.T) *guard {
	t.Helper()
	g := &guard{tokens: make(map[string]string)}
	for _, s := range []auth.Static{
		{Name: "reader", Subscribe: auth.Patterns{"news", "user/42"}},
		{Name: "prefix", Subscribe: auth.Patterns{"user/*", "pri*"}},
		{Name: "writer", Publish: auth.Patterns{"news"}},
		{Name: "all", Subscribe: auth.Patterns{"*"}, Publish: auth.Patterns{"*"}},
		{Name: "old", Subscribe: auth.Patterns{"*"}, Expires: time.Now().Add(-time.Second)},
		{Name: "none"},
	} {
		token, made := auth.NewStatic(s)
		g.tokens[s.Name] = token
		g.static = append(g.static, made)
	}
	verifier, err := auth.New(auth.Options{Static: g.static})
	if err != nil {
		t.Fatal(err)
	}
	pattern, err := hub.NewKeyPattern("[0-9]+")
	if err != nil {
		t.Fatal(err)
	}
	streams := append(hub.Named("news", "free", "prices"), hub.StreamOptions{Name: "user", Keys: &hub.KeyOptions{Match: pattern, Pushed: true}})
	g.setup = setup{
		hub:      hub.Options{Streams: streams},
		handlers: handlers.Options{Tokens: verifier, Guarded: func(name string) bool { return name != "free" }},
	}
	return g
}

// problemOf is the answer to a refused caller.
type problemOf struct {
	Detail  string
	Streams []string
}

func parseProblem(t *testing.T, body string) (p problemOf) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return p
}

// Each route that reads answers by the same rules, for each kind of token. A name that no
// stream has is refused like a guarded one, until the token allows it.
func TestAccess(t *testing.T) {
	g := newGuard(t)
	r := newRig(t, g.setup)
	for _, stream := range []string{"news", "free", "prices"} {
		r.broadcastTo(stream, "1")
	}
	for _, test := range []struct {
		stream, token string
		want          int
	}{
		{"free", "", 200}, {"free", "none", 200}, {"free", "wrong", 200},
		{"news", "", 401}, {"missing", "", 401}, {"user/42", "", 401}, {"free,news", "", 401}, {"", "", 401}, {"a b", "", 401},
		{"news", "wrong", 401}, {"news", "old", 401}, {"missing", "wrong", 401},
		{"news", "reader", 200}, {"free,news", "reader", 200}, {"prices", "reader", 403}, {"missing", "reader", 403}, {"", "reader", 403},
		{"news,prices", "reader", 403}, {"newsx", "reader", 403}, {"new", "reader", 403},
		{"user/42", "reader", 200}, {"user/421", "reader", 403}, {"user/4", "reader", 403}, {"user", "reader", 403},
		{"user/7", "prefix", 200}, {"user", "prefix", 403}, {"user/x", "prefix", 404}, {"prices", "prefix", 200}, {"primes", "prefix", 404},
		{"news", "writer", 403}, {"news", "none", 403}, {"news", "all", 200}, {"missing", "all", 404}, {"", "all", 404},
	} {
		query := "?stream=" + strings.ReplaceAll(test.stream, " ", "%20")
		if test.stream == "" {
			query = "?x=1"
		}
		var header []string
		if test.token != "" {
			token := g.tokens[test.token]
			if token == "" {
				token = "pollux_" + test.token
			}
			header = append(header, bearer(token))
		}
		targets := []string{"HEAD /api/sse" + query}
		if !strings.Contains(test.stream, ",") { // what a client gets of several is in TestHiddenFromTheCaller
			targets = append(targets, "HEAD /api/sse"+query+"&last_event_id=x-1", "GET /api/latest"+query)
			if test.stream != "" {
				targets = append(targets, "GET /api/streams"+query)
			}
		}
		for _, target := range targets {
			method, target, _ := strings.Cut(target, " ")
			a, body := r.do(request(method, target, header...))
			want := test.want
			if want == 200 && strings.HasPrefix(test.stream, "user/") && strings.HasPrefix(target, "/api/latest") {
				want = 503 // the key has no document
			}
			if a.status != want {
				t.Errorf("%s %s with %q: %d, want %d\n%s", method, target, test.token, a.status, want, body)
			}
			challenge := a.header.Get("WWW-Authenticate")
			expected := map[int]string{401: `Bearer realm="pollux"`, 403: `Bearer realm="pollux", error="insufficient_scope"`}[want]
			if want == 401 && test.token != "" {
				expected += `, error="invalid_token"`
			}
			same(t, "the challenge", challenge, expected)
			for name, token := range g.tokens {
				if strings.Contains(body+challenge, token) || strings.Contains(body, "wrong") {
					t.Errorf("the answer quotes %s: %s", name, body)
				}
			}
		}
	}
	if r.log.Contains(g.tokens["old"]) || r.log.Contains("pollux_wrong") {
		t.Error("the log quotes a token")
	}
}

// What is listed, and what a refusal names, is what the caller may see.
func TestVisibleStreams(t *testing.T) {
	g := newGuard(t)
	r := newRig(t, g.setup)
	for token, want := range map[string][]string{
		"": {"free"}, "none": {"free"}, "reader": {"free", "news", "user"}, "prefix": {"free", "prices", "user"},
		"writer": {"free", "news"}, "all": {"free", "news", "prices", "user"},
	} {
		var header []string
		if token != "" {
			header = append(header, bearer(g.tokens[token]))
		}
		a, body := r.get("/api/streams", header...)
		same(t, "status", a.status, 200)
		same(t, "challenge", a.header.Get("WWW-Authenticate"), "")
		var list struct{ Streams []struct{ Name string } }
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range list.Streams {
			got = append(got, s.Name)
		}
		slices.Sort(got)
		same(t, token+" sees", got, want)
		if token == "" {
			continue
		}
		_, body = r.get("/api/latest?stream=zzz", header...)
		for i := range want {
			if want[i] == "user" {
				want[i] = "user/{key}"
			}
		}
		same(t, token+" is told", parseProblem(t, body).Streams, want)
	}
	a, _ := r.get("/api/streams", bearer("wrong"))
	same(t, "the list with a wrong token", a.status, http.StatusUnauthorized)

	g.setup.handlers.Guarded = nil // every stream
	r = newRig(t, g.setup)
	a, body := r.get("/api/streams")
	same(t, "the list of nothing", a.status, http.StatusUnauthorized)
	same(t, "what it names", parseProblem(t, body).Streams, nil)
}

// The bearer of a token for some keys of a stream does not learn how many others there are,
// and what happens there.
func TestSumsOfKeys(t *testing.T) {
	g := newGuard(t)
	r := newRig(t, g.setup)
	for _, key := range []string{"user/42", "user/43"} {
		r.broadcastTo(key, "1")
	}
	const hidden = `{"name":"user","state":"live","since":null,"every":null,"clients":null,"events":null,"lastEventId":null,"lastSuccess":null,` +
		`"nextPoll":null,"requests":null,"failures":null,"error":null,"age":null,"requestsSaved":null,"idle":false,"waiting":false,"notBefore":null,"notBeforeReason":null,` +
		`"keys":{"match":"[0-9]+","max":10000,"count":null,"watched":null,"absent":null}}`
	for token, want := range map[string]bool{"reader": false, "prefix": true, "all": true} {
		_, body := r.get("/api/streams", bearer(g.tokens[token]))
		if strings.Contains(body, `"events":2,`) != want || strings.Contains(body, `"count":2,`) != want || strings.Contains(body, hidden) == want {
			t.Errorf("%s sees %s", token, body)
		}
	}
	_, body := r.get("/api/streams?stream=user/42", bearer(g.tokens["reader"]))
	if !strings.Contains(body, `"events":1,`) {
		t.Errorf("its own key: %s", body)
	}
}

// briefly is a guard with a token for everything that ends in a second, in fake time.
func briefly(t *testing.T) (g *guard, token string) {
	t.Helper()
	g = newGuard(t)
	g.setup.listener = hubtest.NewPipeListener()
	token, made := auth.NewStatic(auth.Static{Name: "brief", Subscribe: auth.Patterns{"*"}, Expires: time.Now().Add(time.Second)})
	if err := g.setup.handlers.Tokens.SetStatic([]auth.Static{made}); err != nil {
		t.Fatal(err)
	}
	return g, token
}

// A stream ends when its token does, and says so. Without a guarded stream the token does
// not matter.
func TestStreamEndsWithItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, token := briefly(t)
		begin := time.Now()
		r := newRig(t, g.setup)
		defer r.stop()
		r.broadcastTo("news", "1")
		s := r.open("/api/sse?stream=news", bearer(token))
		open := r.open("/api/sse?stream=free", bearer(token))
		s.expect("1")
		e := s.next()
		if e.Name != "status" || !strings.Contains(string(e.Data), `"error":"expired"`) {
			t.Errorf("got %s %s", e.Name, e.Data)
		}
		if _, err := s.Next(); err == nil {
			t.Error("the stream goes on")
		}
		same(t, "ended after", time.Since(begin), time.Second)
		r.broadcastTo("free", "2")
		open.expect("2")
		a, _ := r.do(request("HEAD", "/api/sse?stream=news", bearer(token)))
		same(t, "afterwards", a.status, 401)
	})
}

// A wait for a document ends with the token.
func TestWaitEndsWithItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, token := briefly(t)
		begin := time.Now()
		r := newRig(t, g.setup)
		defer r.stop()
		id := r.broadcastTo("news", "1").String()
		a, _ := r.get("/api/latest?stream=news&wait=29s&after="+id, bearer(token))
		same(t, "status", a.status, http.StatusNotModified)
		same(t, "answered after", time.Since(begin), time.Second)
	})
}

// The metrics have the names of all streams, so they need a token for all.
func TestGuardedMetrics(t *testing.T) {
	g := newGuard(t)
	g.setup.handlers.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/plain") })
	r := newRig(t, g.setup)
	for token, want := range map[string]int{"": 401, "old": 401, "reader": 403, "writer": 403, "all": 200} {
		var header []string
		if token != "" {
			header = append(header, bearer(g.tokens[token]))
		}
		a, _ := r.get("/metrics", header...)
		same(t, token, a.status, want)
	}
}
