package sse

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	gosse "github.com/tmaxmax/go-sse"
)

// otherParse reads stream with github.com/tmaxmax/go-sse (v0.12), a parser that
// nobody of this project wrote, and reports whether the two can be compared. It
// departs from the standard in four points:
//   - It yields an event for a block that has an id or an event line but no data,
//     and does not tell it from one with a single empty data line. Events without
//     data are therefore left out on both sides.
//   - It does not decode UTF-8. Its strings are decoded here.
//   - It drops a byte order mark behind blank lines at the start of the stream,
//     where the standard takes only the first three bytes for one. Such streams
//     are not compared.
//   - It shows neither the retry time nor the last event ID at the end.
func otherParse(t *testing.T, stream []byte) (events []wireEvent, ok bool) {
	if bytes.HasPrefix(bytes.TrimLeft(stream, "\r\n"), byteOrderMark) && !bytes.HasPrefix(stream, byteOrderMark) {
		return nil, false
	}
	config := &gosse.ReadConfig{MaxEventSize: len(stream) + 64}
	for e, err := range gosse.Read(bytes.NewReader(stream), config) {
		if err != nil {
			t.Fatalf("go-sse: %v", err)
		}
		if e.Data == "" {
			continue
		}
		w := wireEvent{Type: specUTF8Decode([]byte(e.Type)), Data: specUTF8Decode([]byte(e.Data)), LastEventID: specUTF8Decode([]byte(e.LastEventID))}
		if w.Type == "" {
			w.Type = "message"
		}
		events = append(events, w)
	}
	return events, true
}

// FuzzDecode compares Decoder with the text of the standard (specParse) and with an
// independent parser, and splits the stream at a place that the fuzzer chooses.
func FuzzDecode(f *testing.F) {
	for _, v := range readVectors(f) {
		if b := v.bytes(f); len(b) < readSize { // a long seed makes each run slow
			f.Add(b, uint16(len(b)/2))
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte, cut uint16) {
		got := decodeAll(t, bytes.NewReader(stream))
		if d := diff(specParse(stream), got); d != "" {
			t.Errorf("differs from the standard (-standard +got):\n%s", d)
		}
		i := min(int(cut), len(stream))
		if d := diff(got, decodeAll(t, io.MultiReader(bytes.NewReader(stream[:i]), bytes.NewReader(stream[i:])))); d != "" {
			t.Errorf("cut at %d (-whole +cut):\n%s", i, d)
		}
		if d := diff(got, decodeAll(t, iotest.OneByteReader(bytes.NewReader(stream)))); d != "" {
			t.Errorf("byte by byte (-whole +bytes):\n%s", d)
		}
		if other, ok := otherParse(t, stream); ok {
			withData := slices.DeleteFunc(slices.Clone(got.events), func(e wireEvent) bool { return e.Data == "" })
			if len(withData)+len(other) > 0 {
				if d := cmp.Diff(other, withData); d != "" {
					t.Errorf("differs from go-sse (-go-sse +got):\n%s", d)
				}
			}
		}

		// With a smaller limit the result is a prefix, then ErrTooLarge or the end.
		const limit = 8
		d := NewDecoderWithOptions(bytes.NewReader(stream), &DecoderOptions{MaxBytes: limit})
		for n := 0; ; n++ {
			e, err := d.Next()
			if err != nil {
				if !errors.Is(err, ErrTooLarge) && (err != io.EOF || n != len(got.events)) {
					t.Errorf("limited: %v after %d of %d events", err, n, len(got.events))
				}
				break
			}
			if n >= len(got.events) || string(e.Data) != got.events[n].Data {
				t.Fatalf("limited: event %d is %q", n, e.Data)
			}
			if len(e.Data) > 3*limit { // a byte becomes U+FFFD, three bytes
				t.Errorf("limited: %d bytes of data", len(e.Data))
			}
		}
	})
}

// FuzzRoundTrip checks that every accepted event comes back, alone and after another
// event.
func FuzzRoundTrip(f *testing.F) {
	f.Add("", "", []byte(nil))
	f.Add("0f3a-1", "", []byte(`{"value":42}`))
	f.Add("1", "message", []byte("a\r\n\rb\n"))
	f.Add(" 1", " tick ", []byte("\uFEFF  \xe2\x98"))
	f.Add("1\ndata: forged", "x\r", []byte("a"))
	f.Add("\x00", "", []byte("\n\nid: 2\n\n"))
	f.Fuzz(func(t *testing.T, id, name string, data []byte) {
		e := Event{ID: id, Name: name, Data: data}
		before, _ := AppendEvent(nil, Event{ID: "before", Name: "other", Data: []byte("x")})
		stream, err := AppendEvent(slices.Clone(before), e)
		if strings.ContainsAny(id+name, "\r\n\x00") {
			if err == nil || !bytes.Equal(stream, before) {
				t.Fatalf("AppendEvent = %q, %v; want a refusal", stream, err)
			}
			return
		}
		if err != nil {
			t.Fatalf("AppendEvent: %v", err)
		}
		w := normalise(e, "before")
		want := specResult{
			events:  []wireEvent{{Type: "other", Data: "x", LastEventID: "before"}, w},
			lastID:  w.LastEventID,
			retryMS: -1,
		}
		if d := diff(want, decodeAll(t, bytes.NewReader(stream))); d != "" {
			t.Errorf("%q (-want +got):\n%s", stream, d)
		}
	})
}
