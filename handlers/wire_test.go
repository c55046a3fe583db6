package handlers_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub/sse"
)

// The client's end of the wire, by hand: the client of net/http hides headers, and
// cannot send attacks.

// conn is a client's connection.
type conn struct {
	net.Conn
	t    testing.TB
	read *bufio.Reader
}

func (r *rig) dial() *conn {
	r.t.Helper()
	c := r.connect()
	r.t.Cleanup(func() { _ = c.Close() })
	return &conn{c, r.t, bufio.NewReader(c)}
}

// send writes raw bytes.
func (c *conn) send(raw string) {
	c.t.Helper()
	if _, err := io.WriteString(c, raw); err != nil {
		c.t.Fatal(err)
	}
}

// request is the text of a request without a body.
func request(method, target string, header ...string) string {
	return strings.Join(append([]string{method + " " + target + " HTTP/1.1", "Host: pollux.test"}, header...), "\r\n") + "\r\n\r\n"
}

// post is the text of a request to publish.
func post(stream, body string, header ...string) string {
	header = append(header, "Content-Length: "+strconv.Itoa(len(body)))
	return request("POST", "/api/streams/"+stream+"/events", header...) + body
}

const authorized = "Authorization: Bearer " + token

// answer is an answer: status line and headers as they were on the wire.
type answer struct {
	line   string // such as "HTTP/1.1 200 OK"
	status int
	header http.Header
	body   io.Reader
	raw    *strings.Builder // the whole head, and the body as far as it was read
}

// receive reads the head of an answer to a request with the method.
func (c *conn) receive(method string) *answer {
	c.t.Helper()
	a, err := c.tryReceive(method)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	return a
}

func (c *conn) tryReceive(method string) (*answer, error) {
	text := textproto.NewReader(c.read)
	line, err := text.ReadLine()
	if err != nil {
		return nil, err
	}
	header, err := text.ReadMIMEHeader()
	if err != nil {
		return nil, err
	}
	fields := strings.SplitN(line, " ", 3)
	if len(fields) < 2 {
		return nil, fmt.Errorf("status line %q", line)
	}
	status, err := strconv.Atoi(fields[1])
	if err != nil {
		return nil, err
	}
	a := &answer{line: line, status: status, header: http.Header(header), raw: &strings.Builder{}}
	fmt.Fprintln(a.raw, line, header)
	length := a.header.Get("Content-Length")
	switch {
	case method == "HEAD", status == http.StatusNoContent, status == http.StatusNotModified:
		a.body = strings.NewReader("")
	case a.header.Get("Transfer-Encoding") == "chunked":
		a.body = &chunked{chunks: httputil.NewChunkedReader(c.read), raw: text}
	case length != "":
		n, err := strconv.ParseInt(length, 10, 64)
		if err != nil {
			return nil, err
		}
		a.body = io.LimitReader(c.read, n)
	default:
		a.body = c.read
	}
	a.body = io.TeeReader(a.body, a.raw)
	return a, nil
}

// chunked also reads the line after the last chunk.
type chunked struct {
	chunks io.Reader
	raw    *textproto.Reader
	ended  bool
}

func (b *chunked) Read(p []byte) (int, error) {
	n, err := b.chunks.Read(p)
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !b.ended {
		b.ended = true
		if line, err := b.raw.ReadLine(); err != nil || line != "" {
			return n, fmt.Errorf("after the last chunk: %q, %w", line, io.ErrUnexpectedEOF)
		}
	}
	return n, err
}

// text returns the whole body.
func (a *answer) text(t testing.TB) string {
	t.Helper()
	body, err := io.ReadAll(a.body)
	if err != nil {
		t.Fatalf("body: %v", err)
	}
	return string(body)
}

// head returns status line and headers, sorted, one for each line, without Date, which
// each answer must have, and with TIME for the times of a document.
func (a *answer) head(t testing.TB) string {
	t.Helper()
	if _, err := http.ParseTime(a.header.Get("Date")); err != nil {
		t.Errorf("Date: %v", err)
	}
	lines := []string{a.line}
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		for _, value := range a.header[name] {
			if name == "Pollux-Now" || name == "Pollux-Event-Time" {
				if _, err := time.Parse("2006-01-02T15:04:05.000Z", value); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				value = "TIME"
			}
			if name != "Date" {
				lines = append(lines, name+": "+value)
			}
		}
	}
	return strings.Join(lines, "\n")
}

// do sends one request on a new connection and returns the answer with its complete
// body.
func (r *rig) do(raw string) (a *answer, body string) {
	r.t.Helper()
	c := r.dial()
	defer c.Close()
	c.send(raw)
	method, _, _ := strings.Cut(raw, " ")
	a = c.receive(method)
	body = a.text(r.t)
	described(r.t, method, strings.Fields(raw)[1], a, body)
	return a, body
}

func (r *rig) get(target string, header ...string) (*answer, string) {
	r.t.Helper()
	return r.do(request("GET", target, header...))
}

// lines joins the lines of a head.
func lines(all ...string) string { return strings.Join(all, "\n") }

func same[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// untimed returns a text with T for each time.
func untimed(text string) string { return timestamps.ReplaceAllString(text, "T") }

var timestamps = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`)

// stream is an open event stream.
type stream struct {
	*sse.Decoder
	*answer
	t    testing.TB
	conn *conn
}

// open opens a stream on a new connection.
func (r *rig) open(target string, header ...string) *stream {
	r.t.Helper()
	return r.dial().open(target, header...)
}

func (c *conn) open(target string, header ...string) *stream {
	c.t.Helper()
	c.send(request("GET", target, header...))
	a := c.receive("GET")
	if a.status != http.StatusOK || a.header.Get("Content-Type") != sse.ContentType {
		c.t.Fatalf("no stream but %s\n%s", a.head(c.t), a.text(c.t))
	}
	described(c.t, "GET", target, a, "")
	return &stream{sse.NewDecoder(a.body), a, c.t, c}
}

// next returns the next event.
func (s *stream) next() sse.Event {
	s.t.Helper()
	e, err := s.Next()
	if err != nil {
		s.t.Fatalf("no event: %v", err)
	}
	return e
}

// expect reads events and compares each, as "name: data", or "data" for one without a
// name.
func (s *stream) expect(want ...string) {
	s.t.Helper()
	for _, want := range want {
		e := s.next()
		got := string(e.Data)
		if e.Name == "hb" {
			got = untimed(got)
		}
		if e.Name != "" {
			got = e.Name + ": " + got
		}
		if got != want {
			s.t.Fatalf("got event %.80q, want %.80q", got, want)
		}
	}
}

// expectEnd checks that the stream ends now, and cleanly.
func (s *stream) expectEnd() {
	s.t.Helper()
	if e, err := s.Next(); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		s.t.Fatalf("got %q, %v, want a clean end", e.Data, err)
	}
}

// expectClosed checks that the server closes the connection without sending more.
func (c *conn) expectClosed() {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(2 * patience)) // fails on a closed pipe, which is fine
	if rest, err := io.ReadAll(c.read); err != nil || len(rest) > 0 {
		c.t.Errorf("got %q, %v, want a closed connection", rest, err)
	}
}

// recorder is a ResponseWriter without a connection.
type recorder struct {
	*httptest.ResponseRecorder
	flushed func() // called at each flush, if not nil
}

func (recorder) SetReadDeadline(time.Time) error  { return nil }
func (recorder) SetWriteDeadline(time.Time) error { return nil }

func (w recorder) Flush() {
	if w.flushed != nil {
		w.flushed()
	}
}

// serve calls the handler without a connection.
func serve(t testing.TB, handler http.Handler, method, target, authorization, body string) (status int, text string) {
	t.Helper()
	w := recorder{ResponseRecorder: httptest.NewRecorder()}
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.Header.Set("Authorization", authorization)
	handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}
