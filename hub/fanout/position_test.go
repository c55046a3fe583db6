package fanout_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// format is one of the three formats of a stream.
type format string

const (
	asEvents format = "events"
	asLines  format = "lines"
	asGzip   format = "gzip"
)

// inAllFormats runs a test with each kind of writer, in each format.
func inAllFormats(t *testing.T, test func(t *testing.T, start starter, in format)) {
	everyWriter(t, func(t *testing.T, start starter) {
		for _, in := range []format{asEvents, asLines, asGzip} {
			t.Run(string(in), func(t *testing.T) { test(t, start, in) })
		}
	})
}

// blocks asks for a stream and returns a function that reads its next block as text.
func (r *rig) blocks(in format, query string, header ...string) func() string {
	r.t.Helper()
	end := "\n\n"
	switch in {
	case asLines:
		query, end = query+"&lines=1", "\n"
	case asGzip:
		header = append(header, "Accept-Encoding: gzip")
	case asEvents:
	}
	var body io.Reader = r.ask(r.dial(), query, header...)
	if in == asGzip {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			r.t.Fatal(err)
		}
		body = unpacked
	}
	text := bufio.NewReader(body)
	return func() string {
		r.t.Helper()
		var block strings.Builder
		for !strings.HasSuffix(block.String(), end) {
			line, err := text.ReadString('\n')
			block.WriteString(line)
			if err == io.EOF {
				return block.String() + "EOF"
			}
			if err != nil {
				r.t.Fatalf("after %q: %v", block.String(), err)
			}
		}
		return strings.TrimSuffix(block.String(), end)
	}
}

// position is the block that has a position.
func (in format) position(id hub.ID) string {
	if in == asLines {
		return `{"event":"position","id":"` + id.String() + `"}`
	}
	return "id: " + id.String()
}

// isDocument reports whether a block is the document.
func (in format) isDocument(block string, id hub.ID, data string) bool {
	if in == asLines {
		return strings.HasPrefix(block, `{"event":"message","id":"`+id.String()+`"`) && strings.HasSuffix(block, `,"data":`+data+`}`)
	}
	return block == "id: "+id.String()+"\ndata: "+data
}

// A client has a position from the beginning: before the first event, and after events of
// streams that it does not follow.
func TestPositionBehindTheReplay(t *testing.T) { inAllFormats(t, testPositionBehindTheReplay) }

func testPositionBehindTheReplay(t *testing.T, start starter, in format) {
	r := start(hub.Options{Streams: hub.Named("default", "other")}, fanout.Options{})
	expect := func(next func() string, want string) {
		t.Helper()
		if got := next(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	document := func(next func() string, id hub.ID, data string) {
		t.Helper()
		if got := next(); !in.isDocument(got, id, data) {
			t.Errorf("got %q, want %v, %s", got, id, data)
		}
	}
	before := r.hub.Position()
	early := r.blocks(in, "")
	early() // the greeting
	expect(early, in.position(before))

	// After a reset every client gets a position again, whatever the sequence numbers.
	reset := r.blocks(in, "", "Last-Event-ID: another-0")
	reset()
	if got := reset(); !strings.Contains(got, "reset") || !strings.Contains(got, "epoch") {
		t.Errorf("got %q, want a reset", got)
	}
	expect(reset, in.position(before))

	first := r.publish(`{"n":1}`)
	other := r.publishTo("other", `{"n":2}`)
	document(early, first, `{"n":1}`)
	c := r.blocks(in, "")
	c()
	document(c, first, `{"n":1}`)
	expect(c, in.position(other))
	back := r.blocks(in, "", "Last-Event-ID: "+other.String())
	back()
	limited := r.blocks(in, "limit=1")
	limited()
	document(limited, first, `{"n":1}`)
	expect(limited, "EOF")

	second := r.publish(`{"n":3}`)
	for _, next := range []func() string{early, c, back} { // the clients know the ID that they sent
		document(next, second, `{"n":3}`)
	}
	told := r.blocks(in, "", "Last-Event-ID: "+before.String())
	told()
	document(told, first, `{"n":1}`)
	document(told, second, `{"n":3}`)
	third := r.publish(`{"n":4}`)
	document(told, third, `{"n":4}`) // the last ID was the position
}

// A replay that comes in several portions has the position after the last one.
func TestPositionBehindALongReplay(t *testing.T) { inAllFormats(t, testPositionBehindALongReplay) }

func testPositionBehindALongReplay(t *testing.T, start starter, in format) {
	const events = 600
	r := start(hub.Options{Streams: hub.Named("default", "other")}, fanout.Options{})
	begin := r.hub.Position()
	var ids []hub.ID
	for n := range events {
		ids = append(ids, r.publish(fmt.Sprint(n)))
	}
	last := r.publishTo("other", "0")
	c := r.blocks(in, "", "Last-Event-ID: "+begin.String())
	c()
	for n, id := range ids {
		if got := c(); !in.isDocument(got, id, fmt.Sprint(n)) {
			t.Fatalf("got %q, want document %d", got, n)
		}
	}
	if got := c(); got != in.position(last) {
		t.Errorf("got %q, want %q", got, in.position(last))
	}
}

// A position moves past events that are not sent, with the next heartbeat, and once.
func TestHeartbeatsTellThePosition(t *testing.T) { inAllFormats(t, testHeartbeatsTellThePosition) }

func testHeartbeatsTellThePosition(t *testing.T, start starter, in format) {
	r := start(hub.Options{}, fanout.Options{Heartbeat: 20 * time.Millisecond})
	r.publish(`{"a":1,"b":1}`)
	c := r.blocks(in, "field=/a")
	named := r.blocks(in, "field=/a&heartbeat=event")
	for _, next := range []func() string{c, named} {
		block := next() // a greeting
		for !strings.Contains(block, `{"a":1}`) {
			block = next()
		}
	}
	for round := range 3 {
		var id hub.ID
		if round == 1 {
			var err error
			if id, err = r.hub.Publish(t.Context(), hub.Message{Status: &hub.Status{State: hub.Down}}); err != nil {
				t.Fatal(err)
			}
		} else {
			id = r.publish(fmt.Sprintf(`{"a":1,"b":%d}`, 2+round))
		}
		for i, next := range []func() string{c, named} {
			block := next()
			for !strings.Contains(block, id.String()) {
				if strings.Contains(block, "id") && !strings.Contains(block, "now") {
					t.Errorf("%q has another ID than %v", block, id)
				}
				block = next()
			}
			begin, end := ": hb\nid: "+id.String(), ""
			switch {
			case in == asLines:
				begin, end = `{"event":"hb","id":"`+id.String()+`","data":{"now":"`, `"}}}`
			case i == 1:
				begin, end = "event: hb\nid: "+id.String()+"\ndata: {\"now\":\"", `"}}`
			}
			if !strings.HasPrefix(block, begin) || !strings.HasSuffix(block, end) {
				t.Errorf("got %q, want %s…%s", block, begin, end)
			}
			if again := next(); strings.Contains(again, id.String()) {
				t.Errorf("%q is told again: %q", id, again)
			}
		}
	}
}

// A client that returns after the end of its stream misses nothing, although history has
// dropped by then the last event that it got.
func TestPositionAtTheEnd(t *testing.T) { inAllFormats(t, testPositionAtTheEnd) }

func testPositionAtTheEnd(t *testing.T, start starter, in format) {
	// The stream ends within the window, long after the client has taken everything.
	const window = time.Second
	r := start(hub.Options{History: 2}, fanout.Options{Random: func() float64 { return 0.5 }})
	r.publish(`{"a":1,"b":0}`)
	next := r.blocks(in, "field=/a")
	block := next()
	for !strings.Contains(block, `{"a":1}`) {
		block = next()
	}
	var id hub.ID
	for b := range 5 {
		id = r.publish(fmt.Sprintf(`{"a":1,"b":%d}`, b+1))
	}
	drained := make(chan error, 1)
	go func() { drained <- r.engine.Drain(t.Context(), window) }()
	begin, end := "retry: 3500\nid: "+id.String(), ""
	if in == asLines {
		begin, end = `{"event":"hb","id":"`+id.String()+`","data":{"retry":3500,"now":"`, `"}}}`
	}
	if got := next(); !strings.HasPrefix(got, begin) || !strings.HasSuffix(got, end) {
		t.Errorf("the end is %q, want %s…%s", got, begin, end)
	}
	if got := next(); got != "EOF" {
		t.Errorf("behind the position comes %q", got)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}
