package main

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// What /metrics counts, against what was done to the running program.

// polledOnce is an upstream for two polls of each of its paths, which say what they answer.
// Of /lost the second request is lost with its connection, which was kept, and comes again.
func polledOnce(t *testing.T) (url string) {
	t.Helper()
	answers := map[string][]string{
		"/polled":  {`{"n":1}`, "304"},
		"/failing": {"500", `{"n":1}`},
		"/same":    {`{"n":1}`, `{ "n":1}`},
		"/lost":    {`{"n":2}`, "lost", `{"n":3}`},
		"/html":    {`{"n":1}`, "<html>"},
	}
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		answer := answers[r.URL.Path][0]
		answers[r.URL.Path] = answers[r.URL.Path][1:]
		mu.Unlock()
		w.Header().Set("ETag", `"x"`)
		switch answer {
		case "304", "500":
			status, _ := strconv.Atoi(answer)
			w.WriteHeader(status)
		case "lost":
			panic(http.ErrAbortHandler)
		default:
			_, _ = io.WriteString(w, answer)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Each metric of the program has a case here, or in a file that elsewhere names. The cases
// run at the same time, because some of them wait for time limits of the program.
func TestCountersOfTheProgram(t *testing.T) {
	expectNoLeak(t)
	var shown cases
	var ran atomic.Int32
	all := map[string]func(*testing.T, *cases){
		"clients and polls": countersOfClients, "ends": countersOfEnds, "connections": countersOfConnections,
		"documents left out": countersOfDocuments, "keys": countersOfKeys, "held memory": countersOfHeldMemory,
		"a leaf": countersOfLeaf, "a store": countersOfStore,
	}
	t.Run("of", func(t *testing.T) {
		for name, test := range all {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				ran.Add(1)
				test(t, &shown)
			})
		}
	})
	if int(ran.Load()) < len(all) {
		return // somebody wants to see one of them
	}
	const inNatslog, inMetrics = "../../hub/natslog/counters_test.go", "../../handlers/metrics/metrics_test.go"
	elsewhere := map[string]string{
		"certificate_remaining_seconds": "../../tls_test.go", "issuer_fetches_total": "../../keysfrom_test.go", "poll_hidden_changes_total": "hidden_test.go", "log_dropped_total": "standarderror_test.go",
		"store_conflicts_total": inNatslog, "store_lag": inNatslog, "store_missing_total": inNatslog, "store_skipped_total": inNatslog, "store_rebuilds_total": inNatslog,
		"poll_dropped_ticks_total": inMetrics, "poll_late_ticks_total": inMetrics,
		"nodes": inMetrics, "leases": inMetrics, "leases_taken_total": inMetrics, "leases_released_total": inMetrics,
		"leases_lost_total": inMetrics, "lease_failures_total": inMetrics, "step_downs_total": inMetrics,
		"store_superseded_total": inMetrics, "settings_differ": inMetrics,
	}
	for metric, file := range elsewhere {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), strings.TrimSuffix(metric, "_total")) {
			shown.add(metric)
		}
	}
	declared, err := os.ReadFile("../../handlers/metrics/metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`= describe\("([a-z_]+)"`).FindAllStringSubmatch(string(declared), -1)
	if len(names) < 30 {
		t.Errorf("found the metrics %q", names)
	}
	for _, name := range names {
		if !shown.seen[name[1]] {
			t.Errorf("pollux_%s has no case", name[1])
		}
	}
}

func countersOfClients(t *testing.T, shown *cases) {
	upstream, other := polledOnce(t), polledOnce(t)
	polled := []struct{ name, first, second string }{
		{"polled", "ok", "unchanged"}, {"failing", "http_500", "ok"}, {"same", "ok", "unchanged"}, {"lost", "ok", "ok"}, {"html", "ok", "invalid_json"},
	}
	config := `listen: 127.0.0.1:0
drain: 8s
heartbeat: 1h
write_timeout: 1m
publish_token: thyme
max_clients: 20
max_views: 4
buffer: 2
streams:
  - {name: news, push: true}
  - {name: short, push: true, history: 2}
  - {name: secret, url: "http://169.254.169.254/", every: 24h}
`
	for _, one := range polled {
		url := upstream
		if one.name == "lost" { // whose connection no other stream shares
			url = other
		}
		config += fmt.Sprintf("  - {name: %s, url: '%s/%[1]s', every: 24h, timeout: 1m, poll_token: rosemary, poll_secret: sage}\n", one.name, url)
	}
	const more = "  - {name: gone, push: true}\n"
	c := shown.start(t, 2, config+more)
	position := func() string { return c.program.Hub().Position().String() }
	want := samples{
		"accept_errors_total": 2,
		`poll_requests_total{result="forbidden_address",stream="secret"}`: 1,
		`poll_refused_addresses_total{stream="secret"}`:                   1,
		`poll_duration_seconds_count{stream="secret"}`:                    1,
		"events_published_total":                                          4,
	}
	for _, one := range polled {
		want[`poll_requests_total{result="`+one.first+`",stream="`+one.name+`"}`] = 1
		want[`poll_duration_seconds_count{stream="`+one.name+`"}`] = 1
	}
	published := func(stream, document string) {
		t.Helper()
		c.publish(t, stream, document)
		want["events_published_total"]++
	}
	// ended takes over what came to a stream that has ended.
	ended := func(one *caller, reason string) {
		t.Helper()
		want["deliveries_total"] += one.events
		want["bytes_sent_total"] += float64(one.bytes.Load())
		want[`disconnects_total{reason="`+reason+`"}`]++
	}
	for name := range want {
		c.await(t, name, want[name])
	}
	c.expect(t, want)

	// Clients that resume.
	published("news", "1")
	first := position()
	published("news", "2")
	published("short", "1")
	short := position()
	for range 3 {
		published("short", "2")
	}
	epoch, _, _ := strings.Cut(first, "-")
	for _, resume := range []struct{ result, query, id string }{
		{"ok", "stream=news&limit=1", first},
		{"evicted", "stream=short&limit=1", short},
		{"epoch", "stream=news&limit=1", "0" + epoch[1:] + "x-1"},
		{"ahead", "stream=news&limit=1", epoch + "-1000000"},
		{"invalid", "stream=news&limit=1", "nonsense"},
	} {
		one := c.open(t, resume.query, "Last-Event-ID: "+resume.id+"\r\n")
		one.rest(t)
		ended(one, "limit")
		want[`resumes_total{result="`+resume.result+`"}`]++
		if resume.result != "ok" {
			want[`resets_total{reason="`+resume.result+`"}`]++
		}
	}
	one := c.open(t, "stream=short&since=1h&limit=2") // which is told of a reset, and does not resume
	want[`resets_total{reason="evicted"}`]++
	one.rest(t)
	ended(one, "limit")
	for range 300 { // more than a portion
		published("news", "3")
	}
	one = c.open(t, "stream=news&limit=301", "Last-Event-ID: "+first+"\r\n")
	one.rest(t)
	ended(one, "limit")
	want[`resumes_total{result="ok"}`]++
	for name := range want {
		c.await(t, name, want[name])
	}
	c.expect(t, want)

	// Clients that are slow, and go on.
	for _, stream := range []string{"news", "short"} {
		published(stream, `"before"`)
		slow := c.open(t, "stream="+stream)
		slow.until(t, `"before"`)
		for range 20 {
			published(stream, `"`+strings.Repeat("x", 300_000)+`"`)
		}
		published(stream, `"behind"`)
		slow.until(t, `"behind"`)
		slow.leave(t)
		ended(slow, "gone")
		want["resubscriptions_total"]++
	}
	want["losses_total"] = 1
	want[`resets_total{reason="evicted"}`]++

	// A stream that is removed.
	only, others := c.open(t, "stream=gone"), c.open(t, "stream=gone,news")
	want["clients"] = 2
	c.await(t, "clients", 2)
	c.configure(t, config)
	c.hangups <- syscall.SIGHUP
	only.rest(t)
	ended(only, "removed")
	others.leave(t)
	ended(others, "gone")
	delete(want, "clients")
	for name := range want {
		c.await(t, name, want[name])
	}
	c.await(t, "clients", 0)
	c.expect(t, want)

	// Callers without the right token or signature, and publishing where nobody can.
	for range 3 {
		c.post(t, "/api/streams/news/events", "1")
	}
	c.post(t, "/api/streams/polled/poll", "1", "Authorization: Bearer thyme\r\n")
	c.post(t, "/api/streams/polled/poll", "1")
	c.post(t, "/api/streams/polled/poll", "1", "X-Hub-Signature-256: sha256="+strings.Repeat("0", 64)+"\r\n")
	c.post(t, "/api/streams/polled/events", "1", "Authorization: Bearer thyme\r\n")
	want[`auth_failures_total{kind="publish"}`] = 3
	want[`auth_failures_total{kind="poll"}`] = 2
	want[`auth_failures_total{kind="signature"}`] = 1

	// Polls, all at once, because each stream has a pause between two.
	for _, one := range polled {
		if status := c.post(t, "/api/streams/"+one.name+"/poll", "1", "Authorization: Bearer rosemary\r\n"); status != http.StatusAccepted {
			t.Fatalf("polling now: %d", status)
		}
		want[`poll_requests_total{result="`+one.second+`",stream="`+one.name+`"}`]++
		want[`poll_duration_seconds_count{stream="`+one.name+`"}`]++
	}
	for _, one := range polled {
		c.await(t, `poll_duration_seconds_count{stream="`+one.name+`"}`, 2)
	}
	want["events_published_total"] += 2
	want[`poll_retries_total{stream="lost"}`] = 1
	c.expect(t, want)
	c.await(t, `history_events{stream="short"}`, 2)
	for _, name := range []string{`stream_age_seconds{stream="polled"}`, `history_bytes{stream="short"}`} {
		c.awaitAny(t, name)
	}
	for name, value := range c.metrics(t) {
		if strings.HasPrefix(name, "build_info{") && value == 1 {
			shown.add(name)
		}
	}

	// Connections that are no client's, a view, and as many clients as there may be.
	var idle []*caller
	for range 3 {
		one := c.dial(t)
		one.say(t, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
		one.answer(t)
		idle = append(idle, one)
	}
	open := []*caller{c.open(t, "stream=news&fields=/a")}
	open[0].answer(t)
	for _, header := range []string{"", eventSource} {
		refused := c.open(t, "stream=news&fields=/b", header)
		refused.rest(t)
	}
	waiting := c.dial(t)
	waiting.say(t, "GET /api/latest?stream=news&wait=60s&after="+newest(t, c, "news")+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	published("short", "4") // which makes no difference to it
	c.await(t, "clients", 2)
	for len(open) < 19 {
		one := c.open(t, "stream=news")
		one.answer(t)
		open = append(open, one)
	}
	for _, header := range []string{"", eventSource} {
		refused := c.open(t, "stream=news", header)
		refused.rest(t)
	}
	refused := c.dial(t)
	refused.say(t, "GET /api/latest?stream=polled&wait=60s&after=x HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if status := refused.answer(t); status != http.StatusOK {
		t.Errorf("somebody who has nothing to wait for: %d", status)
	}
	refused.Close()
	latest := c.dial(t)
	latest.say(t, "GET /api/latest?stream=news&wait=60s&after="+newest(t, c, "news")+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if status := latest.answer(t); status != http.StatusServiceUnavailable {
		t.Errorf("somebody who wants to wait: %d", status)
	}
	maps.Copy(want, samples{
		"connections": 3, "clients": 20, "views": 1,
		`refusals_total{reason="address_views"}`: 2, `refusals_total{reason="clients"}`: 3,
	})
	c.await(t, "connections", 3)
	c.await(t, `connections_by_state{state="idle"}`, 3)
	c.awaitAny(t, "publish_to_write_seconds_count")
	got := c.metrics(t)
	for _, name := range []string{"connections", "clients", "views", `refusals_total{reason="address_views"}`, `refusals_total{reason="clients"}`} {
		if got[name] != want[name] {
			t.Errorf("%s is %v, want %v", name, got[name], want[name])
		}
		shown.add(name)
	}
	for _, one := range idle {
		one.Close()
	}
	c.await(t, "connections", 0)

	// The end. Nobody is let in, and clients that wait are told.
	c.end()
	eventually(t, "the drain has begun", func() bool { return c.ask(t, "/readyz").Code == http.StatusServiceUnavailable })
	for _, header := range []string{"", eventSource} {
		refused := c.open(t, "stream=news", header)
		refused.rest(t)
	}
	if status := waiting.answer(t); status != http.StatusServiceUnavailable {
		t.Errorf("somebody who waits at the end: %d", status)
	}
	want[`refusals_total{reason="draining"}`] = 3
	// Streams end at random moments of eight seconds. Enough is known when one has: a
	// reload ends the others.
	const drained, removed = `disconnects_total{reason="drain"}`, `disconnects_total{reason="removed"}`
	c.awaitAny(t, drained)
	c.configure(t, strings.Replace(config, "  - {name: news, push: true}\n", "", 1))
	if _, err := c.program.reload(); err != nil {
		t.Fatal(err)
	}
	for _, one := range open {
		one.rest(t)
		ended(one, "drain")
	}
	if err := <-c.ended; err != nil {
		t.Error(err)
	}
	for _, name := range []string{"connections", "clients", "views"} {
		delete(want, name)
	}
	hurried := c.metrics(t)[removed] - want[removed]
	want[drained] -= hurried
	want[removed] += hurried
	c.expect(t, want)
}

// newest returns the ID of the newest document of a stream.
func newest(t *testing.T, c *counted, stream string) string {
	t.Helper()
	event, err := c.program.Hub().Latest(stream)
	if err != nil {
		t.Fatal(err)
	}
	return event.ID().String()
}

// The reasons for ends that need a short time limit, or the end of the program, each alone.
func countersOfEnds(t *testing.T, shown *cases) {
	for reason, setting := range map[string]string{"slow": "write_timeout: 1s", "age": "max_age: 1s", "drain": ""} {
		c := shown.start(t, 0, "listen: 127.0.0.1:0\ndrain: 50ms\nheartbeat: 1h\npublish_token: thyme\n"+setting+
			"\nstreams:\n  - {name: news, push: true}\n")
		for range 2 {
			c.open(t, "stream=news").answer(t)
		}
		if reason == "slow" {
			for range 12 {
				c.publish(t, "news", `"`+strings.Repeat("x", 1_000_000)+`"`)
			}
		}
		name := `disconnects_total{reason="` + reason + `"}`
		if reason != "drain" {
			c.await(t, name, 2)
		}
		c.end()
		if err := <-c.ended; err != nil {
			t.Error(err)
		}
		for other, value := range c.metrics(t) {
			if strings.HasPrefix(other, "disconnects_total") && (other != name || value != 2) {
				t.Errorf("%s is %v after two ends, reason %s", other, value, reason)
			}
		}
	}
}

// Connections that made room, or were let go where there are many.
func countersOfConnections(t *testing.T, shown *cases) {
	const most = 4
	c := shown.start(t, 0, fmt.Sprintf("listen: 127.0.0.1:0\ndrain: 50ms\nmax_connections: %d\nstreams:\n  - {name: news, push: true}\n", most))
	for range most + 1 {
		one := c.dial(t)
		one.say(t, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
		one.answer(t)
	}
	// One made room for the last, and of the others a quarter of the limit stays.
	c.await(t, "connections", most/4)
	c.expect(t, samples{"connections": most / 4, `connections_refused_total{reason="idle"}`: most + 1 - most/4})
	c.end()
	if err := <-c.ended; err != nil {
		t.Error(err)
	}
}

// Documents that clients do not get, because newer ones follow.
func countersOfDocuments(t *testing.T, shown *cases) {
	c := shown.start(t, 0, `listen: 127.0.0.1:0
drain: 0s
heartbeat: 1h
publish_token: thyme
streams:
  - {name: state, push: true, replay: latest}
  - {name: seldom, push: true, at_most: 1/m}
`)
	c.publish(t, "state", "1")
	at := c.program.Hub().Position().String()
	for _, document := range []string{"2", "3", "4"} {
		c.publish(t, "state", document)
	}
	one := c.open(t, "stream=state&limit=1", "Last-Event-ID: "+at+"\r\n")
	one.rest(t)
	c.publish(t, "seldom", "1")
	for range 3 {
		if status := c.post(t, "/api/streams/seldom/events", "2", "Authorization: Bearer thyme\r\n"); status != http.StatusAccepted {
			t.Errorf("publishing what waits: %d", status)
		}
	}
	want := samples{
		"events_published_total": 5, "deliveries_total": one.events, "bytes_sent_total": float64(one.bytes.Load()),
		`disconnects_total{reason="limit"}`: 1, `resumes_total{result="skipped"}`: 1, `resets_total{reason="skipped"}`: 1,
		`skipped_total{stream="state"}`: 2, `conflated_total{stream="seldom"}`: 2,
	}
	for name := range want {
		c.await(t, name, want[name])
	}
	c.await(t, "connections", 0)
	c.expect(t, want)
	c.end()
	if err := <-c.ended; err != nil {
		t.Error(err)
	}
}

// Keys that come, are refused, and end.
func countersOfKeys(t *testing.T, shown *cases) {
	c := shown.start(t, 0, `listen: 127.0.0.1:0
drain: 0s
heartbeat: 1h
new_keys_per_second: 1
streams:
  - {name: user, push: true, keys: {match: "[0-9]+", max: 2}}
  - {name: brief, push: true, keys: {match: "[0-9]+", idle: 1s}}
`)
	const now, watched, refused = `keys{stream="user"}`, `keys_watched{stream="user"}`, `refusals_total{reason="keys"}`
	var listeners []*caller
	for _, key := range []string{"user/1", "user/2"} {
		one := c.open(t, "stream="+key)
		one.answer(t)
		listeners = append(listeners, one)
	}
	c.await(t, now, 2)
	c.await(t, watched, 2)
	c.open(t, "stream=user/3").rest(t) // more than there may be
	c.await(t, refused, 1)
	for _, one := range listeners {
		one.leave(t)
	}
	c.await(t, watched, 0)
	last := c.open(t, "stream=user/3")
	last.answer(t)
	last.leave(t)
	c.await(t, `keys_ended_total{reason="room",stream="user"}`, 1)
	c.await(t, now, 2)

	// An address may ask for 100 keys at first, of which it has asked for at most five.
	const many = 95
	names := func(from int) (list []string) {
		for i := range many {
			list = append(list, fmt.Sprintf("brief/%d", from+i))
		}
		return list
	}
	most := c.open(t, "stream="+strings.Join(names(0), ","))
	most.answer(t)
	c.open(t, "stream="+strings.Join(names(many), ",")).rest(t) // more than this address may ask for
	c.await(t, refused, 2)
	c.await(t, `keys{stream="brief"}`, many)
	most.leave(t)
	c.await(t, `keys_ended_total{reason="idle",stream="brief"}`, many)
	c.end()
	if err := <-c.ended; err != nil {
		t.Error(err)
	}
}

// What a client holds that does not read, and clients that wait for that.
func countersOfHeldMemory(t *testing.T, shown *cases) {
	c := shown.start(t, 0, `listen: 127.0.0.1:0
drain: 0s
heartbeat: 1h
write_timeout: 1m
publish_token: thyme
held_bytes: 1
streams:
  - {name: large, push: true}
  - {name: shown, push: true, template: "{{index .a 0}}"}
`)
	c.publish(t, "large", `"before"`)
	shared := c.open(t, "stream=large&mode=patch")
	shared.answer(t)
	c.awaitAny(t, "form_bytes")
	shared.leave(t)
	c.publish(t, "shown", `{"a":[]}`)
	unfit := c.open(t, "stream=shown&format=html")
	unfit.until(t, `<span class="pollux-status" data-stream="shown" data-state="stale" data-error="template">stale: template</span>`)
	c.awaitAny(t, "html_failures_total")
	unfit.leave(t)
	slow := c.openBy(t, &net.Dialer{Control: takeLittle}, "stream=large")
	slow.until(t, `"before"`)
	for range 12 {
		c.publish(t, "large", `"`+strings.Repeat("x", 1_000_000)+`"`)
	}
	c.awaitAny(t, "held_bytes")
	other := c.open(t, "stream=large")
	c.awaitAny(t, "held_waits_total")
	c.publish(t, "large", `"behind"`)
	slow.until(t, `"behind"`)
	slow.leave(t)
	other.until(t, `"behind"`) // before which it may hold a large document itself
	other.leave(t)
	c.await(t, "held_bytes", 0)
	c.end()
	if err := <-c.ended; err != nil {
		t.Error(err)
	}
}
