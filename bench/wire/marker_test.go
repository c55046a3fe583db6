package wire

import (
	"bytes"
	"fmt"
	"testing"
)

type marker struct {
	seq uint32
	at  int64
}

// find feeds the pieces to one finder.
func find(pieces ...[]byte) []marker {
	var f Finder
	var found []marker
	for _, p := range pieces {
		for {
			seq, at, rest, ok := f.Next(p)
			if !ok {
				break
			}
			found = append(found, marker{seq, at})
			p = rest
		}
	}
	return found
}

func mark(seq uint32, at int64) string { return string(AppendMarker(nil, seq, at)) }

var streams = []struct {
	text string
	want []marker
}{
	{"", nil},
	{"~", nil},
	{mark(1, 2), []marker{{1, 2}}},
	{mark(0, 0) + mark(1<<32-1, 1<<63-1), []marker{{0, 0}, {1<<32 - 1, 1<<63 - 1}}},
	{"data: {\"m\":\"" + mark(0xabc, 0xdef) + "\"}\n\n", []marker{{0xabc, 0xdef}}},
	// Broken ones, directly before a whole one.
	{"~#!0000" + mark(3, 4), []marker{{3, 4}}},
	{"~~#~#!" + mark(3, 4) + "~", []marker{{3, 4}}},
	{mark(3, 4)[:MarkerLen-1] + "x" + mark(5, 6), []marker{{5, 6}}},
	{"~#!ABCDEF00" + mark(5, 6), []marker{{5, 6}}}, // capitals are none of ours
}

func TestMarkerCutAtEveryByte(t *testing.T) {
	for _, test := range streams {
		b := []byte(test.text)
		for i := range len(b) + 1 {
			if got := find(b[:i], b[i:]); !equal(got, test.want) {
				t.Errorf("%q cut at %d: %v, want %v", b, i, got, test.want)
			}
		}
		var single [][]byte
		for i := range b {
			single = append(single, b[i:i+1])
		}
		if got := find(single...); !equal(got, test.want) {
			t.Errorf("%q byte by byte: %v, want %v", b, got, test.want)
		}
	}
}

func equal(a, b []marker) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// However a stream is cut, the finder sees what it sees in the whole.
func FuzzMarker(f *testing.F) {
	for _, test := range streams {
		f.Add([]byte(test.text), uint8(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		want := find(b)
		var pieces [][]byte
		for rest := b; len(rest) > 0; {
			n := min(int(step%40)+1, len(rest))
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		if got := find(pieces...); !equal(got, want) {
			t.Errorf("%q in pieces of %d: %v, whole: %v", b, step%40+1, got, want)
		}
		for _, m := range want {
			if !bytes.Contains(b, []byte(mark(m.seq, m.at))) {
				t.Errorf("%v is not in %q", m, b)
			}
		}
	})
}

func TestMarkerAllocates(t *testing.T) {
	text := []byte("data: " + mark(1, 2) + "\n\n")
	var f Finder
	if n := testing.AllocsPerRun(100, func() {
		for b := text; ; {
			_, _, rest, ok := f.Next(b)
			if !ok {
				break
			}
			b = rest
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
