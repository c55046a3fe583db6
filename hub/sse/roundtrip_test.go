package sse

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

// normalise returns an event as it comes back from a round trip when lastID was the
// last event ID before it. The package comment allows only these three changes.
func normalise(e Event, lastID string) wireEvent {
	data := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(e.Data))
	w := wireEvent{Type: specUTF8Decode([]byte(e.Name)), Data: specUTF8Decode([]byte(data)), LastEventID: specUTF8Decode([]byte(e.ID))}
	if w.Type == "" {
		w.Type = "message"
	}
	if e.ID == "" {
		w.LastEventID = lastID
	}
	return w
}

func TestRoundTrip(t *testing.T) {
	// Short pieces that matter to a parser, so that they meet often.
	pieces := rapid.SampledFrom([]string{"\r", "\n", "\r\n", " ", ":", "data: x", "id: 9", "retry: 5", "message", "a", "\x00", "\xff", "\xe2\x98", "☃", "\uFEFF", "\u2028"})
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(pieces, 0, 8).Draw(t, "pieces"), "") + rapid.String().Draw(t, "text")
	})
	field := rapid.Map(text, func(s string) string { return strings.NewReplacer("\r", "", "\n", "", "\x00", "").Replace(s) })

	rapid.Check(t, func(t *rapid.T) {
		want := specResult{retryMS: -1}
		var stream []byte
		for range rapid.IntRange(0, 6).Draw(t, "events") {
			e := Event{ID: field.Draw(t, "id"), Name: field.Draw(t, "name"), Data: []byte(text.Draw(t, "data"))}
			w := normalise(e, want.lastID)
			want.events, want.lastID = append(want.events, w), w.LastEventID
			if rapid.Bool().Draw(t, "comment") {
				stream = AppendComment(stream, text.Draw(t, "comment text"))
			}
			if rapid.Bool().Draw(t, "retry") {
				ms := rapid.Int64Range(0, maxRetry).Draw(t, "ms")
				stream, want.retryMS = AppendRetry(stream, time.Duration(ms)*time.Millisecond), ms
			}
			var err error
			if stream, err = AppendEvent(stream, e); err != nil {
				t.Fatalf("AppendEvent: %v", err)
			}
		}
		readers := map[string]io.Reader{"whole": bytes.NewReader(stream), "byte by byte": iotest.OneByteReader(bytes.NewReader(stream))}
		for how, r := range readers {
			got := decodeAll(t, r)
			if d := diff(want, got); d != "" {
				t.Fatalf("%q read %s (-want +got):\n%s", stream, how, d)
			}
		}
	})
}
