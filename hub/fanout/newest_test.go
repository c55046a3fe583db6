package fanout_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/sse"
)

// How each format tells a client that it gets the newest document alone.
func TestSkippedInEachFormat(t *testing.T) { everyWriter(t, testSkippedInEachFormat) }

func testSkippedInEachFormat(t *testing.T, start starter) {
	r := start(hub.Options{Streams: []hub.StreamOptions{
		{Name: hub.DefaultStream, Replay: hub.ReplayAuto}, {Name: "other", Replay: hub.ReplayLatest}, {Name: "all"},
	}}, fanout.Options{})
	r.publishTo("other", `{"o":0}`)
	at := r.publish(`{"n":-1,"same":1}`)
	var newest, first hub.ID
	for n := range 30 {
		newest = r.publish(fmt.Sprintf(`{"n":%d,"same":1}`, n))
		if n == 0 {
			first = r.publishTo("other", `{"o":1}`)
			r.publishTo("other", `{"o":2}`)
		}
	}
	for _, test := range []struct {
		name, query string
		want        []string
	}{
		{"event stream", "limit=1", []string{`reset|{"reason":"skipped","skipped":29}`, `|{"n":29,"same":1}`}},
		{"patch", "limit=1&mode=patch", []string{`reset|{"reason":"skipped","skipped":29}`, `snapshot|{"n":29,"same":1}`}},
		{"fields", "limit=1&field=/same", []string{`reset|{"reason":"skipped","skipped":29}`, `|{"same":1}`}},
		{"several streams", "limit=2&stream=default&stream=other", []string{
			`reset|{"reason":"skipped","skipped":29,"stream":"default"}`, `reset|{"reason":"skipped","skipped":1,"stream":"other"}`,
			`other|{"o":2}`, `default|{"n":29,"same":1}`,
		}},
		{"the client wants all of one", "limit=1&replay=all&stream=other", []string{`|{"o":1}`}},
		{"the client wants the newest", "limit=1&replay=latest", []string{`reset|{"reason":"skipped","skipped":29}`, `|{"n":29,"same":1}`}},
	} {
		for _, gz := range []bool{false, true} {
			header := []string{"Last-Event-ID: " + at.String()}
			if gz {
				header = append(header, "Accept-Encoding: gzip")
			}
			body := io.Reader(r.ask(r.dial(), test.query, header...))
			if gz {
				unpacked, err := gzip.NewReader(body)
				if err != nil {
					t.Fatal(err)
				}
				body = unpacked
			}
			text, err := io.ReadAll(body)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for decoder := sse.NewDecoder(bytes.NewReader(text)); ; {
				e, err := decoder.Next()
				if err != nil {
					break
				}
				got = append(got, e.Name+"|"+string(e.Data))
			}
			for i := range got {
				got[i] = strings.TrimPrefix(got[i], "message|") // the default name
				if !strings.Contains(got[i], "|") {
					got[i] = "|" + got[i]
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s, gzip %v: %s\n%s", test.name, gz, diff, text)
			}
			if bytes.Contains(text, []byte("id: "+first.String())) && test.name != "the client wants all of one" {
				t.Errorf("%s: the position moved to a document that was left out", test.name)
			}
		}
	}
	lines, err := io.ReadAll(r.ask(r.dial(), "limit=1&lines=1", "Last-Event-ID: "+at.String()))
	if err != nil {
		t.Fatal(err)
	}
	var events []string
	for line := range bytes.Lines(lines) {
		var e struct {
			Event string          `json:"event"`
			ID    string          `json:"id"`
			Data  json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if e.Event != hub.HeartbeatEvent && e.Event != hub.PositionEvent {
			events = append(events, e.Event+"|"+e.ID+"|"+string(e.Data))
		}
	}
	if diff := cmp.Diff([]string{`reset||{"reason":"skipped","skipped":29}`, "message|" + newest.String() + `|{"n":29,"same":1}`}, events); diff != "" {
		t.Error(diff)
	}
}

// A client that reads half of what is published, step by step, never has a document older
// than what it reads in the time of two documents, and is told what it does not get. The
// documents are large beside the client's own receive buffer, which nobody can reach.
func TestHalfTheRate(t *testing.T) { everyWriter(t, testHalfTheRate) }

func testHalfTheRate(t *testing.T, start starter) {
	const size, documents = 96 << 10, 40
	r := start(hub.Options{Streams: []hub.StreamOptions{{Name: hub.DefaultStream, Replay: hub.ReplayAuto}}}, fanout.Options{})
	conn := r.dial()
	if err := conn.(socket).SetReadBuffer(16 << 10); err != nil {
		t.Fatal(err)
	}
	body := r.ask(conn, "")
	pipe, feed := io.Pipe()
	type arrival struct{ n, skipped int }
	arrived := make(chan arrival, 2*documents)
	go func() {
		defer close(arrived)
		decoder, skipped := sse.NewDecoder(pipe), 0
		for {
			e, err := decoder.Next()
			if err != nil {
				return
			}
			if e.Name == hub.ResetEvent {
				_, _ = fmt.Sscanf(string(e.Data), `{"reason":"skipped","skipped":%d}`, &skipped) // 0 is noticed below
				continue
			}
			var n int
			if _, err := fmt.Sscanf(string(e.Data), `"%d `, &n); err != nil {
				t.Errorf("document %.20q", e.Data)
				return
			}
			arrived <- arrival{n, skipped}
			skipped = 0
		}
	}()
	last := -1
	took := func(published int) {
		for len(arrived) > 0 {
			a := <-arrived
			if a.n != last+1+a.skipped {
				t.Errorf("after document %d came %d, and %d were said to be skipped", last, a.n, a.skipped)
			}
			if behind := published - a.n; behind > 4 && published > 10 {
				t.Errorf("document %d arrived when %d was published", a.n, published)
			}
			last = a.n
		}
	}
	step := make([]byte, size/2)
	for n := range documents {
		r.publish(fmt.Sprintf(`"%d %s"`, n, strings.Repeat("x", size)))
		if _, err := io.ReadFull(body, step); err != nil {
			t.Fatal(err)
		}
		if _, err := feed.Write(step); err != nil {
			t.Fatal(err)
		}
		took(n)
	}
	if last < documents/3 {
		t.Errorf("the last document is %d of %d", last, documents)
	}
	if got := r.hub.Stats().Streams[0].Skipped; got == 0 {
		t.Error("nothing was skipped: the test shows nothing")
	}
	_ = feed.Close() // a pipe reports no error
	for range arrived {
	}
}

// 300 changes while a client reads nothing cost it the frame that had begun, and the
// newest document.
func TestSleepingClient(t *testing.T) { everyWriter(t, testSleepingClient) }

func testSleepingClient(t *testing.T, start starter) {
	document := func(n int) string { return fmt.Sprintf(`"%d %s"`, n, strings.Repeat("x", 200<<10)) }
	r := start(hub.Options{Streams: []hub.StreamOptions{{Name: hub.DefaultStream, Replay: hub.ReplayAuto}}}, fanout.Options{})
	c := r.open(r.dial(), "")
	r.publish(document(0))
	r.await("the first frame has begun", func(s fanout.Stats) bool { return s.Deliveries > 0 })
	for n := range 300 {
		r.publish(document(n + 1))
	}
	var numbers []int
	for len(numbers) == 0 || numbers[len(numbers)-1] != 300 {
		e := c.next()
		if e.Name == hub.ResetEvent {
			continue
		}
		var n int
		if _, err := fmt.Sscanf(string(e.Data), `"%d `, &n); err != nil || len(e.Data) != len(document(n)) {
			t.Fatalf("document %.20q of %d bytes", e.Data, len(e.Data))
		}
		numbers = append(numbers, n)
	}
	// What fits into the buffers of the kernel was encoded before the socket was full.
	if len(numbers) > 40 || numbers[0] != 0 {
		t.Errorf("got %d documents: %v", len(numbers), numbers)
	}
}
