package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/sse"
)

// What /metrics counts, against what was done to the running program. On Linux
// alone, because there the bytes of a stream are all that its connection carries.

// samples are the metrics of Pollux: each value by its name and labels, without
// pollux_. What is zero is left out.
type samples map[string]float64

// counted is a program whose metrics can be read even after it has ended.
type counted struct {
	program *program
	address string
	hangups chan os.Signal
	end     context.CancelFunc
	ended   chan error
	file    string
}

// startCounted runs the program with this configuration. Its listener fails
// as often as that before it accepts its first connection.
func startCounted(t *testing.T, failures int, config string) *counted {
	t.Helper()
	c := &counted{hangups: make(chan os.Signal, 1), ended: make(chan error, 1), file: filepath.Join(t.TempDir(), "pollux.yaml")}
	c.configure(t, config)
	commands, _, err := parse([]string{"--config", c.file}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	listening := fanout.ListenConfig()
	listener, err := listening.Listen(t.Context(), "tcp", commands.Serve.Listen[0])
	if err != nil {
		t.Fatal(err)
	}
	if c.program, err = assemble(&commands.Serve, slog.New(slog.DiscardHandler), &failing{Listener: listener, left: failures}); err != nil {
		t.Fatal(err)
	}
	c.address = listener.Addr().String()
	var ctx context.Context
	ctx, c.end = context.WithCancel(context.Background())
	go func() { c.ended <- c.program.run(ctx, c.hangups) }()
	return c
}

// failing is a listener whose Accept fails a few times, as where there are no
// descriptors.
type failing struct {
	net.Listener
	left int // only Accept knows it
}

func (l *failing) Accept() (net.Conn, error) {
	if l.left > 0 {
		l.left--
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

func (c *counted) configure(t *testing.T, config string) {
	t.Helper()
	if err := os.WriteFile(c.file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ask asks the handler itself, so that nothing of this is counted.
func (c *counted) ask(t *testing.T, target string) *httptest.ResponseRecorder {
	t.Helper()
	answer := httptest.NewRecorder()
	c.program.Handler().ServeHTTP(timeless{answer}, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody))
	return answer
}

func (c *counted) metrics(t *testing.T) samples {
	t.Helper()
	answer := c.ask(t, "/metrics")
	found := make(samples)
	for line := range strings.Lines(answer.Body.String()) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name, ours := strings.CutPrefix(name, "pollux_"); ours {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			if n != 0 {
				found[name] = n
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("no metrics: %d %s", answer.Code, answer.Body)
	}
	return found
}

// timeless is a ResponseWriter for which no time is ever up.
type timeless struct{ *httptest.ResponseRecorder }

func (timeless) SetReadDeadline(time.Time) error  { return nil }
func (timeless) SetWriteDeadline(time.Time) error { return nil }

// await waits until a sample has this value.
func (c *counted) await(t *testing.T, name string, want float64) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s is %v", name, want), func() bool { return c.metrics(t)[name] == want })
}

// expect compares all samples but those of the history, the Go runtime and time.
func (c *counted) expect(t *testing.T, want samples) {
	t.Helper()
	got := c.metrics(t)
	for name := range got {
		if metric, _, _ := strings.Cut(name, "{"); slices.Contains([]string{
			"build_info", "history_events", "history_bytes", "form_bytes", "stream_age_seconds", "poll_duration_seconds_sum",
			"poll_duration_seconds_bucket", "publish_to_write_seconds_bucket", "publish_to_write_seconds_sum", "publish_to_write_seconds_count",
			"connections_by_state",
		}, metric) {
			delete(got, name)
		}
	}
	names := slices.AppendSeq(slices.Collect(maps.Keys(want)), maps.Keys(got))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if got[name] != want[name] {
			t.Errorf("%s is %v, want %v", name, got[name], want[name])
		}
	}
}

// post returns the status of a request with this body and these headers.
func (c *counted) post(t *testing.T, path, body string, headers ...string) int {
	t.Helper()
	one := c.dial(t)
	one.say(t, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n%s",
		path, len(body), strings.Join(headers, ""), body))
	status := one.answer(t)
	one.rest(t)
	return status
}

func (c *counted) publish(t *testing.T, stream, document string) {
	t.Helper()
	if status := c.post(t, "/api/streams/"+stream+"/events", document, "Authorization: Bearer thyme\r\n"); status != http.StatusOK {
		t.Fatalf("publishing to %s: %d", stream, status)
	}
}

// caller is a connection that knows what came by it.
type caller struct {
	net.Conn
	read   *bufio.Reader
	body   io.Reader
	stream *sse.Decoder
	events float64 // documents, resets and statuses

	bytes atomic.Int64
}

func (c *counted) dial(t *testing.T) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", c.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(longEnough)); err != nil {
		t.Fatal(err)
	}
	one := &caller{Conn: conn}
	one.read = bufio.NewReader(io.TeeReader(conn, one))
	return one
}

// Write counts what was read from the connection.
func (c *caller) Write(p []byte) (int, error) {
	c.bytes.Add(int64(len(p)))
	return len(p), nil
}

func (c *caller) say(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		t.Fatal(err)
	}
}

// answer returns the status of the answer that comes.
func (c *caller) answer(t *testing.T) int {
	t.Helper()
	resp, err := http.ReadResponse(c.read, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.body, c.stream = resp.Body, sse.NewDecoder(resp.Body)
	return resp.StatusCode
}

// open opens a stream, whose answer is yet to be read.
func (c *counted) open(t *testing.T, query string, headers ...string) *caller {
	t.Helper()
	one := c.dial(t)
	one.say(t, "GET /api/sse?"+query+" HTTP/1.1\r\nHost: x\r\n"+strings.Join(headers, "")+"\r\n")
	return one
}

// rest reads the answer to its end, which is whole, and then the end of the connection.
func (c *caller) rest(t *testing.T) {
	t.Helper()
	if c.body == nil {
		c.answer(t)
	}
	for {
		_, err := c.stream.Next()
		if err == io.EOF { // and not that of a body that was cut
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		c.events++
	}
	if n, err := io.Copy(io.Discard, c.read); n != 0 || err != nil {
		t.Fatalf("%d bytes behind the end: %v", n, err)
	}
}

// until reads events up to the one that has this document.
func (c *caller) until(t *testing.T, document string) {
	t.Helper()
	if c.body == nil {
		c.answer(t)
	}
	for {
		e := next(t, c.stream)
		c.events++
		if string(e.Data) == document {
			return
		}
	}
}

// leave closes half of the connection, which is how a client leaves that wants to
// hear everything.
func (c *caller) leave(t *testing.T) {
	t.Helper()
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c.rest(t)
}

const eventSource = "Accept: text/event-stream\r\n"

// polledOnce is an upstream for seven polls. Of the sixth the first request is lost
// with its connection, which was kept.
func polledOnce(t *testing.T) (url string) {
	t.Helper()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"x"`)
		n := asked.Add(1)
		switch n {
		case 2:
			w.WriteHeader(http.StatusNotModified)
		case 3:
			w.WriteHeader(http.StatusInternalServerError)
		case 6:
			panic(http.ErrAbortHandler)
		case 8:
			_, _ = io.WriteString(w, "<html>")
		default:
			_, _ = io.WriteString(w, []string{1: `{"n":1}`, 4: `{ "n":1}`, 5: `{"n":2}`, 7: `{"n":3}`}[n])
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestCountersOfTheProgram(t *testing.T) {
	expectNoLeak(t)
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
  - {name: polled, url: "` + polledOnce(t) + `", every: 24h, timeout: 1m, poll_token: rosemary, poll_secret: sage}
`
	const more = "  - {name: gone, push: true}\n"
	c := startCounted(t, 2, config+more)
	position := func() string { return c.program.Hub().Position().String() }
	want := samples{
		"accept_errors_total": 2,
		`poll_requests_total{result="forbidden_address",stream="secret"}`: 1,
		`poll_refused_addresses_total{stream="secret"}`:                   1,
		`poll_duration_seconds_count{stream="secret"}`:                    1,
		`poll_requests_total{result="ok",stream="polled"}`:                1,
		`poll_duration_seconds_count{stream="polled"}`:                    1,
		"events_published_total":                                          1,
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
	}
	one := c.open(t, "stream=short&since=1h&limit=2") // which is told of a reset, and does not resume
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

	// Polls.
	for _, result := range []string{"unchanged", "http_500", "unchanged", "ok", "ok", "invalid_json"} {
		if status := c.post(t, "/api/streams/polled/poll", "1", "Authorization: Bearer rosemary\r\n"); status != http.StatusAccepted {
			t.Fatalf("polling now: %d", status)
		}
		want[`poll_requests_total{result="`+result+`",stream="polled"}`]++
		want[`poll_duration_seconds_count{stream="polled"}`]++
		c.await(t, `poll_duration_seconds_count{stream="polled"}`, want[`poll_duration_seconds_count{stream="polled"}`])
	}
	want["events_published_total"] += 2
	want[`poll_retries_total{stream="polled"}`] = 1
	c.expect(t, want)

	// Connections that are no client's, a view, and as many clients as there may be.
	var idle []*caller
	for range 3 {
		one := c.dial(t)
		one.say(t, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
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
	waiting.say(t, "GET /api/latest?stream=news&wait=60s&after="+newest(t, c, "news")+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
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
	refused.say(t, "GET /api/latest?stream=polled&wait=60s&after=x HTTP/1.1\r\nHost: x\r\n\r\n")
	if status := refused.answer(t); status != http.StatusOK {
		t.Errorf("somebody who has nothing to wait for: %d", status)
	}
	refused.Close()
	latest := c.dial(t)
	latest.say(t, "GET /api/latest?stream=news&wait=60s&after="+newest(t, c, "news")+" HTTP/1.1\r\nHost: x\r\n\r\n")
	if status := latest.answer(t); status != http.StatusServiceUnavailable {
		t.Errorf("somebody who wants to wait: %d", status)
	}
	maps.Copy(want, samples{
		"connections": 3, "clients": 20, "views": 1,
		`refusals_total{reason="address_views"}`: 2, `refusals_total{reason="clients"}`: 3,
	})
	c.await(t, "connections", 3)
	got := c.metrics(t)
	for _, name := range []string{"connections", "clients", "views", `refusals_total{reason="address_views"}`, `refusals_total{reason="clients"}`} {
		if got[name] != want[name] {
			t.Errorf("%s is %v, want %v", name, got[name], want[name])
		}
	}
	for _, one := range idle {
		one.Close()
	}
	c.await(t, "connections", 0)

	// The end. Nobody is let in, and whoever waits is told.
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

// The reasons for ends that need a short time limit, each alone.
func TestCountersOfEnds(t *testing.T) {
	expectNoLeak(t)
	for reason, setting := range map[string]string{"slow": "write_timeout: 1s", "age": "max_age: 1s"} {
		c := startCounted(t, 0, "listen: 127.0.0.1:0\ndrain: 50ms\nheartbeat: 1h\npublish_token: thyme\n"+setting+
			"\nstreams:\n  - {name: news, push: true}\n")
		for range 2 {
			c.open(t, "stream=news").answer(t)
		}
		if reason == "slow" {
			for range 12 {
				c.publish(t, "news", `"`+strings.Repeat("x", 1_000_000)+`"`)
			}
		}
		c.await(t, `disconnects_total{reason="`+reason+`"}`, 2)
		c.end()
		if err := <-c.ended; err != nil {
			t.Error(err)
		}
		got := c.metrics(t)
		for name, value := range got {
			if strings.HasPrefix(name, "disconnects_total") && name != `disconnects_total{reason="`+reason+`"}` {
				t.Errorf("%s is %v", name, value)
			}
		}
	}
}

// Connections that made room, or were let go where there are many.
func TestCountersOfConnections(t *testing.T) {
	expectNoLeak(t)
	const most = 4
	c := startCounted(t, 0, fmt.Sprintf("listen: 127.0.0.1:0\ndrain: 50ms\nmax_connections: %d\nstreams:\n  - {name: news, push: true}\n", most))
	for range most + 1 {
		one := c.dial(t)
		one.say(t, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
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
