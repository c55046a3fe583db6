package fanout

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"
	"testing/iotest"
)

// passOn returns what TLS gets of a stream that it reads in pieces.
func passOn(t *testing.T, from io.Reader, piece int) []byte {
	t.Helper()
	o, buf, got := new(opening), make([]byte, piece), []byte(nil)
	for !o.isOver() {
		n, err := o.read(from, buf)
		got = append(got, buf[:n]...)
		if err != nil {
			return got
		}
	}
	rest, err := io.ReadAll(from)
	if err != nil {
		t.Fatal(err)
	}
	return append(got, rest...)
}

// record returns a record of TLS.
func record(kind byte, content []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{kind, 3, 1}, uint16(len(content))), content...)
}

// The first record of a handshake comes in two halves, however it arrives, and everything else
// as it is.
func TestFirstRecordInHalves(t *testing.T) {
	content := func(size int) []byte {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(i * 7)
		}
		return b
	}
	halved := func(size int) []byte {
		c := content(size)
		return append(record(recordHandshake, c[:size-size/2]), record(recordHandshake, c[size-size/2:])...)
	}
	then := record(20, []byte{1})
	for _, test := range []struct {
		name       string
		sent, want []byte
	}{
		{"a ClientHello", record(recordHandshake, content(1711)), halved(1711)},
		{"the smallest in halves", record(recordHandshake, content(512)), halved(512)},
		{"a smaller one", record(recordHandshake, content(511)), record(recordHandshake, content(511))},
		{"an empty record", record(recordHandshake, nil), record(recordHandshake, nil)},
		{"the longest length", record(recordHandshake, content(65535)), halved(65535)},
		{"another record", record(21, content(600)), record(21, content(600))},
		{"HTTP", []byte("GET / HTTP/1.1\r\n\r\n"), []byte("GET / HTTP/1.1\r\n\r\n")},
	} {
		for _, piece := range []int{recordHead, 100, 576, 1 << 17} {
			for way, reader := range map[string]func(io.Reader) io.Reader{
				"whole": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "with its end": iotest.DataErrReader,
			} {
				from := reader(bytes.NewReader(append(bytes.Clone(test.sent), then...)))
				want := append(bytes.Clone(test.want), then...)
				if got := passOn(t, from, piece); !bytes.Equal(got, want) {
					t.Errorf("%s, %s, read by %d: %d bytes, want %d", test.name, way, piece, len(got), len(want))
				}
			}
		}
		for _, cut := range []int{0, 1, 4, 5, 6} {
			got := passOn(t, bytes.NewReader(test.sent[:min(cut, len(test.sent))]), 576)
			if len(got) > cut {
				t.Errorf("%s, cut after %d: %d bytes", test.name, cut, len(got))
			}
		}
	}
}

// An interruption amid the head loses none of it.
func TestFirstRecordAfterAnInterruption(t *testing.T) {
	sent := record(recordHandshake, make([]byte, 300))
	from := io.MultiReader(bytes.NewReader(sent[:3]), iotest.ErrReader(os.ErrDeadlineExceeded))
	o := new(opening)
	if n, err := o.read(from, make([]byte, 600)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if n, err := o.read(bytes.NewReader(sent[3:]), make([]byte, 600)); n != len(sent) || err != nil {
		t.Fatalf("then %d bytes, %v", n, err)
	}
}
