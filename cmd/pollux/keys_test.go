package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// keyedUpstream has a document for each key, which counts how often the key was asked
// for. It does not have keys that begin with X.
//
//	/price/{key}           of one key, and 404 for a key that it does not have
//	/quotes?symbols=A,B    of several keys, without those that it does not have
type keyedUpstream struct {
	url string

	mu      sync.Mutex
	asked   map[string]int
	flying  map[string]bool
	largest int      // number of keys in one request
	wrong   []string // requests that must not be
}

func startKeyedUpstream(t *testing.T) *keyedUpstream {
	t.Helper()
	u := &keyedUpstream{asked: make(map[string]int), flying: make(map[string]bool)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /price/{key}", func(w http.ResponseWriter, r *http.Request) {
		document := u.documents(r.PathValue("key"))
		if len(document) == 0 {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, document[0])
	})
	mux.HandleFunc("GET /quotes", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"quotes": [%s]}`, strings.Join(u.documents(strings.Split(r.URL.Query().Get("symbols"), ",")...), ", "))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Close()
		if len(u.wrong) > 0 {
			t.Errorf("requests for keys that were being asked for: %q", u.wrong)
		}
	})
	u.url = server.URL
	return u
}

// documents returns what there is of these keys.
func (u *keyedUpstream) documents(keys ...string) (all []string) {
	u.mu.Lock()
	u.largest = max(u.largest, len(keys))
	for _, key := range keys {
		u.asked[key]++
		if u.flying[key] {
			u.wrong = append(u.wrong, key)
		}
		u.flying[key] = true
		if !strings.HasPrefix(key, "X") {
			all = append(all, price(key, u.asked[key]))
		}
	}
	u.mu.Unlock()
	time.Sleep(time.Millisecond)
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, key := range keys {
		delete(u.flying, key)
	}
	return all
}

// price is the document of a key that was asked for n times.
func price(key string, n int) string { return fmt.Sprintf(`{"n":%d,"of":%q}`, n, key) }

// counts returns how often each key was asked for.
func (u *keyedUpstream) counts() map[string]int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.asked)
}

// keysNow returns what /api/streams tells of the keys of a stream.
func keysNow(t *testing.T, url, stream string) (count, watched, absent int) {
	t.Helper()
	var list struct {
		Streams []struct {
			Keys struct{ Count, Watched, Absent int } `json:"keys"`
		} `json:"streams"`
	}
	if err := json.Unmarshal([]byte(getOK(t, url+"/api/streams?stream="+stream)), &list); err != nil {
		t.Fatal(err)
	}
	keys := list.Streams[0].Keys
	return keys.Count, keys.Watched, keys.Absent
}

// keysConfiguration is a configuration with more settings at the top.
func keysConfiguration(top string, streams ...string) string {
	return top + "\n" + configuration(streams...)
}

// A key is asked for while somebody listens to it and some time longer, and no other key
// is. The first listener has its document at once, and so has each one after it.
func TestWatchedKeysArePolled(t *testing.T) {
	t.Parallel()
	const (
		brisk  = "every: 1s"
		late   = "timeout: 950ms" // a poll that a busy machine does not end in time is asked for, and not heard
		linger = "linger: 1s"
	)
	u, once, clock := startKeyedUpstream(t), startKeyedUpstream(t), startUpstream(t, nil, counting)
	p := startProcess(t, builtBinary(t), configuration(
		entry("clock", clock.url(), "headers: {X-Api-Key: "+secret+"}", "every: 100ms"),
		entry("prices", u.url+"/price/{key}", brisk, late, linger, `keys: {match: "[A-Z]{1,9}"}`),
		entry("rare", once.url+"/price/{key}", "every: 1h", linger, `keys: {match: "[A-Z]{1,9}"}`),
	))
	tick := func() {
		t.Helper()
		asked := func() int { n, _, _ := clock.counted(); return n }
		before := asked()
		eventually(t, "the clock ticks", func() bool { return asked() >= before+30 })
	}
	t.Run("somebody listens", func(t *testing.T) {
		r := startReader(t, p.url+"/api/sse?stream=rare/A")
		r.expect(t, price("A", 1))
		startReader(t, p.url+"/api/sse?stream=rare%2FA").expect(t, price("A", 1))
		startReader(t, p.url+"/api/sse?stream=rare/A,rare/B").expectAnyOrder(t, "rare/A "+price("A", 1), "rare/B "+price("B", 1))
		r.expectNoMore(t)

		a := startReader(t, p.url+"/api/sse?stream=prices/A")
		startReader(t, p.url+"/api/sse?stream=prices/B,prices/C")
		for n := range 5 {
			a.expect(t, price("A", n+1))
		}
		if count, watched, _ := keysNow(t, p.url, "prices"); count != 3 || watched != 3 {
			t.Errorf("%d keys, of which %d have listeners, want 3", count, watched)
		}
		if asked := u.counts(); !slices.Equal(slices.Sorted(maps.Keys(asked)), []string{"A", "B", "C"}) {
			t.Errorf("asked for %v", asked)
		}
		metrics := getOK(t, p.admin+"/metrics")
		for _, want := range []string{
			`pollux_keys{stream="prices"} 3`, `pollux_keys_watched{stream="prices"} 3`, `pollux_keys_ended_total{reason="idle",stream="prices"} 0`,
		} {
			if !strings.Contains(metrics, want+"\n") {
				t.Errorf("no %s in the metrics", want)
			}
		}
		if strings.Contains(metrics, "prices/") {
			t.Error("the metrics name keys")
		}
	}) // and leaves
	eventually(t, "the last listener is outlived", func() bool {
		count, _, _ := keysNow(t, p.url, "prices")
		return count == 0
	})
	asked := u.counts()
	tick()
	if now := u.counts(); !maps.Equal(now, asked) {
		t.Errorf("nobody listens, and keys were asked for: %v and then %v", asked, now)
	}

	// A request for the newest document makes a key exist as well.
	status, _ := request(t, http.MethodGet, p.url+"/api/latest?stream=prices/D")
	if status != http.StatusServiceUnavailable && status != http.StatusOK {
		t.Errorf("the newest document of a new key: %d", status)
	}
	if got := getOK(t, p.url+"/api/latest?stream=rare/E&wait=30s"); got != price("E", 1) {
		t.Errorf("the newest document of another one: %s", got)
	}
	eventually(t, "D has a document", func() bool {
		status, body := request(t, http.MethodGet, p.url+"/api/latest?stream=prices/D")
		return status == http.StatusOK && strings.HasSuffix(body, `"of":"D"}`)
	})
	eventually(t, "nobody asks for D any more", func() bool {
		count, _, _ := keysNow(t, p.url, "prices")
		return count == 0
	})

	// What does not match is no stream, and nobody is asked for it.
	for _, name := range []string{"prices/a", "prices/", "prices", "prices/A/B", "prices/AAAAAAAAAA"} {
		status, body := request(t, http.MethodGet, p.url+"/api/sse?stream="+name)
		if status != http.StatusNotFound || !strings.Contains(body, "Keys of prices match [A-Z]{1,9}.") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if asked := u.counts(); asked["a"]+asked[""]+asked["A/B"]+asked["AAAAAAAAAA"] != 0 {
		t.Errorf("asked for %v", asked)
	}
	p.stop(t)
}

// One request asks for several keys. What the upstream does not have is told.
func TestKeysInBatches(t *testing.T) {
	t.Parallel()
	u := startKeyedUpstream(t)
	p := startProcess(t, builtBinary(t), configuration(
		entry("quotes", u.url+"/quotes?symbols={keys}", "every: 1s", "timeout: 900ms", `keys: {match: "[A-Z]", batch: 4, split: ".quotes[] | {key: .of, value: .}"}`),
		entry("prices", u.url+"/price/{key}", "every: 1s", "timeout: 900ms", `keys: {match: "X[A-Z]", absent: 1h}`),
	))
	var readers []*reader
	var names []string
	for key := range strings.SplitSeq("ABCDEFGHI", "") {
		names = append(names, "quotes/"+key)
		readers = append(readers, startReader(t, p.url+"/api/sse?stream=quotes/"+key))
	}
	all := startReader(t, p.url+"/api/sse?stream="+strings.Join(names, ","))
	for i, r := range readers {
		key := strings.TrimPrefix(names[i], "quotes/")
		for n := range 3 {
			r.expectSoon(t, price(key, n+1))
		}
	}
	eventually(t, "a client of all of them hears of each", func() bool {
		heard, _ := all.all()
		return len(heard) >= 3*len(names)
	})
	u.mu.Lock()
	if u.largest > 4 {
		t.Errorf("%d keys in one request", u.largest)
	}
	u.mu.Unlock()

	startReader(t, p.url+"/api/sse?stream=quotes/X").expect(t, "status down no_document")
	absent := startReader(t, p.url+"/api/sse?stream=prices/XA")
	absent.expect(t, "status down http_404")
	eventually(t, "the others go on", func() bool { return u.counts()["A"] > 6 })
	absent.expectNoMore(t)
	if n := u.counts()["XA"]; n != 1 {
		t.Errorf("a key that the upstream does not have was asked for %d times", n)
	}
	if _, _, count := keysNow(t, p.url, "prices"); count != 1 {
		t.Errorf("%d keys are absent, want 1", count)
	}
	var list struct{ Streams []streamState }
	if err := json.Unmarshal([]byte(getOK(t, p.url+"/api/streams?stream=prices/XA")), &list); err != nil {
		t.Fatal(err)
	}
	if s := list.Streams[0]; s.Name != "prices/XA" || s.State != "down" || s.Error != "http_404" || s.Clients != 1 {
		t.Errorf("the key by itself: %+v", s)
	}
	p.stop(t)
}

// Attack: a crawler that asks for one key after the other costs a bounded number of
// requests to the upstream, and those who listen already notice nothing.
func TestCrawlerOfKeys(t *testing.T) {
	t.Parallel()
	const (
		listeners = 20
		crawled   = 2000
		burst     = 100 // of new_keys_per_second: 1
	)
	u := startKeyedUpstream(t)
	p := startProcess(t, builtBinary(t), keysConfiguration("trusted_proxies: [127.0.0.1]\nnew_keys_per_second: 1\n",
		entry("prices", u.url+"/price/{key}", "every: 2s", "timeout: 1900ms", "linger: 1s", `keys: {match: "[A-Z]{1,9}|[0-9]{1,9}", max: 150}`)))
	var readers []*reader
	key := func(i int) string { return string(rune('A' + i)) }
	for i := range listeners {
		readers = append(readers, startReader(t, p.url+"/api/sse?stream=prices/"+key(i)))
	}
	for i, r := range readers {
		r.expectSoon(t, price(key(i), 1))
	}
	begin := time.Now()
	refused := 0
	crawler := &http.Client{Timeout: longEnough}
	for i := range crawled {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprint(p.url, "/api/latest?stream=prices/", i), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-For", "203.0.113.9")
		resp, err := crawler.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if strings.Contains(string(body), "new keys") {
			refused++
		}
	}
	most := burst + int(time.Since(begin)/time.Second) + 1
	if refused < crawled-most {
		t.Errorf("of %d new keys %d were refused", crawled, refused)
	}
	asked := 0
	for key := range u.counts() {
		if key >= "0" && key <= "9999999999" {
			asked++
		}
	}
	if asked > most {
		t.Errorf("the upstream was asked for %d of the crawled keys, want at most %d", asked, most)
	}
	if count, watched, _ := keysNow(t, p.url, "prices"); count > 150 || watched != listeners {
		t.Errorf("%d keys, of which %d have listeners", count, watched)
	}
	if !strings.Contains(p.log.String(), "client refused because of its address") {
		t.Error("the log does not say so")
	}
	for i, r := range readers {
		for n := range 5 {
			r.expect(t, price(key(i), n+2))
		}
	}
	p.stop(t)
}

// A key that is published to exists from its first document or client on, until nobody
// has published or listened for some time.
func TestPublishedKeys(t *testing.T) {
	t.Parallel()
	p := startProcess(t, builtBinary(t), keysConfiguration("publish_token: thyme",
		"  - {name: user, push: true, history: 3, keys: {match: '[0-9]{1,12}', idle: 5s}}\n"))
	publish := func(key, document string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/api/streams/user/"+key+"/events", strings.NewReader(document))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer thyme")
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("publish to %s: %s %s %v", key, resp.Status, body, err)
		}
	}
	early := startReader(t, p.url+"/api/sse?stream=user/42") // which has no document yet
	both := startReader(t, p.url+"/api/sse?stream=user/42,user/7")
	eventually(t, "the keys exist", func() bool { count, _, _ := keysNow(t, p.url, "user"); return count == 2 })
	publish("42", `"a"`)
	publish("7", `"b"`)
	publish("42", `"c"`)
	publish("1", `"d"`) // to which nobody listens
	early.expect(t, `"a"`, `"c"`)
	both.expect(t, `user/42 "a"`, `user/7 "b"`, `user/42 "c"`)
	if got := getOK(t, p.url+"/api/latest?stream=user/1"); got != `"d"` {
		t.Errorf("the newest document of a key without a client: %s", got)
	}
	eventually(t, "it ends", func() bool {
		status, _ := request(t, http.MethodGet, p.url+"/api/latest?stream=user/1")
		return status == http.StatusServiceUnavailable
	})
	if count, watched, _ := keysNow(t, p.url, "user"); count != 2 || watched != 2 {
		t.Errorf("%d keys, of which %d have listeners, want those two", count, watched)
	}
	if status, body := request(t, http.MethodGet, p.url+"/api/sse?stream=user/x"); status != http.StatusNotFound || !strings.Contains(body, "[0-9]{1,12}") {
		t.Errorf("a key that does not match: %d %s", status, body)
	}
	publish("42", `"e"`)
	early.expect(t, `"e"`)
	both.expect(t, `user/42 "e"`)
	p.stop(t)
	early.expectEnd(t)
	both.expectEnd(t)
}
