package sse

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestAppendEvent(t *testing.T) {
	tests := []struct {
		name  string
		event Event
		want  string
	}{
		{"zero", Event{}, "data: \n\n"},
		{"data", Event{Data: []byte("a")}, "data: a\n\n"},
		{"all", Event{ID: "e-1", Name: "tick", Data: []byte("a")}, "id: e-1\nevent: tick\ndata: a\n\n"},
		{"id only", Event{ID: "e-1"}, "id: e-1\ndata: \n\n"},
		{"name only", Event{Name: "tick"}, "event: tick\ndata: \n\n"},
		{"lf", Event{Data: []byte("a\nb")}, "data: a\ndata: b\n\n"},
		{"cr", Event{Data: []byte("a\rb")}, "data: a\ndata: b\n\n"},
		{"crlf", Event{Data: []byte("a\r\nb")}, "data: a\ndata: b\n\n"},
		{"lf cr", Event{Data: []byte("a\n\rb")}, "data: a\ndata: \ndata: b\n\n"},
		{"cr crlf", Event{Data: []byte("a\r\r\nb")}, "data: a\ndata: \ndata: b\n\n"},
		{"ends with lf", Event{Data: []byte("a\n")}, "data: a\ndata: \n\n"},
		{"ends with cr", Event{Data: []byte("a\r")}, "data: a\ndata: \n\n"},
		{"ends with crlf", Event{Data: []byte("a\r\n")}, "data: a\ndata: \n\n"},
		{"begins with lf", Event{Data: []byte("\na")}, "data: \ndata: a\n\n"},
		{"spaces are kept", Event{ID: " 1", Name: " n", Data: []byte("  a ")}, "id:  1\nevent:  n\ndata:   a \n\n"},
		{"injected fields stay data", Event{Data: []byte("a\n\nid: 9\nevent: x\rretry: 0")}, "data: a\ndata: \ndata: id: 9\ndata: event: x\ndata: retry: 0\n\n"},
		{"no other line ends", Event{Data: []byte("a\v\f\u0085\u2028\u2029b")}, "data: a\v\f\u0085\u2028\u2029b\n\n"},
		{"any bytes", Event{Data: []byte("\x00\xff")}, "data: \x00\xff\n\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := AppendEvent([]byte("before"), tt.event)
			if err != nil || string(got) != "before"+tt.want {
				t.Errorf("AppendEvent = %q, %v; want %q", got, err, "before"+tt.want)
			}
		})
	}
}

// TestAppendEventRefusesInjection checks fields that would end their line early, and so
// could inject other fields and whole events.
func TestAppendEventRefusesInjection(t *testing.T) {
	for _, bad := range []string{"\r", "\n", "\x00", "a\nb", "a\rb", "a\r\nb", "a\x00b", "1\ndata: forged\n\n", "\n1", "1\n"} {
		if ValidField(bad) {
			t.Errorf("ValidField(%q) = true", bad)
		}
		dst := make([]byte, 3, 64)
		copy(dst, "abc")
		for _, tt := range []struct {
			event Event
			want  error
		}{
			{Event{ID: bad}, ErrInvalidID},
			{Event{ID: "1", Name: bad}, ErrInvalidName},
			{Event{ID: bad, Name: bad}, ErrInvalidID},
		} {
			got, err := AppendEvent(dst, tt.event)
			if !errors.Is(err, tt.want) || string(got) != "abc" {
				t.Errorf("AppendEvent(%q) = %q, %v; want dst and %v", tt.event, got, err, tt.want)
			}
			if spare := dst[3:64]; !bytes.Equal(spare, make([]byte, len(spare))) {
				t.Errorf("AppendEvent(%q) wrote %q behind dst", tt.event, spare)
			}
		}
	}
	for _, good := range []string{"", "a", " ", "a:b", "0f3a-1", "\u2028", "\u0085", "\v\f\t", "\xff"} {
		if !ValidField(good) {
			t.Errorf("ValidField(%q) = false", good)
		}
		if _, err := AppendEvent(nil, Event{ID: good, Name: good}); err != nil {
			t.Errorf("AppendEvent(%q): %v", good, err)
		}
	}
}

func TestAppendComment(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", ": \n"},
		{"hb", ": hb\n"},
		{" hb", ":  hb\n"},
		{"a\nb\rc\r\nd", ": a\n: b\n: c\n: d\n"},
		{"a\n\ndata: forged\n\n", ": a\n: \n: data: forged\n: \n: \n"},
	} {
		if got := AppendComment([]byte("before\n"), tt.text); string(got) != "before\n"+tt.want {
			t.Errorf("AppendComment(%q) = %q, want %q", tt.text, got, "before\n"+tt.want)
		}
	}
}

func TestAppendRetry(t *testing.T) {
	for _, tt := range []struct {
		d    time.Duration
		want string
	}{
		{math.MinInt64, "0"},
		{-time.Second, "0"},
		{-time.Nanosecond, "0"},
		{0, "0"},
		{time.Nanosecond, "0"},
		{time.Millisecond/2 - 1, "0"},
		{time.Millisecond / 2, "1"},
		{time.Millisecond, "1"},
		{1499 * time.Microsecond, "1"},
		{1500 * time.Microsecond, "2"},
		{3127 * time.Millisecond, "3127"},
		{math.MaxInt64, "9223372036854"},
	} {
		want := "before\nretry: " + tt.want + "\n"
		if got := AppendRetry([]byte("before\n"), tt.d); string(got) != want {
			t.Errorf("AppendRetry(%d) = %q, want %q", tt.d, got, want)
		}
	}
}

// sink keeps the compiler from removing an unused result.
var sink []byte

func TestEncoderAllocates(t *testing.T) {
	long := strings.Repeat("x", 5200)
	plain := Event{Data: []byte(long)}
	full := Event{ID: "0f3a9c-184467", Name: "quotes", Data: []byte(long)}
	lines := Event{ID: "0f3a9c-184467", Data: []byte(strings.Repeat("line\r\n", 1000))}
	for _, e := range []Event{{}, plain, full, lines} {
		frame, err := AppendEvent(nil, e)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]byte, 0, len(frame)) // exactly enough
		if n := testing.AllocsPerRun(100, func() { _, _ = AppendEvent(dst, e) }); n != 0 {
			t.Errorf("AppendEvent into %d free bytes allocates %v times", len(frame), n)
		}
	}
	for _, e := range []Event{{}, plain, full} {
		// One growth, which is two allocations with the race detector.
		if n := testing.AllocsPerRun(100, func() { sink, _ = AppendEvent(nil, e) }); n > 2 {
			t.Errorf("AppendEvent into nil allocates %v times, want one growth", n)
		}
	}
	dst := make([]byte, 0, 8192)
	if n := testing.AllocsPerRun(100, func() { _ = AppendComment(AppendRetry(dst, 3127*time.Millisecond), "pollux") }); n != 0 {
		t.Errorf("AppendRetry and AppendComment allocate %v times", n)
	}
}
