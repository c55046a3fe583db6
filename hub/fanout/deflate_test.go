package fanout_test

import (
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/sse"
)

// openGzip asks for a compressed stream and decompresses it.
func (r *rig) openGzip(conn net.Conn, query string, header ...string) *client {
	r.t.Helper()
	body := r.ask(conn, query, append(header, "Accept-Encoding: gzip")...)
	// compress/gzip is another implementation than the one that compresses.
	unpacked, err := gzip.NewReader(body)
	if err != nil {
		r.t.Fatal(err)
	}
	return &client{sse.NewDecoder(unpacked), r.t, conn, body}
}

// Two clients, one of them compressed, get the same under every mixture of small and
// large documents, statuses, heartbeats, stalls, bursts that make the hub end their
// subscriptions, resumes and resets. The compressed stream can be read as its bytes come,
// so nothing is held back, and the checksum at its end is right.
func TestCompressedIsPlain(t *testing.T) { everyWriter(t, testCompressedIsPlain) }

func testCompressedIsPlain(t *testing.T, start starter) {
	fewerChecks(t)
	rapid.Check(t, func(rt *rapid.T) {
		streams := []string{"a", "b"}
		r := start(hub.Options{Streams: hub.Named(streams...), Buffer: 2, History: 4},
			fanout.Options{Heartbeat: 3 * time.Millisecond})
		defer r.stop()
		query := rapid.SampledFrom([]string{"stream=a", "stream=a&stream=b", "stream=b&heartbeat=event"}).Draw(rt, "query")
		plans := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) plan {
			return plan{
				stream: rapid.SampledFrom(streams).Draw(t, "stream"),
				state:  rapid.SampledFrom([]hub.State{"", "", hub.Live, hub.Down}).Draw(t, "state"),
				size:   rapid.SampledFrom([]int{1, 1, 1, 40, 40, 40, 5000, 5000, 70_000}).Draw(t, "size"),
				seed:   rapid.Uint64Range(0, 100).Draw(t, "seed"),
			}
		}), 0, 8)
		publish := func(m hub.Message) {
			if _, err := r.hub.Publish(t.Context(), m); err != nil {
				rt.Fatal(err)
			}
		}
		resume := rapid.SampledFrom([]string{"", "nonsense"}).Draw(rt, "Last-Event-ID")
		plain, plainDone := follow(r.open(r.dial(), query, "Last-Event-ID: "+resume))
		packed, packedDone := follow(r.openGzip(r.dial(), query, "Last-Event-ID: "+resume))
		for range rapid.IntRange(1, 3).Draw(rt, "rounds") {
			for _, p := range plans.Draw(rt, "messages") {
				publish(p.message())
			}
			if rapid.Bool().Draw(rt, "pause") {
				time.Sleep(4 * time.Millisecond) // most times long enough for a heartbeat
			}
		}
		publish(hub.Message{Stream: query[len("stream="):][:1], Data: []byte(`"end"`)})
		<-plainDone
		<-packedDone
		if err := r.engine.Drain(t.Context(), 10*time.Millisecond); err != nil {
			rt.Fatal(err)
		}
		one, two := <-plain, <-packed
		if one.err != nil || two.err != nil {
			rt.Fatalf("streams did not end whole: %v, %v", one.err, two.err)
		}
		// Each client got a part of one timeline, complete except for gaps with a reset.
		// Without resets the two are equal.
		if one.resets+two.resets == 0 && one.text != two.text {
			rt.Fatalf("plain\n%.2000s\npacked\n%.2000s", one.text, two.text)
		}
		if one.last != two.last || one.last == "" {
			rt.Fatalf("last ID is %q plain, %q packed", one.last, two.last)
		}
	})
}

// fewerChecks is for a property that starts a server with clients for each check.
func fewerChecks(t *testing.T) {
	checks := flag.Lookup("rapid.checks").Value
	if before := checks.String(); before == "100" { // the default
		if err := checks.Set("15"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = checks.Set(before) })
	}
}

// plan describes a message.
type plan struct {
	stream string
	state  hub.State // "" for a document
	size   int
	seed   uint64
}

func (p plan) message() hub.Message {
	if p.state != "" {
		return hub.Message{Stream: p.stream, Status: &hub.Status{State: p.state}}
	}
	return hub.Message{Stream: p.stream, Data: noise(p.seed, p.size)}
}

// seen is the content of a stream until its end.
type seen struct {
	text   string
	last   string
	resets int
	err    error
}

// follow reads a stream to its end. done is closed when the document "end" has come, or
// when the stream has ended without it.
func follow(c *client) (result chan seen, done chan struct{}) {
	result, done = make(chan seen, 1), make(chan struct{})
	finish := sync.OnceFunc(func() { close(done) })
	go func() {
		defer finish()
		var s seen
		var text strings.Builder
		for {
			e, err := c.Next()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					s.err = err
				}
				break
			}
			switch e.Name {
			case "hb", "status": // a slow client gets only the newest status
			case "reset":
				s.resets++
			default:
				if string(e.Data) == `"end"` {
					finish()
				}
				fmt.Fprintf(&text, "%s %s %.60s %d\n", e.ID, e.Name, e.Data, len(e.Data))
			}
		}
		s.text, s.last = text.String(), c.LastEventID()
		result <- s
	}()
	return result, done
}

// noise is a document that, depending on the seed, compresses badly or well, and resembles
// the one before it or not.
func noise(seed uint64, size int) []byte {
	random := rand.New(rand.NewPCG(seed%4, seed%3))
	alphabet := "0123456789abcdefghijklmnopqrstuvwxyz"[:2+seed%30]
	text := make([]byte, size)
	for i := range text {
		text[i] = alphabet[random.IntN(len(alphabet))]
	}
	return []byte(`"` + string(text) + `"`)
}

// A compressed greeting that the socket does not take at once goes on where it was cut.
// Its checksum is right.
func TestHugeGreetingCompressed(t *testing.T) { everyWriter(t, testHugeGreetingCompressed) }

func testHugeGreetingCompressed(_ *testing.T, start starter) {
	r := start(hub.Options{MaxData: 4 << 20}, fanout.Options{})
	huge := string(noise(29, 4<<20-2)) // with all letters
	r.publish(huge)
	c := r.openGzip(r.dialSmall(), "limit=1")
	c.expect(huge)
	c.expectEnd()
}

// Events that are too small to be compressed are not held back: each can be read before
// the next event and before any heartbeat comes.
func TestSmallEventsComeAtOnce(t *testing.T) { everyWriter(t, testSmallEventsComeAtOnce) }

func testSmallEventsComeAtOnce(t *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{})
	r.publish(`0`)
	c := r.openGzip(r.dial(), "heartbeat=event")
	if e := c.next(); e.Name != "hb" {
		t.Fatalf("got %+v, want a first heartbeat", e)
	}
	c.expect(`0`)
	if e := c.next(); e.Name != "hb" {
		t.Fatalf("got %+v, want a heartbeat behind the replay", e)
	}
	for _, document := range []string{`1`, `"` + strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz", 1) + `"`, `2`} {
		r.publish(document)
		c.expect(document)
	}
}

// A small change of a document takes few bytes, and a heartbeat hardly any.
func TestCompressionIsWorthIt(t *testing.T) { everyWriter(t, testCompressionIsWorthIt) }

func testCompressionIsWorthIt(t *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{})
	c := r.openGzip(r.dial(), "")
	other := r.openGzip(r.dial(), "")
	document := func(n int) string {
		quotes := make([]string, 60)
		for i := range quotes {
			price := 1000 + i*37
			if i%20 == n%20 {
				price += n
			}
			quotes[i] = fmt.Sprintf(`{"symbol":"SYM%02d","bid":%d.%02d,"ask":%d.%02d,"volume":%d}`, i, price, i, price+1, i, i*100_003)
		}
		return "[" + strings.Join(quotes, ",") + "]"
	}
	r.publish(document(0))
	c.expect(document(0))
	other.expect(document(0))
	before := r.engine.Stats().Bytes
	const events = 50
	for n := 1; n <= events; n++ {
		r.publish(document(n))
		c.expect(document(n))
		other.expect(document(n))
	}
	perEvent := int(r.engine.Stats().Bytes-before) / events / 2
	if limit := len(document(0)) / 20; perEvent > limit {
		t.Errorf("%d bytes an event of %d, want at most %d", perEvent, len(document(0)), limit)
	}
}
