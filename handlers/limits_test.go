package handlers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// behindProxy are handlers behind a proxy, on this machine or where fromProxy says.
func behindProxy(counts *handlers.Counts) handlers.Options {
	return handlers.Options{Counts: counts, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24")}}
}

// fromProxy makes requests come from a proxy, because a pipe has no address.
func fromProxy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = "192.0.2.1:1"
		next.ServeHTTP(w, r)
	})
}

// expectTooGreedy expects a refusal because of the address: 200 and a long wait for an
// EventSource, and 429 for any other caller.
func (r *rig) expectTooGreedy(target, address, what string) {
	r.t.Helper()
	for _, header := range []string{"X-Forwarded-For: " + address, `Forwarded: for="[` + address + `]"`} {
		if strings.HasPrefix(header, "Forwarded") && !strings.Contains(address, ":") {
			header = "Forwarded: For=" + address + ";proto=https"
		}
		if what == "new streams" {
			s := r.open(target, eventSource, header)
			s.expectEndOfRefusal("overloaded")
			if retry, _ := s.Retry(); retry < 30*time.Second || retry >= time.Minute {
				r.t.Errorf("retry is %v, want 30 s to 60 s", retry)
			}
		}
		a, body := r.get(target, header)
		same(r.t, "status", a.status, http.StatusTooManyRequests)
		same(r.t, "body", body, `{"title":"Too Many Requests","status":429,"detail":"The server admits no `+what+` of your address now."}`)
		if after, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || after < 30 || after > 60 {
			r.t.Errorf("Retry-After is %q, want 30 to 60", a.header.Get("Retry-After"))
		}
	}
}

// Attack: one address opens as many streams as there are. It gets its share, others get
// theirs, and a place is free again when its client has left.
func TestMaxClientsPerAddressPlusOne(t *testing.T) {
	for _, address := range []string{"198.51.100.1", "2001:db8::1"} {
		counts := new(handlers.Counts)
		r := newRig(t, setup{engine: fanout.Options{MaxClientsPerAddress: 2}, handlers: behindProxy(counts)})
		id := r.broadcast("1").String()
		first := r.open("/api/sse", "X-Forwarded-For: "+address)
		first.expect("1")
		r.open("/api/sse", "Forwarded: for=unknown, for=\"["+address+"]\"").expect("1")
		r.expectTooGreedy("/api/sse", address, "new streams")
		r.expectTooGreedy("/api/latest?wait=30s&after="+id, address, "waiting requests")
		same(t, "counted", counts.Refusals()["address_clients"], 6)
		r.open("/api/sse", "X-Forwarded-For: 198.51.100.2").expect("1")
		r.open("/api/sse").expect("1") // the proxy itself
		if a, _ := r.get("/api/latest", "X-Forwarded-For: "+address); a.status != http.StatusOK {
			t.Errorf("a request that holds no place gets %d", a.status)
		}
		same(t, "told", len(r.told("client refused because of its address")), 1)

		_ = first.conn.Close()
		r.await("a place is free", func() bool { return r.engine.Stats().Clients == 3 })
		r.open("/api/sse", "X-Forwarded-For: "+address).expect("1")
	}
}

// Attack: X-Forwarded-For and Forwarded with a thousand different addresses, from one
// client behind a proxy, which adds the real one. The limits count one address.
func TestSpoofedForwardedFor(t *testing.T) {
	counts := new(handlers.Counts)
	r := newRig(t, setup{engine: fanout.Options{MaxClientsPerAddress: 1}, handlers: behindProxy(counts)})
	r.broadcast("1")
	r.open("/api/sse", "X-Forwarded-For: 198.51.100.1").expect("1")
	for i := range 1000 {
		claim := fmt.Sprintf("203.0.%d.%d", i/256, i%256)
		for _, header := range []string{
			"X-Forwarded-For: " + claim + ", 198.51.100.1",
			"X-Forwarded-For: " + claim + "\r\nX-Forwarded-For: 198.51.100.1",
			"Forwarded: for=" + claim + ", for=198.51.100.1",
			`Forwarded: for="` + claim + `, for=198.51.100.1;by=_x`,
			"X-Forwarded-For: 198.51.100.1\r\nForwarded: for=198.51.100.1",
		}[i%5:][:1] {
			a, _ := r.get("/api/sse", header)
			if a.status != http.StatusTooManyRequests {
				t.Fatalf("%s gets %d", header, a.status)
			}
		}
	}
	same(t, "counted", counts.Refusals()["address_clients"], 1000)
	same(t, "clients", r.engine.Stats().Clients, 1)

	// A proxy that writes one of the headers may pass on the other one as it came. Then all
	// such clients together have the address of the proxy.
	mixed := func(i int) string {
		return fmt.Sprintf("X-Forwarded-For: 198.51.100.1\r\nForwarded: for=203.0.113.%d", i)
	}
	r.open("/api/sse", mixed(0)).expect("1")
	for i := range 100 {
		a, _ := r.get("/api/sse", mixed(i))
		same(t, "mixed", a.status, http.StatusTooManyRequests)
	}
}

// Attack: an address opens stream after stream. It has a rate, after a burst.
func TestConnectsPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counts := new(handlers.Counts)
		options := behindProxy(counts)
		options.ConnectsPerSecond = 2
		r := newRig(t, setup{handlers: options, wrap: fromProxy, listener: hubtest.NewPipeListener()})
		defer r.stop()
		admitted := func(address string, n int) (admitted int) {
			for range n {
				if a, _ := r.do(request("HEAD", "/api/sse", "X-Forwarded-For: "+address)); a.status == http.StatusOK {
					admitted++
				}
			}
			return admitted
		}
		same(t, "burst", admitted("2001:db8::1", 30), 20)
		same(t, "of the same network", admitted("2001:db8::2", 30), 0)
		same(t, "another address", admitted("198.51.100.2", 15), 15)
		r.expectTooGreedy("/api/sse", "2001:db8::1", "new streams")
		same(t, "counted", counts.Refusals()["address_connects"], 44)
		time.Sleep(time.Second)
		same(t, "a second later", admitted("2001:db8::1", 30), 2)
		a, _ := r.get("/api/latest?wait=1ms", "X-Forwarded-For: 2001:db8::1")
		same(t, "what opens no stream", a.status, http.StatusServiceUnavailable) // there is no document
		same(t, "counted", counts.Refusals()["address_connects"], 72)
	})
}

// Attack: an address guesses tokens. Its guesses count as streams that it opens, and once it
// has had its share, no token is looked at: a right one is refused too, and a ticket can be
// used afterwards.
func TestGuessesCountAsConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, counts := newGuard(t), new(handlers.Counts)
		options := behindProxy(counts)
		g.setup.handlers.Counts, g.setup.handlers.TrustedProxies, g.setup.handlers.ConnectsPerSecond = counts, options.TrustedProxies, 1
		g.setup.wrap, g.setup.listener = fromProxy, hubtest.NewPipeListener()
		r := newRig(t, g.setup)
		defer r.stop()
		head := func(target string, header ...string) int {
			a, _ := r.do(request("HEAD", target, append(header, "X-Forwarded-For: 198.51.100.1")...))
			return a.status
		}
		_, body := r.do(request("POST", "/api/ticket", bearer(g.tokens["reader"])))
		var got struct{ Ticket string }
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		const news = "/api/sse?stream=news"
		for range 10 {
			same(t, "a guess", head(news, bearer("wrong")), 401)
		}
		for range 5 {
			same(t, "one more guess", head(news, bearer("wrong")), 429)
		}
		same(t, "the right token", head(news, bearer(g.tokens["reader"])), 429)
		same(t, "a ticket", head(news+"&ticket="+got.Ticket), 429)
		same(t, "failures", counts.AuthFailures()["read"], 10)
		_, body = r.get(news+",a%20b", eventSource, "X-Forwarded-For: 198.51.100.1")
		if strings.Count(body, `"stream":`) != 1 || !strings.Contains(body, `"stream":"news"`) || !strings.Contains(body, `"error":"overloaded"`) {
			t.Errorf("an EventSource gets %s", body)
		}
		same(t, "counted", counts.Refusals()["address_connects"], 8)
		time.Sleep(time.Second)
		same(t, "the same ticket later", head(news+"&ticket="+got.Ticket), 200)
	})
}

// Attack: a client with a token publishes as fast as possible.
func TestPublishesPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counts := new(handlers.Counts)
		r := newRig(t, setup{handlers: handlers.Options{Counts: counts, PublishesPerSecond: 5}, listener: hubtest.NewPipeListener()})
		defer r.stop()
		published := func(n int) (published int) {
			for range n {
				switch a, body := r.do(post("default", "1", authorized)); a.status {
				case http.StatusOK:
					published++
				case http.StatusTooManyRequests:
					same(t, "Retry-After", a.header.Get("Retry-After"), "1")
					same(t, "body", body, `{"title":"Too Many Requests","status":429,"detail":"At most 5 documents a second can be published with one token."}`)
				default:
					t.Errorf("status %d", a.status)
				}
			}
			return published
		}
		same(t, "at once", published(20), 5)
		time.Sleep(time.Second)
		same(t, "a second later", published(20), 5)
		same(t, "counted", counts.Refusals()["publishes"], 30)
		for range 10 { // a wrong token has no rate, and takes none from the right one
			a, _ := r.do(post("default", "1", "Authorization: Bearer wrong"))
			same(t, "wrong", a.status, http.StatusUnauthorized)
		}
		time.Sleep(time.Second)
		same(t, "later", published(4), 4)
		for i, spelled := range []string{"bearer " + token, "BEARER   " + token, "bEARER " + token} { // the same token
			want := http.StatusOK
			if i > 0 {
				want = http.StatusTooManyRequests
			}
			a, _ := r.do(post("default", "1", "Authorization: "+spelled))
			same(t, spelled, a.status, want)
		}
	})
}
