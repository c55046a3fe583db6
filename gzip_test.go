package pollux

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/internal/machine"
)

// Attack: gzip asked for by 10,000 clients, or by as many as there are descriptors for in
// this process, which has both ends of each connection. An event is compressed for all of
// them together, so they cost the processor and the memory what few of them cost.
func TestGzipForThousands(t *testing.T) {
	clients := min(10_000, machine.Descriptors()/4)
	if clients < 100 {
		t.Fatalf("%d descriptors are too few", machine.Descriptors())
	}
	a := newTarget(t, false, fanout.Options{MaxClients: clients + 1, MaxConnections: 1000})
	const documents = 3
	conns := make([]net.Conn, clients)
	for i := range conns {
		conns[i] = dial(t, a.Pollux)
		t.Cleanup(func() { _ = conns[i].Close() })
		if _, err := fmt.Fprintf(conns[i], "GET /api/sse?limit=%d HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n", documents+1); err != nil {
			t.Fatal(err)
		}
	}
	for begin := time.Now(); a.engine.Stats().Clients < clients; time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			t.Fatalf("%d of %d clients are there", a.engine.Stats().Clients, clients)
		}
	}
	before := a.engine.Stats().FormsMade
	for n := range documents {
		document := fmt.Sprintf(`{"n":%d,"pad":%q}`, n, strings.Repeat("gzip ", 1000))
		if _, err := a.Publish(t.Context(), "", []byte(document)); err != nil {
			t.Fatal(err)
		}
	}
	for _, conn := range conns {
		if err := expectGzip(conn, documents); err != nil {
			t.Fatal(err)
		}
	}
	// One that stands alone and one that continues the frame before, for each way in which
	// that can have ended.
	if made := a.engine.Stats().FormsMade - before; made == 0 || made > 16*documents {
		t.Errorf("%d documents were encoded %d times for %d clients", documents, made, clients)
	}
	if _, err := a.Publish(t.Context(), "", []byte("1")); err != nil || !a.answers(t) {
		t.Errorf("nobody else is answered, %v", err)
	}
	if err := a.stop(); err != nil {
		t.Error(err)
	}
}

// expectGzip reads a whole stream of the document 1 and then n others.
func expectGzip(conn net.Conn, n int) error {
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	if coding := resp.Header.Get("Content-Encoding"); resp.StatusCode != http.StatusOK || coding != "gzip" {
		return fmt.Errorf("status %d, coding %q", resp.StatusCode, coding)
	}
	plain, err := gzip.NewReader(resp.Body)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		return err
	}
	_, rest, found := strings.Cut(string(text), "\ndata: 1\n")
	for i := 0; i < n && found; i++ {
		_, rest, found = strings.Cut(rest, fmt.Sprintf("\ndata: {\"n\":%d,", i))
	}
	if !found {
		return fmt.Errorf("a client got %.300q", text)
	}
	return nil
}
