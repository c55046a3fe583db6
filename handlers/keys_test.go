package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// pattern returns a pattern of keys.
func pattern(t testing.TB, text string) *hub.KeyPattern {
	t.Helper()
	p, err := hub.NewKeyPattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// keyed returns the options of a hub with a plain stream, one whose keys are polled and
// one whose keys are published to.
func keyed(t testing.TB) hub.Options {
	t.Helper()
	return hub.Options{Streams: []hub.StreamOptions{
		{Name: "plain"},
		{Name: "prices", Keys: &hub.KeyOptions{Match: pattern(t, "[A-Z]{2,4}"), Max: 3}},
		{Name: "user", Keys: &hub.KeyOptions{Match: pattern(t, `[0-9:%+a-z.-]{1,12}`), Max: 3, Pushed: true}},
	}}
}

// polledKeys are the options of handlers for these streams.
func polledKeys() handlers.Options {
	return handlers.Options{Polled: func(name string) bool { return strings.HasPrefix(name, "prices") }}
}

// A key has its own documents on each route, and its name is encoded once in a URL.
func TestKeyIsAStream(t *testing.T) {
	r := newRig(t, setup{hub: keyed(t), handlers: polledKeys()})
	s := r.open("/api/sse?stream=prices/BTC,plain")
	r.broadcastTo("prices/BTC", "1")
	r.broadcastTo("plain", "2")
	s.expect("prices/BTC: 1", "plain: 2")
	r.open("/api/sse?stream=prices%2FBTC").expect("1")
	r.open("/api/sse?stream=prices/BTC&mode=patch").expect("snapshot: 1")
	_, body := r.get("/api/latest?stream=prices/BTC")
	same(t, "newest", body, "1")
	_, body = r.get("/api/latest?stream=prices%2FBTC")
	same(t, "newest", body, "1")
}

// For an unknown name, each route answers with the names of all streams. If the name
// begins with a stream with keys, the answer has the pattern of the keys.
func TestUnknownKeys(t *testing.T) {
	options := polledKeys()
	options.PollNow = func(string) (time.Time, error) { t.Error("polled"); return time.Time{}, nil }
	options.PollAuth = func(string) handlers.PollAuth { return handlers.PollAuth{Bearer: auth.NewBearer(pollToken)} }
	r := newRig(t, setup{hub: keyed(t), handlers: options})
	r.broadcastTo("plain", "0")
	const (
		streams = `,"streams":["plain","prices/{key}","user/{key}"]}`
		none    = `{"title":"Not Found","status":404,"detail":"No stream has that name."` + streams
		prices  = `{"title":"Not Found","status":404,"detail":"No stream has that name. Keys of prices match [A-Z]{2,4}."` + streams
	)
	for name, want := range map[string]string{
		"prices": prices, "prices/": prices, "prices/btc": prices, "prices/BTC/ETH": prices, "prices/.": prices, "prices/..": prices,
		"prices/B C": prices, "prices/BTCBTC": prices, "none": none, "none/BTC": none, "plain/BTC": none, "/": none, "/BTC": none, "rates/BTC": none,
	} {
		query := "stream=" + url.QueryEscape(name)
		for _, target := range []string{
			"/api/sse?" + query, "/api/sse?stream=plain&" + query, "/api/latest?" + query, "/api/streams?" + query,
		} {
			if target == "/api/streams?stream=prices" {
				continue // which tells all keys together
			}
			a, body := r.get(target)
			same(t, target, a.status, http.StatusNotFound)
			same(t, target, body, want)
		}
		stream, key, _ := strings.Cut(name, "/")
		if stream == "" || !strings.Contains(name, "/") || key == "" {
			continue
		}
		path := url.PathEscape(stream) + "/" + url.PathEscape(key)
		for _, raw := range []string{post(path, "1", authorized), poll(path, "", pollAuthorized)} {
			if strings.HasPrefix(key, ".") {
				continue // such a path has been resolved before it is routed
			}
			a, body := r.do(raw)
			same(t, path, a.status, http.StatusNotFound)
			same(t, path, body, want)
		}
	}
	// A client that resumes may have names of keys that were valid once.
	id := r.broadcastTo("plain", "1").String()
	r.broadcastTo("plain", "2")
	s := r.open("/api/sse?stream=plain,rates/BTC,prices/btc&last_event_id=" + id)
	for _, gone := range []string{"rates/BTC", "prices/btc"} {
		if e := s.next(); e.Name != "status" || !strings.Contains(string(e.Data), `"stream":"`+gone+`"`) {
			t.Errorf("got %s %s, want that %s is gone", e.Name, e.Data, gone)
		}
	}
	s.expect("plain: 2")
	// One wrong key does not cost an EventSource the other streams.
	s = r.open("/api/sse?stream=prices/btc,plain", "Accept: text/event-stream")
	if e := s.next(); e.Name != "status" || !strings.Contains(string(e.Data), `"stream":"prices/btc","state":"down"`) ||
		!strings.Contains(string(e.Data), `"error":"removed"`) {
		t.Errorf("got %s %s, want that prices/btc is gone", e.Name, e.Data)
	}
	s.expect("plain: 2")
	for _, header := range []string{"Last-Event-ID: " + id, "Accept: text/event-stream"} {
		a, body := r.get("/api/sse?stream=prices/btc", header)
		same(t, "alone, "+header, a.status, http.StatusNotFound)
		same(t, "alone, "+header, body, prices)
		for _, bad := range []string{"prices/%0aX-Evil", "prices/%22", "prices/a%5Cb", "prices%00/BTC", "pri ces/BTC"} {
			a, _ := r.get("/api/sse?stream=plain,"+strings.ReplaceAll(bad, " ", "%20"), header)
			same(t, bad+", "+header, a.status, http.StatusNotFound)
		}
	}
	// Any other client does not read a status, and learns of a mistake by a 404.
	a, _ := r.get("/api/sse?stream=plain,prices/btc", "Accept: application/x-ndjson, text/event-stream;q=0.5")
	same(t, "lines", a.status, http.StatusNotFound)
}

// A document that is published to a key makes the key exist. In a path, a key is decoded
// once.
func TestPublishToKey(t *testing.T) {
	r := newRig(t, setup{hub: keyed(t), handlers: polledKeys()})
	for path, name := range map[string]string{"42": "user/42", "a%3Ab": "user/a:b", "a%2541": "user/a%41", "a%25": "user/a%", "a+b": "user/a+b"} {
		if r.hub.HasStream(name) {
			t.Fatalf("%s exists", name)
		}
		a, body := r.do(post("user/"+path, `{"n": 1}`, authorized))
		same(t, path, a.status, http.StatusOK)
		newest, err := r.hub.Latest(name)
		if err != nil || newest == nil || !strings.Contains(body, newest.ID().String()) {
			t.Errorf("%s: %v, %v, answer %s", path, newest, err, body)
		}
	}
	a, body := r.do(post("prices/BTC", "1", authorized))
	same(t, "polled", a.status, http.StatusConflict)
	same(t, "polled", body, `{"title":"Conflict","status":409,"detail":"This stream is polled, so nobody can publish to it. `+
		`These streams take documents: plain, user/{key}.","streams":["plain","user/{key}"]}`)
	a, _ = r.do(post("user/42", "1"))
	same(t, "without a token", a.status, http.StatusUnauthorized)
}

// A client that wants a key when each of the keys has a listener is refused, and so is a
// document for such a key.
func TestTooManyKeys(t *testing.T) {
	counts := new(handlers.Counts)
	options := polledKeys()
	options.Counts = counts
	r := newRig(t, setup{hub: keyed(t), handlers: options})
	for _, key := range []string{"AA", "BB", "CC"} {
		r.open("/api/sse?stream=prices/" + key)
		r.open("/api/sse?stream=user/" + strings.ToLower(key))
	}
	r.open("/api/sse?stream=prices/DD", eventSource).expectEndOfRefusal("overloaded")
	a, body := r.get("/api/sse?stream=prices/DD")
	same(t, "without EventSource", a.status, http.StatusServiceUnavailable)
	same(t, "detail", body, `{"title":"Service Unavailable","status":503,"detail":"The server admits no new streams now: overloaded."}`)
	for _, target := range []string{"/api/latest?stream=prices/DD", "/api/latest?stream=user/dd&wait=1s"} {
		a, body = r.get(target)
		same(t, target, a.status, http.StatusServiceUnavailable)
		same(t, target, body, `{"title":"Service Unavailable","status":503,"detail":"The server admits no new keys now: overloaded."}`)
	}
	a, _ = r.do(post("user/dd", "1", authorized))
	same(t, "publish", a.status, http.StatusServiceUnavailable)
	same(t, "refused", counts.Refusals()["keys"], 5)
	r.open("/api/sse?stream=prices/AA")
	a, _ = r.do(post("user/aa", "1", authorized))
	same(t, "publish to a key that exists", a.status, http.StatusOK)
}

// A request for the newest document makes a key that is polled exist, and asks for it. A
// key that is published to does not come into being by that.
func TestLatestOfKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refreshed atomic.Int64
		options := polledKeys()
		options.Refresh = func(name string) {
			if name == "prices/BTC" {
				refreshed.Add(1)
			}
		}
		r := newRig(t, setup{listener: hubtest.NewPipeListener(), hub: keyed(t), handlers: options})
		defer r.stop()
		a, body := r.get("/api/latest?stream=prices/BTC")
		same(t, "first", a.status, http.StatusServiceUnavailable)
		same(t, "first", body, `{"title":"Service Unavailable","status":503,"detail":"The stream has no document yet."}`)
		same(t, "Retry-After", a.header.Get("Retry-After"), "1")
		same(t, "exists", r.hub.HasStream("prices/BTC"), true)
		same(t, "asked", refreshed.Load(), 1)
		wait := r.wait(t, "/api/latest?stream=prices/BTC&wait=30s")
		r.broadcastTo("prices/BTC", "1")
		wait.expect(200, "1", 0)
		_, body = r.get("/api/latest?stream=prices/BTC")
		same(t, "newest", body, "1")

		a, _ = r.get("/api/latest?stream=user/42")
		same(t, "published to", a.status, http.StatusServiceUnavailable)
		same(t, "exists", r.hub.HasStream("user/42"), false)
		a, _ = r.do(request("HEAD", "/api/latest?stream=user/42&wait=30s"))
		same(t, "HEAD", a.status, http.StatusServiceUnavailable)
		wait = r.wait(t, "/api/latest?stream=user/42&wait=30s")
		r.broadcastTo("user/42", "2")
		wait.expect(200, "2", 0)
	})
}

// The list of streams has one entry for all keys of a stream, and that of a key on
// request.
func TestStreamsWithKeys(t *testing.T) {
	options := polledKeys()
	options.Upstreams = func() []hub.Upstream {
		return []hub.Upstream{{Name: "prices", Every: time.Second, Polls: 7, Absent: 5, Status: hub.Status{State: hub.Stale}}}
	}
	options.UpstreamOf = func(name string) (hub.Upstream, bool) {
		return map[string]hub.Upstream{
			"prices":     {Name: "prices", Every: time.Second, Polls: 7, Absent: 5, Status: hub.Status{State: hub.Stale}},
			"prices/BTC": {Name: "prices/BTC", Every: time.Second, Polls: 3, Status: hub.Status{State: hub.Down, Error: "http_404"}},
		}[name], strings.HasPrefix(name, "prices")
	}
	r := newRig(t, setup{hub: keyed(t), handlers: options})
	r.open("/api/sse?stream=prices/BTC")
	r.open("/api/sse?stream=prices/BTC,prices/ETH")
	r.get("/api/latest?stream=prices/LTC")
	newest := r.broadcastTo("prices/BTC", "1").String()
	const entry = `{"name":"%s","state":"%s","since":null,"every":%s,"clients":%d,"events":%d,"lastEventId":%s,"lastSuccess":null,"nextPoll":null,` +
		`"requests":%d,"failures":0,"error":%s,"age":null,"requestsSaved":0,"idle":false,"waiting":%t,"notBefore":null,"notBeforeReason":null%s}`
	plain := fmt.Sprintf(entry, "plain", "live", "null", 0, 0, "null", 0, "null", false, "")
	prices := fmt.Sprintf(entry, "prices", "stale", `"1s"`, 3, 1, `"`+newest+`"`, 7, "null", true,
		`,"keys":{"match":"[A-Z]{2,4}","max":3,"count":3,"watched":2,"absent":5}`)
	user := fmt.Sprintf(entry, "user", "live", "null", 0, 0, "null", 0, "null", false,
		`,"keys":{"match":"[0-9:%+a-z.-]{1,12}","max":3,"count":0,"watched":0,"absent":0}`)
	btc := fmt.Sprintf(entry, "prices/BTC", "down", `"1s"`, 2, 1, `"`+newest+`"`, 3, `"http_404"`, true, "")
	for query, want := range map[string]string{
		"": plain + "," + prices + "," + user, "?stream=plain": plain, "?stream=prices": prices, "?stream=user": user,
		"?stream=prices/BTC": btc, "?stream=prices%2FBTC&stream=prices/BTC": btc,
	} {
		a, body := r.get("/api/streams" + query)
		same(t, query, a.status, http.StatusOK)
		same(t, query, body, `{"streams":[`+want+`]}`)
	}
	a, body := r.get("/api/streams?stream=prices/XRP")
	same(t, "nobody listens", a.status, http.StatusNotFound)
	same(t, "nobody listens", body,
		`{"title":"Not Found","status":404,"detail":"Nobody listens to that key now.","streams":["plain","prices/{key}","user/{key}"]}`)
	same(t, "exists", r.hub.HasStream("prices/XRP"), false)
}

// A poll by request is that of the key, and the keys of a stream share one rate.
func TestPollOfKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Value
		options := polledKeys()
		options.PollNow = func(name string) (time.Time, error) {
			asked.Store(name)
			return time.Time{}, nil
		}
		options.PollAuth = func(string) handlers.PollAuth {
			return handlers.PollAuth{Bearer: auth.NewBearer(pollToken)}
		}
		r := newRig(t, setup{listener: hubtest.NewPipeListener(), hub: keyed(t), handlers: options})
		defer r.stop()
		a, body := r.do(poll("prices/BTC", "", pollAuthorized))
		same(t, "status", a.status, http.StatusAccepted)
		same(t, "body", body, `{"stream":"prices/BTC","nextPoll":null}`)
		same(t, "asked", asked.Load(), any("prices/BTC"))
		for i, want := range []int{202, 202, 202, 202, 429} {
			a, _ = r.do(poll(fmt.Sprintf("prices/%cA", 'B'+i), "", pollAuthorized))
			same(t, "status", a.status, want)
		}
		a, _ = r.do(poll("prices/BTC", "", "Authorization: Bearer wrong"))
		same(t, "wrong token", a.status, http.StatusUnauthorized)
	})
}

// Attack: a crawler that asks for one key after the other. It gets as many as its address
// may, and others are not affected.
func TestNewKeysAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counts := new(handlers.Counts)
		options := polledKeys()
		options.Counts, options.NewKeysPerSecond = counts, 20
		options.TrustedProxies = behindProxy(counts).TrustedProxies
		r := newRig(t, setup{listener: hubtest.NewPipeListener(), wrap: fromProxy, handlers: options, hub: hub.Options{Streams: []hub.StreamOptions{
			{Name: "prices", Keys: &hub.KeyOptions{Match: pattern(t, "[0-9]+"), Max: 1 << 20}},
			{Name: "user", Keys: &hub.KeyOptions{Match: pattern(t, "[0-9]+"), Pushed: true}},
		}}})
		defer r.stop()
		asked := 0
		crawl := func(address string, n int) (admitted int) {
			for range n {
				asked++
				a, _ := r.do(request("HEAD", fmt.Sprint("/api/sse?stream=prices/", asked), "X-Forwarded-For: "+address))
				if a.status == http.StatusOK {
					admitted++
				}
			}
			return admitted
		}
		same(t, "burst", crawl("198.51.100.1", 300), 200)
		same(t, "another address", crawl("198.51.100.2", 150), 150)
		time.Sleep(time.Second)
		same(t, "a second later", crawl("198.51.100.1", 50), 20)
		same(t, "refused", counts.Refusals()["keys"], 130)
		same(t, "told", len(r.told("client refused because of its address")), 1)
		same(t, "a network of IPv6", crawl("2001:db8::1", 150)+crawl("2001:db8::2:3:4:5", 100), 200)
		same(t, "another network", crawl("2001:db8:0:1::1", 100), 100)

		// What exists costs nothing, and neither does what nothing comes of.
		for range 30 {
			a, _ := r.get("/api/latest?stream=prices/1", "X-Forwarded-For: 198.51.100.1")
			same(t, "known", a.status, http.StatusServiceUnavailable)
			a, _ = r.get("/api/latest?stream=user/1", "X-Forwarded-For: 198.51.100.1")
			same(t, "published to", a.status, http.StatusServiceUnavailable)
			same(t, "unknown", r.hub.HasStream("user/1"), false)
			a, _ = r.get("/api/sse?stream=prices/x", "X-Forwarded-For: 198.51.100.1")
			same(t, "invalid", a.status, http.StatusNotFound)
		}
		same(t, "refused", counts.Refusals()["keys"], 180)
		a, body := r.get("/api/latest?stream=prices/0", "X-Forwarded-For: 198.51.100.1")
		same(t, "new", a.status, http.StatusServiceUnavailable)
		same(t, "new", body, `{"title":"Service Unavailable","status":503,"detail":"The server admits no new keys now: overloaded."}`)
		r.open("/api/sse?stream=prices/0", eventSource, "X-Forwarded-For: 198.51.100.1").expectEndOfRefusal("overloaded")
		for range 58 {
			time.Sleep(time.Second)
			crawl("198.51.100.1", 21)
		}
		same(t, "told", len(r.told("client refused because of its address")), 1)
		time.Sleep(time.Second)
		crawl("198.51.100.1", 40)
		same(t, "told", len(r.told("client refused because of its address")), 2)
	})
}

// A connection can have as many new keys as it can have streams, whatever the rate.
func TestNewKeysOfOneConnection(t *testing.T) {
	options := polledKeys()
	options.NewKeysPerSecond = 1
	r := newRig(t, setup{handlers: options, hub: hub.Options{Streams: []hub.StreamOptions{
		{Name: "prices", Keys: &hub.KeyOptions{Match: pattern(t, "[0-9]+")}},
	}}})
	var names []string
	for i := range hub.MaxStreamsPerSubscription {
		names = append(names, fmt.Sprint("prices/", i))
	}
	r.open("/api/sse?stream=" + strings.Join(names, ","))
	a, _ := r.get("/api/sse?stream=prices/1000")
	same(t, "one more", a.status, http.StatusServiceUnavailable)
}

// Attack: keys in logs and headers (CWE-117). A key appears there only with characters
// that need no escape, and a name that no stream has does not appear at all.
func TestKeysInLogsAndHeaders(t *testing.T) {
	options := polledKeys()
	options.PollNow = func(string) (time.Time, error) { return time.Time{}, nil }
	options.PollAuth = func(string) handlers.PollAuth { return handlers.PollAuth{Bearer: auth.NewBearer(pollToken)} }
	r := newRig(t, setup{handlers: options, hub: hub.Options{Streams: []hub.StreamOptions{
		{Name: "user", Keys: &hub.KeyOptions{Match: pattern(t, "(?s).+"), Pushed: true}}, // which takes everything
	}}})
	for _, evil := range []string{
		"evil\r\nX-Evil: yes", "evil\nlevel=ERROR", "evil\x00", "evil\x1b[2J", "evil\u2028", "evil\u202e", "evil \"quoted\"", "evil\\", "evil/evil", "\xffevil",
	} {
		query, path := url.QueryEscape("user/"+evil), "user/"+url.PathEscape(evil)
		for _, raw := range []string{
			request("GET", "/api/sse?limit=1&stream="+query), request("GET", "/api/latest?stream="+query), request("GET", "/api/streams?stream="+query),
			request("GET", "/api/sse?limit=1&stream="+query+"&fresh="+query+"&last_event_id=x"),
			post(path, "1", authorized), post(path, "1"), poll(path, "", pollAuthorized), poll(path, ""),
		} {
			a, body := r.do(raw)
			if strings.Contains(a.head(t)+body, "evil") {
				t.Errorf("%q is in the answer to %s", evil, raw)
			}
		}
	}
	if r.log.Contains("evil") {
		t.Errorf("the log holds a key that no pattern matches:\n%s", r.log)
	}
	a, _ := r.do(post("user/%7Efine%25%27()", "1", authorized))
	same(t, "status", a.status, http.StatusOK)
	same(t, "stream", r.told("published")[0]["stream"], any("user/~fine%'()"))
}
