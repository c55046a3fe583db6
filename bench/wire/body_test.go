package wire

import (
	"bytes"
	"compress/flate"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// dechunk feeds the pieces and returns the data of each chunk.
func dechunk(pieces ...[]byte) (chunks []string, over bool, err error) {
	var c Chunks
	var current []byte
	for _, p := range pieces {
		for {
			data, rest, end, err := c.Next(p)
			if err != nil {
				return chunks, false, err
			}
			current = append(current, data...)
			if end {
				chunks = append(chunks, string(current))
				current = nil
			}
			if data == nil {
				break
			}
			p = rest
		}
	}
	return chunks, c.Over(), nil
}

func TestChunksCutAtEveryByte(t *testing.T) {
	const body = "5\r\nhello\r\n1;name=value\r\n\n\r\n00A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
	want := []string{"hello", "\n", "0123456789"}
	for i := range len(body) + 1 {
		got, over, err := dechunk([]byte(body[:i]), []byte(body[i:]))
		if err != nil || !over || !slices.Equal(got, want) {
			t.Errorf("cut at %d: %q, over %v, %v", i, got, over, err)
		}
	}
}

func TestChunksBroken(t *testing.T) {
	for _, body := range []string{"\r\n", "x\r\n", "2\r\nabc", "fffffffff\r\n", "-1\r\n"} {
		if got, _, err := dechunk([]byte(body)); !errors.Is(err, ErrChunk) {
			t.Errorf("%q: %q, %v", body, got, err)
		}
	}
}

func TestHead(t *testing.T) {
	const text = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n" +
		"Transfer-Encoding: Chunked\r\nContent-Encoding: gzip\r\n\r\nbody"
	h, n, err := ParseHead([]byte(text))
	if err != nil || text[n:] != "body" || h != (Head{200, true, true, true}) {
		t.Errorf("%+v, rest %q, %v", h, text[n:], err)
	}
	for i := range n {
		if _, n, err := ParseHead([]byte(text[:i])); n != 0 || err != nil {
			t.Errorf("cut at %d: %d, %v", i, n, err)
		}
	}
	if h, _, err := ParseHead([]byte("HTTP/1.1 503 Busy\r\n\r\n")); err != nil || h.Status != 503 || h.Events {
		t.Errorf("%+v, %v", h, err)
	}
	for _, broken := range []string{"SSH-2.0 x\r\n\r\n", "HTTP/1.1 x\r\n\r\n", "HTTP/1.1 200 OK\r\nx\r\n\r\n", strings.Repeat("x", maxHead+1)} {
		if _, _, err := ParseHead([]byte(broken)); !errors.Is(err, ErrHead) {
			t.Errorf("%.20q: %v", broken, err)
		}
	}
}

// pieces returns a gzip stream of texts, one flushed piece each. A fresh one
// does not look back.
func pieces(t *testing.T, texts []string, fresh func(i int) bool) [][]byte {
	t.Helper()
	out := [][]byte{{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}}
	for i, text := range texts {
		var dictionary []byte
		if i > 0 && !fresh(i) {
			dictionary = []byte(texts[i-1])
		}
		var b bytes.Buffer
		w, err := flate.NewWriterDict(&b, flate.BestCompression, dictionary)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		out = append(out, b.Bytes())
	}
	return out
}

// Fresh pieces, pieces chained to the one before, and heartbeats (empty stored
// blocks) may follow each other in any order.
func TestInflate(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var texts []string
	for range 300 {
		texts = append(texts, strings.Repeat(string(rune('a'+random.IntN(26))), random.IntN(900))+texts0(texts))
	}
	var z Inflater
	var got strings.Builder
	feed := func(b []byte) {
		plain, err := z.Feed(b)
		if err != nil {
			t.Fatal(err)
		}
		got.Write(plain)
	}
	for _, p := range pieces(t, texts, func(i int) bool { return i%3 == 0 }) {
		cut := random.IntN(len(p) + 1)
		feed(p[:cut])
		feed(p[cut:])
		if random.IntN(4) == 0 && z.begun {
			feed([]byte{0, 0, 0, 0xff, 0xff})
		}
	}
	if want := strings.Join(texts, ""); got.String() != want {
		t.Errorf("%d bytes, want %d", got.Len(), len(want))
	}
}

// texts0 repeats a part of the last text, so that chaining has something to
// refer to.
func texts0(texts []string) string {
	if len(texts) == 0 {
		return "start"
	}
	last := texts[len(texts)-1]
	return last[len(last)/2:]
}

func TestInflateBroken(t *testing.T) {
	var z Inflater
	if _, err := z.Feed([]byte("HTTP/1.1 200 OK")); !errors.Is(err, ErrGzip) {
		t.Errorf("no gzip: %v", err)
	}
	z = Inflater{begun: true}
	if _, err := z.Feed([]byte{0xff, 0xff, 0, 0, 0xff, 0xff}); !errors.Is(err, ErrGzip) {
		t.Errorf("broken block: %v", err)
	}
}

func TestEventsCutAtEveryByte(t *testing.T) {
	const stream = ": hi\n\nretry: 10\n\nid: 1\ndata: {\"a\":1}\n\nevent: status\ndata: x\n\n" +
		"data:a\r\ndata: b\r\n\r\nevent: message\ndata: c\n\n: hb\n\ndata\n\ndata: cut"
	want := []string{`{"a":1}`, "a\nb", "c", ""}
	for i := range len(stream) + 1 {
		var e Events
		var got []string
		for _, p := range []string{stream[:i], stream[i:]} {
			if err := e.Feed([]byte(p), func(data []byte) { got = append(got, string(data)) }); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("cut at %d: %q, want %q", i, got, want)
		}
	}
}
