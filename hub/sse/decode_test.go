package sse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// errWouldBlock stands for a live stream on which nothing has arrived yet.
var errWouldBlock = errors.New("the stream is silent: this read would block")

// chunks is a reader that returns one chunk for each Read, and then would block.
type chunks []string

func (c *chunks) Read(p []byte) (int, error) {
	if len(*c) == 0 {
		return 0, errWouldBlock
	}
	n := copy(p, (*c)[0])
	if (*c)[0] = (*c)[0][n:]; (*c)[0] == "" {
		*c = (*c)[1:]
	}
	return n, nil
}

// TestDecoderLive checks that an event is returned as soon as its blank line has
// arrived. A decoder that waits for the byte after a CR, or for a full buffer, would
// delay the newest value until the next one.
func TestDecoderLive(t *testing.T) {
	tests := []struct {
		name   string
		chunks chunks
		want   []string
	}{
		{"lf", chunks{"data: a\n\n"}, []string{"a"}},
		{"crlf", chunks{"data: a\r\n\r\n"}, []string{"a"}},
		{"cr", chunks{"data: a\r\r"}, []string{"a"}},
		{"blank line is half a crlf", chunks{"data: a\r\n\r", "\n"}, []string{"a"}},
		{"two in one read", chunks{"data: a\n\ndata: b\n\ndata: c"}, []string{"a", "b"}},
		{"late lf begins the next read", chunks{"data: a\r\n\r", "\ndata: b\r\n\r"}, []string{"a", "b"}},
		{"cut everywhere", chunks{"da", "ta", ":", " ", "a", "\r", "\n", "\r", "\n", "data: b\r", "\r"}, []string{"a", "b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := NewDecoder(&tt.chunks)
			for _, want := range tt.want {
				e, err := d.Next()
				if err != nil || string(e.Data) != want {
					t.Fatalf("Next = %q, %v; want %q", e.Data, err, want)
				}
			}
			if e, err := d.Next(); !errors.Is(err, errWouldBlock) {
				t.Fatalf("Next = %q, %v; want the reader's error", e.Data, err)
			}
		})
	}
}

// TestDecoderReadsNoFurther checks that Next does not read while it has an event.
func TestDecoderReadsNoFurther(t *testing.T) {
	in := chunks{"data: a\r\n\r", "\ndata: b\n\n"}
	d := NewDecoder(&in)
	if len(in) != 2 {
		t.Fatal("NewDecoder read from the stream")
	}
	if _, err := d.Next(); err != nil || len(in) != 1 {
		t.Fatalf("Next = %v and left %d chunks, want 1", err, len(in))
	}
}

func TestDecoderState(t *testing.T) {
	in := chunks{"id: 1\nretry: 10\n", "data: a\n\nid: 2\nretry: x\ndata: b\n\n", "id: 3\n\nid: 4\nretry: 20\n"}
	d := NewDecoder(&in)
	check := func(wantID string, wantRetry time.Duration, wantOK bool) {
		t.Helper()
		retry, ok := d.Retry()
		if id := d.LastEventID(); id != wantID || retry != wantRetry || ok != wantOK {
			t.Errorf("LastEventID, Retry = %q, %v, %v; want %q, %v, %v", id, retry, ok, wantID, wantRetry, wantOK)
		}
	}
	check("", 0, false)
	if _, err := d.Next(); err != nil {
		t.Fatal(err)
	}
	// The second event was read, but not dispatched.
	check("1", 10*time.Millisecond, true)
	if _, err := d.Next(); err != nil {
		t.Fatal(err)
	}
	check("2", 10*time.Millisecond, true)
	if _, err := d.Next(); !errors.Is(err, errWouldBlock) {
		t.Fatal(err)
	}
	// 3 was dispatched without data, 4 was not.
	check("3", 20*time.Millisecond, true)
}

func TestParseRetry(t *testing.T) {
	for _, tt := range []struct {
		value string
		ms    int64
		ok    bool
	}{
		{"", 0, false},
		{"-1", 0, false},
		{"0", 0, true},
		{"1", 1, true},
		{"/", 0, false}, // the bytes around the digits
		{":", 0, false},
		{"9223372036853", maxRetry - 1, true},
		{"9223372036854", maxRetry, true},
		{"9223372036855", 0, false},
		{"9223372036854775808", 0, false},
		{"18446744073709551616", 0, false},
		{strings.Repeat("9", 1000), 0, false},
		{strings.Repeat("0", 1000) + "7", 7, true},
	} {
		if ms, ok := parseRetry([]byte(tt.value)); ms != tt.ms || ok != tt.ok {
			t.Errorf("parseRetry(%.30q) = %d, %v; want %d, %v", tt.value, ms, ok, tt.ms, tt.ok)
		}
	}
	if d := time.Duration(maxRetry) * time.Millisecond; d <= 0 {
		t.Errorf("maxRetry overflows a Duration: %d", d)
	}
}

func TestDecoderLimit(t *testing.T) {
	const limit = 64
	line := func(n int) string { return "data: " + strings.Repeat("x", n-len("data: ")) + "\n" }
	// Three lines of 20 bytes and the LFs between them are 62 bytes of data.
	three := strings.Repeat("data:"+strings.Repeat("x", 20)+"\n", 3)
	tests := []struct {
		name  string
		input string
		ok    bool
	}{
		{"line, limit - 1", line(limit-1) + "\n", true},
		{"line, limit", line(limit) + "\n", true},
		{"line, limit with crlf", strings.TrimSpace(line(limit)) + "\r\n\r\n", true},
		{"line, limit + 1", line(limit+1) + "\n", false},
		{"line without end, limit + 1", strings.Repeat("x", limit+1), false},
		{"comment, limit", ":" + strings.Repeat("x", limit-1) + "\ndata:\n\n", true},
		{"comment, limit + 1", ":" + strings.Repeat("x", limit) + "\ndata:\n\n", false},
		{"event, limit - 1", three + "data\n\n", true},
		{"event, limit", three + "data:x\n\n", true},
		{"event, limit + 1", three + "data:xx\n\n", false},
		{"empty lines, limit", strings.Repeat("data\n", limit+1) + "\n", true},
		{"empty lines, limit + 1", strings.Repeat("data\n", limit+2) + "\n", false},
		{"two events, limit each", strings.Repeat(line(limit)+"\n", 2), true},
		{"dropped blocks do not count", strings.Repeat("event: "+strings.Repeat("x", 50)+"\n\n", 9) + "data\n\n", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"whole":        strings.NewReader(tt.input),
				"byte by byte": iotest.OneByteReader(strings.NewReader(tt.input)),
			} {
				d := NewDecoderWithOptions(r, &DecoderOptions{MaxBytes: limit})
				_, err := d.Next()
				if tt.ok && err != nil || !tt.ok && !errors.Is(err, ErrTooLarge) {
					t.Errorf("read %s: %v", how, err)
				}
				if !tt.ok {
					if _, again := d.Next(); !errors.Is(again, ErrTooLarge) {
						t.Errorf("read %s, second call: %v, want the same error", how, again)
					}
				}
			}
		})
	}
}

func TestDecoderOptions(t *testing.T) {
	for _, tt := range []struct {
		options *DecoderOptions
		want    int
	}{
		{nil, 16 << 20},
		{&DecoderOptions{}, DefaultMaxBytes},
		{&DecoderOptions{MaxBytes: -1}, DefaultMaxBytes},
		{&DecoderOptions{MaxBytes: 1}, 1},
		{&DecoderOptions{MaxBytes: 2 * DefaultMaxBytes}, 2 * DefaultMaxBytes},
	} {
		if got := NewDecoderWithOptions(nil, tt.options).limit; got != tt.want {
			t.Errorf("limit for %+v = %d, want %d", tt.options, got, tt.want)
		}
	}
}

// endless repeats one text for ever and counts the bytes that were read.
type endless struct {
	text string
	n    int
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.text[(e.n+i)%len(e.text)]
	}
	e.n += len(p)
	return len(p), nil
}

// TestDecoderBoundedMemory checks that a server that never ends its line or event costs
// no more memory than the limit.
func TestDecoderBoundedMemory(t *testing.T) {
	const limit = 1 << 20
	for _, text := range []string{"x", "data: xxxxxxx\n", "data\n", "data:\xff\n", "id: " + strings.Repeat("x", 1000)} {
		t.Run(fmt.Sprintf("%.12q", text), func(t *testing.T) {
			in := &endless{text: text}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			d := NewDecoderWithOptions(in, &DecoderOptions{MaxBytes: limit})
			if _, err := d.Next(); !errors.Is(err, ErrTooLarge) {
				t.Fatalf("Next = %v, want ErrTooLarge", err)
			}
			runtime.ReadMemStats(&after)
			// Growing by doubling allocates some five times the final size.
			if used := after.TotalAlloc - before.TotalAlloc; used > 8*limit {
				t.Errorf("allocated %d bytes for a limit of %d", used, limit)
			}
			if most := (limit+2)*len("data\n") + readSize; in.n > most {
				t.Errorf("read %d bytes, want at most %d", in.n, most)
			}
		})
	}
}

func TestDecoderReaderErrors(t *testing.T) {
	broken := errors.New("connection reset")
	t.Run("after an event", func(t *testing.T) {
		d := NewDecoder(io.MultiReader(strings.NewReader("data: a\n\ndata: b\n"), iotest.ErrReader(broken)))
		if e, err := d.Next(); err != nil || string(e.Data) != "a" {
			t.Fatalf("Next = %q, %v", e.Data, err)
		}
		for range 2 {
			if e, err := d.Next(); err != broken || e.Data != nil {
				t.Fatalf("Next = %q, %v; want the reader's own error, each time", e.Data, err)
			}
		}
	})
	t.Run("together with the event", func(t *testing.T) {
		d := NewDecoder(iotest.DataErrReader(io.MultiReader(strings.NewReader("data: a\n\n"), iotest.ErrReader(io.ErrUnexpectedEOF))))
		if e, err := d.Next(); err != nil || string(e.Data) != "a" {
			t.Fatalf("Next = %q, %v", e.Data, err)
		}
		if _, err := d.Next(); err != io.ErrUnexpectedEOF {
			t.Fatalf("Next = %v; a cut must not look like an end", err)
		}
	})
	t.Run("end", func(t *testing.T) {
		d := NewDecoder(strings.NewReader(""))
		for range 2 {
			if _, err := d.Next(); err != io.EOF {
				t.Fatalf("Next = %v, want io.EOF", err)
			}
		}
	})
	t.Run("no progress", func(t *testing.T) {
		calls := 0
		d := NewDecoder(readerFunc(func([]byte) (int, error) { calls++; return 0, nil }))
		if _, err := d.Next(); err != io.ErrNoProgress || calls > 101 {
			t.Fatalf("Next = %v after %d reads, want io.ErrNoProgress after some 100", err, calls)
		}
	})
	t.Run("a few empty reads are fine", func(t *testing.T) {
		in, calls := strings.NewReader("data: a\n\n"), 0
		d := NewDecoder(readerFunc(func(p []byte) (int, error) {
			if calls++; calls%50 != 0 {
				return 0, nil
			}
			return in.Read(p[:1])
		}))
		if e, err := d.Next(); err != nil || string(e.Data) != "a" {
			t.Fatalf("Next = %q, %v", e.Data, err)
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestDecoderDataIsTheCallers checks that the data of an event stays valid after the
// next one.
func TestDecoderDataIsTheCallers(t *testing.T) {
	d := NewDecoder(strings.NewReader("data: aaaa\n\ndata: bb\n\ndata:\n\n"))
	first, _ := d.Next()
	_ = append(first.Data, "overwritten"...)
	second, _ := d.Next()
	if string(first.Data) != "aaaa" || string(second.Data) != "bb" {
		t.Errorf("events = %q, %q; want aaaa, bb", first.Data, second.Data)
	}
	if third, err := d.Next(); err != nil || third.Data == nil || len(third.Data) != 0 {
		t.Errorf("empty event = %#v, %v; want data that is empty and not nil", third.Data, err)
	}
}

// TestLineEnd puts each kind of line end on both sides of each window border.
func TestLineEnd(t *testing.T) {
	for _, n := range []int{0, 1, 255, 256, 257, 511, 512, 513, 1000} {
		text := bytes.Repeat([]byte("x"), n)
		if got := lineEnd(text); got != -1 {
			t.Errorf("lineEnd of %d other bytes = %d, want -1", n, got)
		}
		for i := range text {
			for _, end := range []string{"\n", "\r", "\r\n", "\n\r", "\rx\n", "\nx\r"} {
				b := append(bytes.Clone(text[:i]), end...)
				b = append(b, text[i:]...)
				if got := lineEnd(b); got != i {
					t.Fatalf("lineEnd of %d bytes with %q at %d = %d", n, end, i, got)
				}
			}
		}
	}
}

// TestLineEndIsLinear searches a text of nothing but CRs. A plain search, first for LF
// and then for CR, would scan the whole rest for each line. For 8 MiB that takes longer
// than the ten minutes of go test; the windows take a fraction of a second.
func TestLineEndIsLinear(t *testing.T) {
	for _, end := range []string{"\r", "\n"} {
		text := bytes.Repeat([]byte(end), 8<<20)
		for lines := 0; len(text) > 0; lines++ {
			if i := lineEnd(text); i != 0 {
				t.Fatalf("line %d of %q ends at %d, want 0", lines, end, i)
			}
			text = text[1:]
		}
	}
}

// TestAppendUTF8 tries all sequences of one and two bytes, and those of four bytes at
// which the tables of the decoder change.
func TestAppendUTF8(t *testing.T) {
	check := func(b []byte) {
		t.Helper()
		if got, want := string(appendUTF8(nil, b)), specUTF8Decode(b); got != want {
			t.Fatalf("appendUTF8(% x) = %+q, want %+q", b, got, want)
		}
	}
	for i := range 256 {
		check([]byte{byte(i)})
		for j := range 256 {
			check([]byte{byte(i), byte(j)})
		}
	}
	edges := []byte{'a', 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF}
	for _, a := range edges {
		for _, b := range edges {
			for _, c := range edges {
				for _, d := range edges {
					check([]byte{a, b, c, d})
				}
			}
		}
	}
}

// After a large event, a stream of small ones needs no large buffers. They were kept as long as
// the stream.
func TestDecoderKeepsNoLargeBuffer(t *testing.T) {
	large := strings.Repeat("x", 1<<20)
	d := NewDecoder(strings.NewReader("data: " + large + "\ndata: y\n\n" + "data: z\n\n"))
	for _, want := range []string{large + "\ny", "z"} {
		e, err := d.Next()
		if err != nil || string(e.Data) != want {
			t.Fatalf("got %d bytes, %v, want %d", len(e.Data), err, len(want))
		}
		if kept := cap(d.line) + cap(d.data); kept > 2*64<<10 {
			t.Errorf("%d bytes are kept after an event of %d", kept, len(want))
		}
	}
}
