package view

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/hub/fanout/wire"
)

// timeline makes events as a log does.
type timeline struct {
	t   interface{ Fatal(args ...any) }
	seq uint64
}

func (l *timeline) next(m hub.Message) *hub.Event {
	l.seq++
	id, err := hub.NewID("0123456789abcdef", l.seq)
	if err != nil {
		l.t.Fatal(err)
	}
	e, err := hub.NewEvent(id, time.Unix(int64(l.seq), 0), m)
	if err != nil {
		l.t.Fatal(err)
	}
	return e
}

// twins are one client twice, compressed and not.
type twins struct {
	packed, plain  *Encoder
	packedAs, text []byte
	backlog        []func(*twins) // the steps that the client has not got yet
}

func (c *twins) event(e *hub.Event) {
	head, form, _ := c.packed.Event(e, false, nil)
	c.packedAs = append(append(c.packedAs, head...), form...)
	head, form, _ = c.plain.Event(e, false, nil)
	c.text = append(append(c.text, head...), form...)
}

func (c *twins) note(n *wire.Note) {
	c.packedAs = append(c.packedAs, c.packed.Note(n).Body...)
	c.text = append(c.text, c.plain.Note(n).Body...)
}

func (c *twins) comment() {
	c.packedAs = append(c.packedAs, c.packed.Shared(comment).Body...)
	c.text = append(c.text, c.plain.Shared(comment).Body...)
}

// read decompresses what the compressed twin got so far.
func (c *twins) read() (string, error) {
	r, err := gzip.NewReader(bytes.NewReader(c.packedAs))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), err
}

// comment is a text that all clients share.
var comment = wire.NewShared(": hb\n\n")

func newTestViews(limit, bytes int) *Views {
	key := func(string) document.Pointer { return document.Pointer{} }
	return New(Options{MaxViews: limit, CacheBytes: bytes, Logger: slog.New(slog.DiscardHandler), Key: key})
}

// testViews are views that differ in each property.
var testViews = []View{
	{},
	{},
	{Lines: true},
	{Mode: Patch},
	{Mode: Merge},
	{Fields: []string{"/a"}},
	{Mode: Patch, Fields: []string{"/a", "/n"}},
	{Mode: Merge, Lines: true, Fields: []string{"/a"}},
}

// Clients get any events in any order and at any pace, with any heartbeats between them.
// A compressed stream then holds exactly the bytes of an uncompressed one, can be read
// without delay, and its checksum is right.
func TestAnySequenceUnpacks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		views := newTestViews(100, rapid.SampledFrom([]int{1, 10_000, 1 << 30}).Draw(t, "limit"))
		log := &timeline{t: t}
		var clients []*twins
		join := func() {
			wanted := rapid.SampledFrom(testViews).Draw(t, "view")
			named := rapid.Bool().Draw(t, "named")
			c := &twins{}
			for gzip, one := range map[bool]**Encoder{true: &c.packed, false: &c.plain} {
				var err error
				if *one, err = views.Encoder(Client{View: wanted, Named: named, Gzip: gzip}); err != nil {
					t.Fatal(err)
				}
			}
			c.packedAs = append(c.packedAs, c.packed.Begin([]byte("retry: 1\n\n")).Body...)
			c.text = append(c.text, c.plain.Begin([]byte("retry: 1\n\n")).Body...)
			clients = append(clients, c)
		}
		join()
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			var step func(*twins)
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				join()
				continue
			case 1:
				step = (*twins).comment
			case 2:
				for _, c := range clients {
					if rapid.Bool().Draw(t, "beats") {
						c.note(randomNote(t))
					}
				}
				continue
			case 3:
				e := log.next(hub.Message{Status: &hub.Status{State: hub.Down}})
				step = func(c *twins) { c.event(e) }
			default:
				e := log.next(hub.Message{Stream: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "stream"), Data: randomDocument(t)})
				step = func(c *twins) { c.event(e) }
			}
			for _, c := range clients {
				c.backlog = append(c.backlog, step)
				if rapid.IntRange(0, 2).Draw(t, "waits") > 0 {
					c.catchUp()
				}
			}
		}
		for i, c := range clients {
			c.catchUp()
			if got, err := c.read(); got != string(c.text) {
				t.Fatalf("client %d: before the end\n got %q (%v)\nwant %q", i, got, err, c.text)
			}
			c.packedAs = append(c.packedAs, c.packed.End().Body...)
			if got, err := c.read(); err != nil || got != string(c.text) {
				t.Fatalf("client %d: whole\n got %q (%v)\nwant %q", i, got, err, c.text)
			}
		}
	})
}

func (c *twins) catchUp() {
	for _, step := range c.backlog {
		step(c)
	}
	c.backlog = nil
}

// randomNote is a note like those of clients. Its IDs differ in width.
func randomNote(t *rapid.T) *wire.Note {
	digits := func() string { return rapid.StringMatching(`[0-9]{1,3}`).Draw(t, "digits") }
	n := &wire.Note{}
	n.Add(rapid.SampledFrom([]string{": hb\n", "event: hb\n"}).Draw(t, "kind"))
	n.Add("id: ")
	n.Vary(digits())
	n.Add("\n")
	if rapid.Bool().Draw(t, "data") {
		n.Add("data: ")
		n.Vary(digits())
		n.Add("\n")
	}
	n.Add("\n")
	return n
}

// randomDocument often resembles the one before, is sometimes not JSON, and sometimes holds
// NUL, with which notes are masked.
func randomDocument(t *rapid.T) []byte {
	filler := strings.Repeat("0123456789abcdef", rapid.SampledFrom([]int{0, 4, 4, 4, 300, 5000}).Draw(t, "size"))
	switch rapid.IntRange(0, 11).Draw(t, "kind") {
	case 0:
		return []byte("no document \x00\x00\x00 " + filler)
	case 1:
		return []byte(`{"n":1,"n":2}`)
	default:
		return fmt.Appendf(nil, `{"a":%d,"n":%d,"filler":%q}`, rapid.IntRange(0, 1).Draw(t, "a"), rapid.IntRange(0, 300).Draw(t, "n"), filler)
	}
}

// quotes is a list of 60 quotes, 5.2 kB. Each time three prices change.
type quotes struct {
	random *rand.Rand
	prices [60]int
}

func newQuotes() *quotes {
	q := &quotes{random: rand.New(rand.NewPCG(1, 2))}
	for i := range q.prices {
		q.prices[i] = 1000 + q.random.IntN(40_000)
	}
	return q
}

func (q *quotes) next() []byte {
	for range 3 {
		q.prices[q.random.IntN(len(q.prices))] += q.random.IntN(200) - 100
	}
	names := rand.New(rand.NewPCG(3, 4))
	var text []byte
	for i, price := range q.prices {
		open := price/100*100 + i
		text = fmt.Appendf(text, `,{"symbol":"S%03X","name":"%012X","price":%d.%02d,"open":%d.%02d,"volume":%d}`,
			names.IntN(4096), names.Uint64N(1<<48), price/100, price%100, open/100, open%100, 100_000+names.IntN(9_000_000))
	}
	text[0] = '['
	return append(text, ']')
}

// An event with its heartbeat takes a fortieth of the size of its document, whatever notes
// came before it.
func TestHeartbeatsDoNotBreakTheChain(t *testing.T) {
	at := 0
	for name, beat := range map[string]func(*Encoder) *wire.Fragment{
		"none":    nil,
		"comment": func(c *Encoder) *wire.Fragment { return c.Shared(comment) },
		"position": func(c *Encoder) *wire.Fragment {
			at++
			n := &wire.Note{}
			n.Add(": hb\n")
			n.Add("id: ")
			n.Vary(fmt.Sprintf("0123456789abcdef-%03d", at))
			n.Add("\n\n")
			return c.Note(n)
		},
		"event": func(c *Encoder) *wire.Fragment {
			at++
			n := &wire.Note{}
			n.Add("event: hb\ndata: ")
			n.Vary(fmt.Sprintf("%024d", at)) // as long as a time
			n.Add("\n\n")
			return c.Note(n)
		},
	} {
		t.Run(name, func(t *testing.T) {
			views := newTestViews(0, 1<<20)
			log, source := &timeline{t: t}, newQuotes()
			clients := make([]Encoder, 10)
			for i := range clients {
				clients[i] = Encoder{views: views, gzip: true}
				clients[i].Begin(nil)
			}
			const events = 50
			documents, sent := 0, 0
			for n := range events {
				data := source.next()
				e := log.next(hub.Message{Data: data})
				for i := range clients {
					_, body, _ := clients[i].Event(e, false, nil)
					if n > 0 { // the first event is compressed alone
						documents += len(data)
						sent += len(body)
					}
					if beat != nil {
						if p := beat(&clients[i]); name == "comment" {
							sent += len(p.Body)
						}
					}
				}
			}
			if sent > documents/40 {
				t.Errorf("%d bytes for %d, 1/%d, want at most 1/40", sent, documents, documents/sent)
			}
			// Two entries for each event, the frame and its compressed form, whatever the
			// heartbeats of each client said.
			if made := views.Stats().Made; made != 2*events {
				t.Errorf("%d entries were made for %d events and %d clients", made, events, len(clients))
			}
		})
	}
}

// A client that is given what is ready, and leaves before it waits for the rest, leaves nothing
// behind. An entry stayed that no worker would make, with its document, one for each document
// that nobody else wanted in that form.
func TestNothingStaysThatNobodyWaitsFor(t *testing.T) {
	for name, one := range map[string]Client{
		"compressed": {Gzip: true}, "patches": {View: View{Mode: Patch}}, "parts": {View: View{Fields: []string{"/a"}}},
	} {
		t.Run(name, func(t *testing.T) {
			views := newTestViews(100, 1<<20)
			defer views.Start(1)()
			e := (&timeline{t: t}).next(hub.Message{Data: []byte(`{"a":"` + strings.Repeat("x", 2*heavy) + `"}`)})
			c, err := views.Encoder(one)
			if err != nil {
				t.Fatal(err)
			}
			c.Begin(nil)
			if _, _, ok := c.Event(e, true, nil); ok {
				t.Fatal("made without a worker")
			}
			c.Close()
			views.Clear()
			views.cache.mu.Lock()
			defer views.cache.mu.Unlock()
			if n := len(views.cache.byKey); n > 0 {
				t.Errorf("%d entries are left", n)
			}
		})
	}
}

// What nobody has wanted for a minute is dropped when something else is made, and what somebody
// has wanted stays. It stayed up to the limit of the cache, with documents that history had
// dropped: hours, on a server with few documents.
func TestUnusedEntriesAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		views := newTestViews(100, 1<<20)
		log := &timeline{t: t}
		deliver := func(e *hub.Event) {
			t.Helper()
			c, err := views.Encoder(Client{View: View{Fields: []string{"/a"}}})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.Begin(nil)
			if _, _, ok := c.Event(e, true, nil); !ok {
				t.Fatal("not made")
			}
		}
		next := func(document string) *hub.Event { return log.next(hub.Message{Data: []byte(document)}) }
		expect := func(want ...string) {
			t.Helper()
			views.cache.mu.Lock()
			defer views.cache.mu.Unlock()
			var kept []string
			for e := range views.cache.held {
				kept = append(kept, string(e.Data()))
			}
			slices.Sort(kept)
			if !slices.Equal(kept, want) {
				t.Errorf("kept are %q, want %q", kept, want)
			}
		}
		wanted, unwanted := next(`{"a":"wanted"}`), next(`{"a":"unwanted"}`)
		deliver(wanted)
		deliver(unwanted)
		time.Sleep(time.Minute)
		deliver(wanted)
		deliver(next(`{"a":"after a minute"}`))
		expect(`{"a":"after a minute"}`, `{"a":"unwanted"}`, `{"a":"wanted"}`)
		time.Sleep(time.Second)
		deliver(next(`{"a":"later"}`))
		expect(`{"a":"after a minute"}`, `{"a":"later"}`, `{"a":"wanted"}`)
		time.Sleep(time.Hour)
		deliver(next(`{"a":"the last"}`))
		expect(`{"a":"the last"}`)
	})
}

// A client keeps no document of a stream that was removed.
func TestNoDocumentOfARemovedStreamStays(t *testing.T) {
	h, err := hub.New(hub.Options{Streams: hub.Named("a")})
	if err != nil {
		t.Fatal(err)
	}
	s, err := h.Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{"a", "removed"}, SkipUnknown: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	last := s.Replay()
	if len(last) != 1 || !last[0].IsLast() {
		t.Fatalf("got %v", last)
	}
	c, err := newTestViews(100, 1<<20).Encoder(Client{View: View{Mode: Patch}, Named: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	log := &timeline{t: t}
	for _, e := range []*hub.Event{log.next(hub.Message{Stream: "removed", Data: []byte("1")}), log.next(hub.Message{Stream: "a", Data: []byte("2")}), last[0]} {
		if _, _, ok := c.Event(e, true, nil); !ok {
			t.Fatal("not made")
		}
	}
	if len(c.viewer.bases) != 1 || c.viewer.bases[0].event.Stream() != "a" {
		t.Errorf("%d documents are kept, want that of a", len(c.viewer.bases))
	}
}
