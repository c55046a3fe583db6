package fanout_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// A client that has closed its half of the connection gets the whole end of its stream,
// and is closed.
func TestHalfClosedClientGetsTheEnd(t *testing.T) {
	everyWriterHTTP1(t, testHalfClosedClientGetsTheEnd)
}

func testHalfClosedClientGetsTheEnd(t *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{})
	r.publish("1")
	for _, header := range []string{"X: y", "Accept-Encoding: gzip"} {
		conn := r.dial()
		body := io.Reader(r.ask(conn, "", header))
		if header != "X: y" {
			var err error
			if body, err = gzip.NewReader(body); err != nil {
				t.Fatal(err)
			}
		}
		if err := conn.(socket).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(body)
		if err != nil || !strings.HasSuffix(string(text), "data: 1\n\n") {
			t.Errorf("%s: got %q, %v, want a clean end", header, text, err)
		}
		if n, err := conn.Read(make([]byte, 1)); n != 0 {
			t.Errorf("behind the end came something, %v", err)
		}
	}
	r.await("let go", func(s fanout.Stats) bool { return s.Clients == 0 && s.Ended[fanout.ReasonGone] == 2 })
}

// So does a client that closes its half within a frame. It gets the frame first.
func TestHalfClosedAmidAFrame(t *testing.T) { everyWriterHTTP1(t, testHalfClosedAmidAFrame) }

func testHalfClosedAmidAFrame(_ *testing.T, start starter) {
	document := `"` + strings.Repeat("x", 900<<10) + `"`
	r := start(hub.Options{}, fanout.Options{})
	conn := r.dialSmall()
	c := r.open(conn, "")
	r.publish(document)
	r.await("written", func(s fanout.Stats) bool { return s.Deliveries == 1 })
	if err := conn.(socket).CloseWrite(); err != nil {
		r.t.Fatal(err)
	}
	c.expect(document)
	c.expectEnd()
	r.await("let go", func(s fanout.Stats) bool { return s.Clients == 0 && s.Ended[fanout.ReasonGone] == 1 })
}

// The log record for the end of a stream says which client had it, how long it lasted, and
// how much was sent.
func TestLineOfTheEnd(t *testing.T) { everyWriter(t, testLineOfTheEnd) }

func testLineOfTheEnd(t *testing.T, start starter) {
	var log bytes.Buffer // read after the end
	r := start(hub.Options{}, fanout.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	r.publish("1")
	conn := r.dial()
	c := r.open(conn, "limit=1")
	c.expect("1")
	c.expectEnd()
	r.await("over", func(s fanout.Stats) bool { return s.Clients == 0 })
	r.stop()
	line := log.String()
	if i := strings.Index(line, `"stream closed"`); i >= 0 {
		line = line[strings.LastIndex(line[:i], "\n")+1:]
	}
	var told struct {
		Client, Address, Reason string
		Streams                 []string
		Seconds                 *float64
		Documents               int
		Bytes                   uint64
	}
	if err := json.NewDecoder(strings.NewReader(line)).Decode(&told); err != nil {
		t.Fatalf("%v: %s", err, log.String())
	}
	address, err := netip.ParseAddr(told.Address)
	if err != nil || !address.IsLoopback() || len(told.Client) != 36 || told.Reason != "limit" || told.Seconds == nil ||
		told.Documents != 1 || told.Bytes != r.engine.Stats().Bytes || told.Bytes == 0 || len(told.Streams) != 1 || told.Streams[0] != "default" {
		t.Errorf("got %s", line)
	}
}
