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
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/sse"
)

// What the tests of counters need: a program whose metrics they can read, and connections
// that count. On Linux alone, because there the bytes of a stream are all that its
// connection carries.

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
	shown   *cases
}

// cases are the metrics, without labels, that were seen to have a wanted value that is
// not zero.
type cases struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (c *cases) add(sample string) {
	metric, _, _ := strings.Cut(sample, "{")
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = make(map[string]bool)
	}
	c.seen[strings.TrimSuffix(metric, "_count")] = true
}

// start is startCounted, and adds what is seen to the cases.
func (c *cases) start(t *testing.T, failures int, config string) *counted {
	t.Helper()
	one := startCounted(t, failures, config)
	one.shown = c
	return one
}

// startCounted runs the program with this configuration. Its listener fails
// as often as that before it accepts its first connection.
func startCounted(t *testing.T, failures int, config string) *counted {
	t.Helper()
	c := &counted{shown: new(cases), hangups: make(chan os.Signal, 1), ended: make(chan error, 1), file: filepath.Join(t.TempDir(), "pollux.yaml")}
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
	c.program.Handler().ServeHTTP(timeless{answer}, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+target, http.NoBody))
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
	if want != 0 {
		c.shown.add(name)
	}
}

// awaitAny waits until a sample is above zero, of which more is not known.
func (c *counted) awaitAny(t *testing.T, name string) {
	t.Helper()
	eventually(t, name+" is above zero", func() bool { return c.metrics(t)[name] > 0 })
	c.shown.add(name)
}

// expect compares all samples but those of the history, the Go runtime and time. A connection that has
// ended may count a moment longer.
func (c *counted) expect(t *testing.T, want samples) {
	t.Helper()
	c.await(t, "connections", want["connections"])
	got := c.metrics(t)
	for name := range got {
		if metric, _, _ := strings.Cut(name, "{"); slices.Contains([]string{
			"build_info", "history_events", "history_bytes", "form_bytes", "stream_age_seconds", "poll_duration_seconds_sum",
			"poll_duration_seconds_bucket", "publish_to_write_seconds_bucket", "publish_to_write_seconds_sum", "publish_to_write_seconds_count",
			"connections_by_state", "poll_late_ticks_total", // a machine that is busy polls late
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
		if want[name] != 0 {
			c.shown.add(name)
		}
	}
}

// post returns the status of a request with this body and these headers.
func (c *counted) post(t *testing.T, path, body string, headers ...string) int {
	t.Helper()
	one := c.dial(t)
	one.say(t, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n%s",
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
	return c.dialBy(t, &net.Dialer{})
}

func (c *counted) dialBy(t *testing.T, dialer *net.Dialer) *caller {
	t.Helper()
	conn, err := dialer.DialContext(t.Context(), "tcp", c.address)
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

// Write counts what was read from the connection, of which the next piece may take as long again: a busy
// machine needs a while for the megabytes of a slow client.
func (c *caller) Write(p []byte) (int, error) {
	c.bytes.Add(int64(len(p)))
	return len(p), c.SetDeadline(time.Now().Add(longEnough))
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
	return c.openBy(t, &net.Dialer{}, query, headers...)
}

func (c *counted) openBy(t *testing.T, dialer *net.Dialer, query string, headers ...string) *caller {
	t.Helper()
	one := c.dialBy(t, dialer)
	one.say(t, "GET /api/sse?"+query+" HTTP/1.1\r\nHost: localhost\r\n"+strings.Join(headers, "")+"\r\n")
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
