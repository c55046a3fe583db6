package fanout

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// The head is the same as that of net/http, whatever the header contains.
func TestAppendHead(t *testing.T) {
	header := http.Header{
		"Content-Length":     {"7"},
		"Transfer-Encoding":  {"identity"},
		"Date":               {"yesterday"},
		"Content-Type":       {"text/event-stream"},
		"Vary":               {"Accept", "Origin"},
		"X-Split":            {"\na\r\nSet-Cookie: b\nc"},
		"X-Padded":           {" \ta b "},
		"X-Empty":            {""},
		"X Space":            {"a"},
		"X-Colon:":           {"a"},
		"X-Name\r\nX-Forged": {"a"},
		"":                   {"a"},
	}
	now := time.Date(2026, 11, 22, 20, 15, 0, 999, time.FixedZone("", 3600))
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(appendHead(nil, header, now)))), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	want := http.Header{
		"Date":         {"Sun, 22 Nov 2026 19:15:00 GMT"},
		"Content-Type": {"text/event-stream"},
		"Vary":         {"Accept", "Origin"},
		"X-Split":      {"a  Set-Cookie: b c"},
		"X-Padded":     {"a b"},
		"X-Empty":      {""},
	}
	if diff := cmp.Diff(want, resp.Header); diff != "" || resp.Status != "200 OK" || !cmp.Equal(resp.TransferEncoding, []string{"chunked"}) {
		t.Errorf("status %s, transfer encoding %v, header (+), want (-):\n%s", resp.Status, resp.TransferEncoding, diff)
	}
}

// A socket that is full for a moment delays no later heartbeat: neither when the greeting
// filled it, nor when it was full as a heartbeat was due.
func TestFullSocketDelaysNoHeartbeat(t *testing.T) {
	w := newIdleWriter(t, Options{Heartbeat: 5 * time.Second, WriteTimeout: time.Hour})
	c, far := openWithSocket(t, w.engine)
	buf := make([]byte, 64<<10)
	for err := error(nil); err == nil; {
		_, err = unix.Write(c.fd, buf)
	}
	expect := func(when string) {
		t.Helper()
		if at := c.wroteAt + c.silence; w.wheel.At(c.slot) > at {
			t.Errorf("%s, the client is looked at in tick %d, and its heartbeat due in %d", when, w.wheel.At(c.slot), at)
		}
	}

	c.pending.set([][]byte{buf})
	w.adopt(c)
	expect("joined")
	w.wheel.Advance(c.wroteAt+c.silence, w.due)
	if c.pending.isNil() {
		t.Fatal("the socket is not full")
	}
	for err := error(nil); err == nil; {
		_, err = unix.Read(far, buf)
	}
	w.resume(c)
	if !c.pending.isNil() {
		t.Fatal("the socket is full still")
	}
	expect("the socket has taken all")
	w.remove(c, ReasonGone)
}
