package wire

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
)

// ErrGzip is returned for a stream that cannot be read piece by piece.
var ErrGzip = errors.New("wire: broken gzip stream")

const (
	gzipHeader = 10 // without optional fields (RFC 1952, section 2.3)
	window     = 32 << 10

	// maxPending bounds what may wait for a flush.
	maxPending = 1 << 20
)

// syncTail ends what was flushed (RFC 1951: the length of an empty stored
// block). From there on the next piece begins at a byte.
var syncTail = []byte{0, 0, 0xff, 0xff}

// Inflater decompresses a gzip stream that its sender flushes after each event.
// Each flushed piece is decompressed by itself, with what came before it as
// dictionary, because the decompressor of the standard library cannot wait for
// more in the middle. The zero value is at the start of a stream.
type Inflater struct {
	begun   bool
	pending []byte
	plain   []byte // the end of what was decompressed, at most a window before a Feed
	source  bytes.Reader
	reader  io.ReadCloser
}

// Feed takes the next bytes and returns what they mean, up to the last flush in
// them. The result is valid until the next call.
func (z *Inflater) Feed(b []byte) ([]byte, error) {
	z.pending = append(z.pending, b...)
	if !z.begun {
		if len(z.pending) < gzipHeader {
			return nil, nil
		}
		h := z.pending[:gzipHeader]
		if h[0] != 0x1f || h[1] != 0x8b || h[2] != 8 || h[3] != 0 {
			return nil, fmt.Errorf("%w: header % x", ErrGzip, h)
		}
		z.pending = z.pending[gzipHeader:]
		z.begun = true
	}
	if len(z.pending) > maxPending {
		return nil, fmt.Errorf("%w: no flush", ErrGzip)
	}
	if !bytes.HasSuffix(z.pending, syncTail) {
		return nil, nil
	}
	return z.inflate()
}

func (z *Inflater) inflate() ([]byte, error) {
	if len(z.plain) > window {
		z.plain = append(z.plain[:0], z.plain[len(z.plain)-window:]...)
	}
	z.source.Reset(z.pending)
	if resetter, ok := z.reader.(flate.Resetter); !ok {
		z.reader = flate.NewReaderDict(&z.source, z.plain)
	} else if err := resetter.Reset(&z.source, z.plain); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGzip, err)
	}
	z.pending = z.pending[:0]
	old := len(z.plain)
	out := bytes.NewBuffer(z.plain)
	// The end of the input is no end of the stream: it shows as an unexpected
	// one.
	if _, err := out.ReadFrom(z.reader); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("%w: %w", ErrGzip, err)
	}
	z.plain = out.Bytes()
	return z.plain[old:], nil
}
