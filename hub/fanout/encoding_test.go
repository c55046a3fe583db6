package fanout

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
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
	packed, plain  encoding
	packedAs, text []byte
	backlog        []func(*twins) // what the client has yet to be given
}

func (c *twins) event(e *hub.Event) {
	head, form, _ := c.packed.event(e, false, nil)
	c.packedAs = append(append(c.packedAs, head...), form...)
	head, form, _ = c.plain.event(e, false, nil)
	c.text = append(append(c.text, head...), form...)
}

func (c *twins) note(n *note) {
	c.packedAs = append(c.packedAs, c.packed.note(n).body...)
	c.text = append(c.text, c.plain.note(n).body...)
}

func (c *twins) comment() {
	c.packedAs = append(c.packedAs, c.packed.comment().body...)
	c.text = append(c.text, c.plain.comment().body...)
}

// read unpacks what the compressed twin got so far, without its end if that is not
// there.
func (c *twins) read() (string, error) {
	r, err := gzip.NewReader(bytes.NewReader(c.packedAs))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), err
}

// testViews are views that differ in all that matters.
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

// Whatever clients get, in whatever order and at whatever pace, with whatever
// heartbeats between: what is unpacked is what a client without compression gets,
// byte by byte and at once, and the checksum at the end is right.
func TestAnySequenceUnpacks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &forms{limit: rapid.SampledFrom([]int{1, 10_000, 1 << 30}).Draw(t, "limit")}
		views := newViews(Options{MaxViews: 100, Logger: slog.New(slog.DiscardHandler), Key: func(string) document.Pointer { return document.Pointer{} }})
		log := &timeline{t: t}
		var clients []*twins
		join := func() {
			wanted := rapid.SampledFrom(testViews).Draw(t, "view")
			named := rapid.Bool().Draw(t, "named")
			c := &twins{}
			for _, one := range []*encoding{&c.packed, &c.plain} {
				v, err := views.acquire(wanted, named, netip.Addr{})
				if err != nil {
					t.Fatal(err)
				}
				*one = encoding{forms: f, viewer: v, named: v == nil && named}
			}
			c.packed.gzip = true
			c.packedAs = append(c.packedAs, c.packed.begin([]byte("retry: 1\n\n")).body...)
			c.text = append(c.text, c.plain.begin([]byte("retry: 1\n\n")).body...)
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
			c.packedAs = append(c.packedAs, c.packed.end().body...)
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

// randomNote is a note as clients get them. Its IDs differ in width.
func randomNote(t *rapid.T) *note {
	digits := func() string { return rapid.StringMatching(`[0-9]{1,3}`).Draw(t, "digits") }
	n := &note{}
	n.add(rapid.SampledFrom([]string{": hb\n", "event: hb\n"}).Draw(t, "kind"))
	n.idField(digits())
	if rapid.Bool().Draw(t, "data") {
		n.add("data: ")
		n.vary(digits())
		n.add("\n")
	}
	n.add("\n")
	return n
}

// randomDocument is often like the one before, sometimes none, and sometimes holds
// what notes are masked with.
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

// quotes is a list of 60 quotes, 5.2 kB, of which the next one has three prices
// changed.
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

// An event costs a fortieth of its document, heartbeat included, whatever came
// between it and the one before.
func TestHeartbeatsDoNotBreakTheChain(t *testing.T) {
	at := 0
	for name, beat := range map[string]func(*encoding) *piece{
		"none":    nil,
		"comment": (*encoding).comment,
		"position": func(c *encoding) *piece {
			at++
			n := &note{}
			n.add(": hb\n")
			n.idField(fmt.Sprintf("0123456789abcdef-%03d", at))
			n.add("\n")
			return c.note(n)
		},
		"event": func(c *encoding) *piece {
			at++
			n := &note{}
			n.add("event: hb\ndata: ")
			n.vary(fmt.Sprintf("%024d", at)) // a time is as long
			n.add("\n\n")
			return c.note(n)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &forms{limit: 1 << 20}
			log, source := &timeline{t: t}, newQuotes()
			clients := make([]encoding, 10)
			for i := range clients {
				clients[i] = encoding{forms: f, gzip: true}
				clients[i].begin(nil)
			}
			const events = 50
			documents, wire := 0, 0
			for n := range events {
				data := source.next()
				e := log.next(hub.Message{Data: data})
				for i := range clients {
					_, body, _ := clients[i].event(e, false, nil)
					if n > 0 { // the first is compressed alone
						documents += len(data)
						wire += len(body)
					}
					if beat != nil {
						if p := beat(&clients[i]); name == "comment" {
							wire += len(p.body)
						}
					}
				}
			}
			if wire > documents/40 {
				t.Errorf("%d bytes for %d, 1/%d, want at most 1/40", wire, documents, documents/wire)
			}
			// Two forms an event, the frame and one that is compressed, whatever the
			// heartbeats of each client said.
			if made := f.count.Load(); made != 2*events {
				t.Errorf("%d forms were made for %d events and %d clients", made, events, len(clients))
			}
		})
	}
}
