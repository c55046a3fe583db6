package fanout_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/hubtest"
)

// Each bound, from outside: what is too much when it is a hundred times as large.

// What is kept for several clients stays within Options.FormBytes.
func TestFormsAreBounded(t *testing.T) { bothWriters(t, testFormsAreBounded) }

func testFormsAreBounded(t *testing.T, start starter) {
	const limit = 100 << 10
	r := start(hub.Options{}, fanout.Options{FormBytes: limit})
	var clients []*client
	for _, query := range []string{"mode=patch", "field=/filler", "mode=merge&field=/n&field=/filler"} {
		clients = append(clients, r.open(r.dial(), query), r.openGzip(r.dial(), query))
	}
	for n := range 60 {
		r.publish(fmt.Sprintf(`{"n":%d,"filler":"%s%d"}`, n, strings.Repeat("0123456789abcdef", 200), n))
		for _, c := range clients {
			c.next()
		}
		if kept := r.engine.Stats().FormBytes; kept > limit {
			t.Fatalf("%d bytes are kept after %d events, limit %d", kept, n, limit)
		}
	}
	if kept := r.engine.Stats().FormBytes; kept < limit/2 {
		t.Errorf("%d bytes are kept of %d that may be", kept, limit)
	}
}

// However many different things clients have before an event, it is compressed
// behind a few of them.
func TestChainedFormsAreBounded(t *testing.T) { bothWriters(t, testChainedFormsAreBounded) }

func testChainedFormsAreBounded(t *testing.T, start starter) {
	const different = 40
	names := []string{"a"}
	for n := range different {
		names = append(names, fmt.Sprintf("x%d", n))
	}
	r := start(hub.Options{Streams: hub.Named(names...)}, fanout.Options{})
	var clients []*client
	for _, name := range names[1:] {
		r.publishTo(name, `"`+name+`"`)
		c := r.openGzip(r.dial(), "stream=a&stream="+name)
		c.expect(`"` + name + `"`)
		r.publishTo(name, `"again"`)
		c.expect(`"again"`)
		clients = append(clients, c)
	}
	before := r.engine.Stats().FormsMade
	r.publishTo("a", "1")
	for _, c := range clients {
		c.expect("1")
	}
	// The frame, alone, and behind eight others.
	if made := r.engine.Stats().FormsMade - before; made != 10 {
		t.Errorf("%d forms were made of one event, want 10", made)
	}
}

// A difference is told only where it is shorter than the document, to the byte.
func TestDifferencesAreShorter(t *testing.T) { bothWriters(t, testDifferencesAreShorter) }

func testDifferencesAreShorter(_ *testing.T, start starter) {
	r := start(hub.Options{}, fanout.Options{})
	document := func(n, size int) string {
		begin := fmt.Sprintf(`{"a":%d,"f":"`, n)
		return begin + strings.Repeat("x", size-len(begin)-2) + `"}`
	}
	for mode, member := range map[string]string{"patch": `"ops":[{"op":"replace","path":"/a","value":%d}]`, "merge": `"patch":{"a":%d}`} {
		difference := func(base hub.ID, n int) string {
			return `{"base":"` + base.String() + `",` + fmt.Sprintf(member, n) + `}`
		}
		for longer := -1; longer <= 1; longer++ {
			// IDs may become longer meanwhile, so the size is that with the base.
			probe := r.publish("0")
			_ = r.publish("0") // as long as the base will be
			size := len(difference(probe, 2)) + longer
			base := r.publish(document(1, size))
			if len(base.String()) != len(probe.String()) {
				longer--
				continue // the number got one more digit in between
			}
			c := r.open(r.dial(), "mode="+mode)
			c.expect(document(1, size))
			r.publish(document(2, size))
			if longer > 0 {
				c.expect(difference(base, 2))
			} else {
				c.expect(document(2, size))
			}
		}
	}
}

// A portion of a replay is bounded by events, by bytes, and by what was looked at to
// make it. Between two of them a stream can end.
func TestPortionsAreBounded(t *testing.T) {
	for _, test := range []struct {
		name     string
		query    string
		document func(n int) string
		events   int
		most     int // in three portions: what a reader has ahead, what is written when the time comes, and the last
	}{
		{"events", "", func(n int) string { return fmt.Sprint(n) }, 250, 3 * 64},
		{"bytes", "", func(n int) string { return fmt.Sprintf(`"%d%s"`, n, strings.Repeat("x", 20<<10)) }, 40, 3 * 4},
		{"documents that are compared", "mode=merge&field=/n", func(n int) string {
			return fmt.Sprintf(`{"n":"%d%s","filler":"%s"}`, n, strings.Repeat("x", 100), strings.Repeat("x", 3<<10))
		}, 250, 3 * 21},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, hub.Options{HistoryBytes: 16 << 20}, fanout.Options{MaxAge: time.Second}, hubtest.NewPipeListener(), false)
				defer r.stop()
				begin := r.hub.Position()
				for n := range test.events {
					r.publish(test.document(n))
				}
				c := r.open(r.dial(), test.query, "Last-Event-ID: "+begin.String())
				time.Sleep(2 * time.Second) // a pipe holds nothing, so the first portion is not taken yet
				came := 0
				for ; ; came++ {
					if _, err := c.Next(); errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						t.Fatal(err)
					}
				}
				if came == 0 || came > test.most {
					t.Errorf("%d events came before the end, want 1 to %d", came, test.most)
				}
			})
		})
	}
}
