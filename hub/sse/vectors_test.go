package sse

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// vector is one entry of testdata/vectors.json: a stream, and the events that an
// EventSource makes of it.
type vector struct {
	Name        string      `json:"name"`
	Why         string      `json:"why"`
	Input       *string     `json:"input"`
	Base64      *string     `json:"base64"` // instead of input, for bytes that are not UTF-8
	Events      []wireEvent `json:"events"`
	LastEventID string      `json:"lastEventId"`
	Retry       *int64      `json:"retry"` // milliseconds; null if none was set
}

func (v vector) bytes(t testing.TB) []byte {
	t.Helper()
	if v.Base64 == nil {
		return []byte(*v.Input)
	}
	b, err := base64.StdEncoding.DecodeString(*v.Base64)
	if err != nil {
		t.Fatalf("vector %s: %v", v.Name, err)
	}
	return b
}

func (v vector) want() specResult {
	res := specResult{events: v.Events, lastID: v.LastEventID, retryMS: -1}
	if v.Retry != nil {
		res.retryMS = *v.Retry
	}
	return res
}

func readVectors(t testing.TB) []vector {
	t.Helper()
	file, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(file))
	dec.DisallowUnknownFields()
	var vectors []vector
	if err := dec.Decode(&vectors); err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, v := range vectors {
		if names[v.Name] || v.Name == "" || v.Why == "" || (v.Input == nil) == (v.Base64 == nil) || v.Events == nil {
			t.Fatalf("vector %q: needs a name of its own, a reason, events, and either input or base64", v.Name)
		}
		names[v.Name] = true
	}
	if len(vectors) < 100 {
		t.Fatalf("only %d vectors were read", len(vectors))
	}
	return vectors
}

// fataler has the common methods of testing.TB and rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// decodeAll reads r to its end and returns what a page would get.
func decodeAll(t fataler, r io.Reader) specResult {
	t.Helper()
	d := NewDecoder(r)
	res := specResult{retryMS: -1}
	for {
		e, err := d.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		w := wireEvent{Type: e.Name, Data: string(e.Data), LastEventID: e.ID}
		if w.Type == "" {
			w.Type = "message"
		}
		res.events = append(res.events, w)
	}
	res.lastID = d.LastEventID()
	if retry, ok := d.Retry(); ok {
		res.retryMS = int64(retry / time.Millisecond)
	}
	return res
}

// diff compares two results. No events equal nil.
func diff(want, got specResult) string {
	if len(want.events) == 0 {
		want.events = nil
	}
	if len(got.events) == 0 {
		got.events = nil
	}
	return cmp.Diff(want, got, cmp.AllowUnexported(specResult{}))
}

// splits returns the places at which to split an input of n bytes: all, or for a long
// input those near its ends and near the multiples of the read buffer.
func splits(n int) []int {
	var at []int
	for i := 0; i <= n; i++ {
		border := i % readSize
		if n <= 4*readSize || i < 32 || n-i < 32 || border < 3 || readSize-border < 3 {
			at = append(at, i)
		}
	}
	return at
}

func TestDecoderVectors(t *testing.T) {
	for _, v := range readVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			input, want := v.bytes(t), v.want()
			if d := diff(want, specParse(input)); d != "" {
				t.Fatalf("%s\nthe vector is not what the standard says (-vector +standard):\n%s", v.Why, d)
			}
			readers := map[string]io.Reader{
				"whole":          bytes.NewReader(input),
				"byte by byte":   iotest.OneByteReader(bytes.NewReader(input)),
				"halves":         iotest.HalfReader(bytes.NewReader(input)),
				"data with EOF":  iotest.DataErrReader(bytes.NewReader(input)),
				"one byte + EOF": iotest.DataErrReader(iotest.OneByteReader(bytes.NewReader(input))),
			}
			for name, r := range readers {
				if d := diff(want, decodeAll(t, r)); d != "" {
					t.Fatalf("%s\nread %s (-want +got):\n%s", v.Why, name, d)
				}
			}
			for _, i := range splits(len(input)) {
				r := io.MultiReader(bytes.NewReader(input[:i]), bytes.NewReader(input[i:]))
				if d := diff(want, decodeAll(t, r)); d != "" {
					t.Fatalf("%s\ncut at %d of %d (-want +got):\n%s", v.Why, i, len(input), d)
				}
			}
		})
	}
}

// TestDecoderName checks that both spellings of the default type give an empty name, as
// a browser does not distinguish them.
func TestDecoderName(t *testing.T) {
	for line, want := range map[string]string{
		"":                  "",
		"event\n":           "",
		"event: message\n":  "",
		"event: Message\n":  "Message",
		"event:  message\n": " message",
		"event: tick\n":     "tick",
	} {
		e, err := NewDecoder(strings.NewReader(line + "data\n\n")).Next()
		if err != nil || e.Name != want {
			t.Errorf("Name after %q = %q, %v; want %q", line, e.Name, err, want)
		}
	}
}

// TestDecoderMarkBeforeLineEnd is not among the vectors, because Chromium 156 violates
// the standard here: it takes a line end right after the byte order mark as part of the
// next line.
func TestDecoderMarkBeforeLineEnd(t *testing.T) {
	want := specResult{events: []wireEvent{{Type: "message", Data: "a"}}, retryMS: -1}
	for _, input := range []string{"\uFEFF\ndata: a\n\n", "\uFEFF\rdata: a\n\n", "\uFEFF\r\ndata: a\n\n"} {
		if d := diff(want, decodeAll(t, iotest.OneByteReader(bytes.NewReader([]byte(input))))); d != "" {
			t.Errorf("%q (-want +got):\n%s", input, d)
		}
	}
}
