package handlers_test

import (
	"strings"
	"testing"

	"github.com/polluxhub/pollux/handlers"
)

// The format of a stream depends on Accept: the higher weight wins, and
// text/event-stream wins ties.
func TestStreamFormIsNegotiated(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast("1")
	const lines, events = "application/x-ndjson", "text/event-stream; charset=utf-8"
	for _, test := range []struct {
		accept []string
		want   string
	}{
		{nil, events},
		{[]string{""}, events},
		{[]string{"*/*"}, events},
		{[]string{"text/event-stream"}, events},
		{[]string{"application/x-ndjson"}, lines},
		{[]string{"Application/X-NDJSON"}, lines},
		{[]string{"application/x-ndjson;q=0.001"}, lines},
		{[]string{"application/*"}, lines},
		{[]string{"text/*"}, events},
		{[]string{"application/json"}, events}, // neither, but no 406
		{[]string{"application/x-ndjson;q=0"}, events},
		{[]string{"application/x-ndjson;q=0, text/event-stream;q=0"}, events},
		{[]string{"*/*;q=0"}, events},
		// Both: only the weight decides.
		{[]string{"text/event-stream, application/x-ndjson"}, events},
		{[]string{"application/x-ndjson, text/event-stream"}, events},
		{[]string{"application/x-ndjson, */*"}, events},
		{[]string{"application/x-ndjson;q=0.5, */*;q=0.5"}, events},
		{[]string{"application/x-ndjson, text/event-stream;q=0.9"}, lines},
		{[]string{"application/x-ndjson;q=0.9, text/event-stream"}, events},
		{[]string{"application/x-ndjson, */*;q=0.1"}, lines},
		{[]string{"application/x-ndjson; q=0.5, text/*; q=0.4, */*; q=1"}, lines},
		{[]string{"text/event-stream;q=0, */*"}, lines},
		{[]string{"text/event-stream;q=0, text/*, application/*;q=0.1"}, lines}, // the more specific one counts
		// Repeated fields are one list.
		{[]string{"text/event-stream;q=0.1", "application/x-ndjson;q=0.2"}, lines},
		{[]string{"application/x-ndjson;q=0.1", "text/event-stream;q=0.2"}, events},
		{[]string{"application/x-ndjson;q=0.1, application/x-ndjson", "text/event-stream;q=0.2"}, lines},
		{[]string{"application/x-ndjson, application/x-ndjson;q=0.1", "text/event-stream;q=0.2"}, lines},
		// Parameters.
		{[]string{"application/x-ndjson;charset=utf-8"}, lines},
		{[]string{"application/x-ndjson;charset=utf-8;Q=1.000, text/event-stream ; q = 0.5 ; x=1"}, lines},
		{[]string{`application/x-ndjson;a="x, text/event-stream;q=1", text/event-stream;q=0.5`}, lines},
		{[]string{`application/x-ndjson;a="\"", text/event-stream;q=0.5`}, lines},
		{[]string{"application/x-ndjson;q=.5, text/event-stream;q=.4"}, lines}, // as Java writes it
		// Malformed items are ignored.
		{[]string{"application/x-ndjson;q=2"}, events},
		{[]string{"application/x-ndjson;q=-1"}, events},
		{[]string{"application/x-ndjson;q="}, events},
		{[]string{"application/x-ndjson;q=NaN, text/event-stream;q=0"}, events},
		{[]string{"application/x-ndjson;q=0x1p-2"}, events},
		{[]string{"application/x-ndjson;q=1e-1"}, events},
		{[]string{"application/x-ndjson;q"}, events},
		{[]string{",,;q=1, ;;, application/x-ndjson ,,"}, lines},
		{[]string{"x-ndjson"}, events},
		{[]string{"application/x-ndjsonx"}, events},
		{[]string{`"application/x-ndjson"`}, events},
		{[]string{`application/x-ndjson;a="never closed, text/event-stream`}, lines},
		{[]string{strings.Repeat("a/b,", 20_000) + "application/x-ndjson"}, lines},
		{[]string{strings.Repeat("\"", 60_001)}, events},
		{[]string{"application/x-ndjson" + strings.Repeat(";q=0.5", 10_000)}, lines},
	} {
		var header []string
		for _, value := range test.accept {
			header = append(header, "Accept: "+value)
		}
		a, _ := r.get("/api/sse?limit=1", header...)
		if got := a.header.Get("Content-Type"); a.status != 200 || got != test.want {
			t.Errorf("Accept %.200q: %s, %q, want %q", test.accept, a.line, got, test.want)
		}
	}
}

// Compression is negotiated by the same weights.
func TestCompressionByRepeatedFields(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast("1")
	for _, test := range []struct {
		accept []string
		want   string
	}{
		{[]string{"identity;q=0.5", "gzip;q=0.6"}, "gzip"},
		{[]string{"identity;q=0.6", "gzip;q=0.5"}, ""},
		{[]string{"gzip;q=0", "x-gzip"}, "gzip"},
		{[]string{"gzip;q=NaN"}, ""},
		{[]string{`br;x="gzip, gzip"`}, ""},
		{[]string{"*;q=0"}, ""},
	} {
		var header []string
		for _, value := range test.accept {
			header = append(header, "Accept-Encoding: "+value)
		}
		a, _ := r.get("/api/sse?limit=1", header...)
		same(t, strings.Join(test.accept, " | "), a.header.Get("Content-Encoding"), test.want)
	}
}

// Only a caller that accepts event streams gets its refusal as one.
func TestRefusalIsNegotiated(t *testing.T) {
	r := newRig(t, setup{handlers: handlers.Options{}})
	r.drain()
	for accept, want := range map[string]int{
		"text/event-stream":                            200,
		"application/x-ndjson;q=0.1,text/event-stream": 200,
		"text/event-stream;q=0":                        503,
		"application/x-ndjson,text/event-stream;q=0.5": 503,
		"text/*": 503,
		"*/*":    503,
	} {
		a, _ := r.get("/api/sse", "Accept: "+accept)
		same(t, accept, a.status, want)
	}
}
