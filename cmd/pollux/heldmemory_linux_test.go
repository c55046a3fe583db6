package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/sse"
)

// Clients that read slowly take little memory together, though each of them is being
// sent a document of a megabyte that history has dropped, and has others to come. What
// they miss they are told. The kernel tells how much memory the process had at most.
func TestSlowClientsTakeLittleMemory(t *testing.T) {
	const (
		clients  = 60
		document = 1_000_000
		most     = 60 << 20
		token    = "sixteen-characters-at-least"
	)
	t.Setenv("GOGC", "50") // garbage counts as well
	t.Setenv("POLLUX_PUBLISH_TOKEN", token)
	p := startProcess(t, builtBinary(t), "held_bytes: 4000000\nhistory_bytes: 3000000\n"+configuration("  - {name: large, push: true}\n"))
	before := p.forgetPeak(t)
	last := 0
	post := func() {
		last++
		publish(t, p.url, "large", token, fmt.Sprintf(`{"n":%d,"pad":%q}`, last, strings.Repeat("x", document)))
	}
	post()
	var ended sync.WaitGroup
	hurry := make(chan struct{})
	for i := range clients {
		body := openSlowly(t, p.url, "/api/sse?stream=large&since=1h", i%2) // one of each kind of writer
		ended.Go(func() {
			if err := readUntil(body, hurry, clients+20); err != nil {
				t.Error(err)
			}
		})
		post() // each client begins with another document
	}
	for last < clients+20 {
		post()
	}
	rise := p.peakMemory(t) - before
	t.Logf("%d MiB more than %d MiB", rise>>20, before>>20)
	if rise > most {
		t.Errorf("%d clients take %d MiB, want at most %d", clients, rise>>20, most>>20)
	}
	close(hurry)
	ended.Wait()
	p.stop(t)
}

// Attack: 50 clients ask for a stream with events of a mebibyte and read nothing, under a
// limit of 256 MiB. Their connections are closed, the process takes less than the limit, and
// other clients get the documents up to the last one.
func TestStalledReadersUnderAMemoryLimit(t *testing.T) {
	const (
		stalled, healthy = 50, 4
		documents        = 60
		document         = 1 << 20
		limit            = 256 << 20
		token            = "sixteen-characters-at-least"
	)
	t.Setenv("GOMEMLIMIT", strconv.Itoa(limit))
	t.Setenv("POLLUX_PUBLISH_TOKEN", token)
	p := startProcess(t, builtBinary(t), fmt.Sprintf("max_document: %d\nwrite_timeout: 1s\n", 2*document)+configuration("  - {name: large, push: true, history: 100}\n"))
	p.forgetPeak(t)
	for i := range stalled {
		openSlowly(t, p.url, "/api/sse?stream=large&since=1h", i%2)
	}
	hurry := make(chan struct{})
	close(hurry)
	var reading sync.WaitGroup
	for range healthy {
		resp, err := http.ReadResponse(bufio.NewReader(p.knock(t, "/api/sse?stream=large&replay=all")), nil)
		if err != nil {
			t.Fatal(err)
		}
		reading.Go(func() {
			if err := readUntil(resp.Body, hurry, documents); err != nil {
				t.Errorf("a client that reads: %v", err)
			}
		})
	}
	for n := range documents {
		publish(t, p.url, "large", token, fmt.Sprintf(`{"n":%d,"pad":%q}`, n+1, strings.Repeat("x", document)))
	}
	reading.Wait()
	const slow = "pollux_disconnects_total"
	eventually(t, "those that read nothing are gone", func() bool { return p.metric(t, slow, `{reason="slow"}`) == stalled })
	getOK(t, p.url+"/healthz")
	peak := p.peakMemory(t)
	t.Logf("%d MiB at most", peak>>20)
	if peak > limit {
		t.Errorf("the process took %d MiB, want at most %d", peak>>20, limit>>20)
	}
	p.stop(t)
}

// openSlowly asks for a stream by HTTP/1.MINOR, on a connection of whose answer the
// kernel takes little ahead.
func openSlowly(t *testing.T, url, target string, minor int) io.Reader {
	t.Helper()
	dialer := net.Dialer{Control: takeLittle}
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.%d\r\nHost: localhost\r\n\r\n", target, minor); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp.Body
}

// takeLittle makes the kernel take little ahead of what is read from a connection.
func takeLittle(_, _ string, conn syscall.RawConn) error {
	var failed error
	err := conn.Control(func(fd uintptr) { failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
	return errors.Join(err, failed)
}

// readUntil reads documents, slowly at first and then in a hurry, up to the one with
// the number last. Each has to follow the one before it or a reset.
func readUntil(body io.Reader, hurry <-chan struct{}, last int) error {
	decoder := sse.NewDecoder(&slowReader{body, hurry})
	for at := 0; at < last; {
		e, err := decoder.Next()
		if err != nil {
			return err
		}
		var n int
		switch _, err := fmt.Sscanf(string(e.Data[:min(len(e.Data), 30)]), `{"n":%d,`, &n); {
		case e.Name == hub.ResetEvent:
			at = 0
		case e.Name != "" || err != nil:
			return fmt.Errorf("got %s %.30s", e.Name, e.Data)
		case at != 0 && n != at+1:
			return fmt.Errorf("document %d comes after %d", n, at)
		default:
			at = n
		}
	}
	return nil
}

type slowReader struct {
	io.Reader
	hurry <-chan struct{}
}

func (r *slowReader) Read(p []byte) (int, error) {
	select {
	case <-r.hurry:
		return r.Reader.Read(p)
	case <-time.After(20 * time.Millisecond):
		return r.Reader.Read(p[:min(len(p), 1000)])
	}
}
