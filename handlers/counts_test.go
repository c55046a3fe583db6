package handlers_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// Each refusal counts once, in whatever form the client got it, and nothing else
// counts.
func TestRefusalsAreCounted(t *testing.T) {
	counts := new(handlers.Counts)
	r := newRig(t, setup{
		engine: fanout.Options{MaxClients: 3, MaxViews: 1}, handlers: handlers.Options{Counts: counts},
	})
	id := r.broadcast(`{"a":1}`).String()
	expect := func(clients, views, draining uint64) {
		t.Helper()
		same(t, "refusals", counts.Refusals(), map[string]uint64{"clients": clients, "views": views, "keys": 0, "draining": draining,
			"address_clients": 0, "address_connects": 0, "address_views": 0, "publishes": 0, "tickets": 0, "bodies": 0, "held": 0, "origin": 0, "host": 0, "admin_page": 0, "proxy_header": 0, "scope": 0, "no_origin": 0})
	}
	open := []*stream{r.open("/api/sse?fields=/a"), r.open("/api/sse")}
	r.get("/api/sse?limit=x")
	r.get("/api/sse?fields=x")
	r.get("/api/latest?wait=x")
	expect(0, 0, 0)

	r.open("/api/sse?fields=/b", eventSource).expectEndOfRefusal("overloaded")
	for range 2 {
		r.get("/api/sse?fields=/b")
	}
	expect(0, 3, 0)

	open = append(open, r.open("/api/sse"))
	r.get("/api/sse")
	r.do(request("HEAD", "/api/sse"))
	r.open("/api/sse", eventSource).expectEndOfRefusal("overloaded")
	a, _ := r.get("/api/latest?wait=30s&after=" + id)
	same(t, "wait", a.status, 503)
	expect(4, 3, 0)

	r.drain()
	r.get("/api/sse")
	r.open("/api/sse", eventSource).expectEndOfRefusal("draining")
	a, _ = r.get("/api/latest?wait=30s&after=" + id)
	same(t, "wait", a.status, 503)
	r.get("/readyz")
	r.get("/api/latest")
	expect(4, 3, 3)
	for _, s := range open {
		_ = s.conn.Close()
	}
}

// expectEndOfRefusal expects one status with this error, and the end.
func (s *stream) expectEndOfRefusal(class string) {
	s.t.Helper()
	if e := s.next(); e.Name != "status" || !strings.Contains(string(e.Data), `"error":"`+class+`"`) {
		s.t.Errorf("got %s %s, want a refusal: %s", e.Name, e.Data, class)
	}
	s.expectEnd()
}

// told returns the log records with this message.
func (r *rig) told(message string) []map[string]any {
	r.t.Helper()
	var records []map[string]any
	for line := range strings.Lines(r.log.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			r.t.Fatal(err)
		}
		if record["msg"] == message {
			records = append(records, record)
		}
	}
	return records
}

// Each refused token or signature counts. The log has a few of them, with the number of
// those that were left out, and never what was sent.
func TestRefusedCredentialsAreLoggedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counts := new(handlers.Counts)
		r := newRig(t, setup{listener: hubtest.NewPipeListener(), hub: hub.Options{Streams: hub.Named("default", "polled")}, handlers: handlers.Options{
			Counts:  counts,
			PollNow: func(string) (time.Time, error) { return time.Now(), nil },
			PollAuth: func(string) handlers.PollAuth {
				return handlers.PollAuth{Bearer: auth.NewBearer("poll-t0ken"), Signature: auth.NewSignature("s3cret")}
			},
		}})
		defer r.stop()
		for _, header := range []string{"X-Nothing: 1", "Authorization: Bearer guess", "Authorization: Basic guess"} {
			a, _ := r.do(post("default", "1", header))
			same(t, header, a.status, 401)
		}
		r.do(post("default", "1", authorized))
		pollNow := func(header ...string) {
			r.do(request("POST", "/api/streams/polled/poll", append(header, "Content-Length: 1")...) + "x")
		}
		pollNow("Authorization: Bearer guess")
		pollNow("Authorization: Bearer poll-t0ken")
		pollNow(auth.SignatureHeader + ": sha256=" + strings.Repeat("0", 64))
		pollNow(auth.SignatureHeader + ": sha256=guess")
		pollNow()
		same(t, "counted", counts.AuthFailures(), map[string]uint64{"read": 0, "ticket": 0, "publish": 3, "poll": 3, "signature": 1, "admin": 0})
		told := r.told("caller refused")
		same(t, "told", len(told), 5) // and two were left out
		for i, want := range []string{
			"publish auth: no bearer token or signature", "publish auth: wrong bearer token or signature", "publish auth: no bearer token or signature",
			"poll auth: wrong bearer token or signature", "signature auth: wrong bearer token or signature",
		} {
			same(t, "record", fmt.Sprint(told[i]["wanted"], " ", told[i]["cause"]), want)
			same(t, "level", told[i]["level"], any("WARN"))
		}
		for range 1000 {
			r.do(post("default", "1", "Authorization: Bearer guess"))
		}
		same(t, "counted", counts.AuthFailures()["publish"], 1003)
		same(t, "told", len(r.told("caller refused")), 5)
		time.Sleep(10 * time.Second)
		for range 3 { // one of which is logged
			r.do(post("default", "1", "Authorization: Bearer guess"))
		}
		told = r.told("caller refused")
		same(t, "told", len(told), 6)
		same(t, "suppressed", told[5]["suppressed"], any(1002.0))
		if r.log.Contains("guess") {
			t.Errorf("the log holds what was sent:\n%s", r.log)
		}
	})
}

// If publishing is off, a token does not count as a failure.
func TestNoFailureWherePublishingIsOff(t *testing.T) {
	counts := new(handlers.Counts)
	r := newRig(t, setup{})
	handler, err := handlers.New(handlers.Options{Hub: r.hub, Engine: r.engine, Assets: assets, Counts: counts})
	if err != nil {
		t.Fatal(err)
	}
	status, _ := serve(t, handler, "POST", "/api/streams/default/events", "Bearer x", "1")
	same(t, "status", status, 403)
	same(t, "counted", counts.AuthFailures(), map[string]uint64{"read": 0, "ticket": 0, "publish": 0, "poll": 0, "signature": 0, "admin": 0})
}

// Each publication is logged at level debug: the stream, the size and the address.
func TestPublishesAreLogged(t *testing.T) {
	r := newRig(t, setup{handlers: handlers.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	_, body := r.do(post("default", `{"hidden":  1}`, authorized, "X-Forwarded-For: 192.0.2.1, 198.51.100.7"))
	told := r.told("published")
	if len(told) != 1 {
		t.Fatalf("log:\n%s", r.log)
	}
	delete(told[0], "time")
	same(t, "record", told[0], map[string]any{
		"level": "DEBUG", "msg": "published", "stream": "default", "bytes": 12.0, "address": "198.51.100.7",
		"id": strings.TrimSuffix(strings.TrimPrefix(body, `{"id":"`), `"}`),
	})
	r.do(post("default", "1", "X-Forwarded-For: 198.51.100.8"))
	same(t, "address of a refused", r.told("caller refused")[0]["address"], any("198.51.100.8"))
	if r.log.Contains("hidden") {
		t.Errorf("the document is in the log:\n%s", r.log)
	}
}
