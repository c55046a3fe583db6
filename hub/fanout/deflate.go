package fanout

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/klauspost/compress/flate"
)

// A compressed stream is a gzip member (RFC 1952) that is put together from
// parts which are the same for all clients: raw deflate (RFC 1951), each part
// ended by a sync flush, which leaves it at a whole byte.

// gzipHeader says deflate, no flags, no time, any compression, unknown system.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}

// emptyBlock is a stored block with nothing in it. It changes nothing for who
// unpacks it, the window included.
var emptyBlock = []byte{0, 0, 0, 0xff, 0xff}

const (
	maxStored = 1<<16 - 1 // bytes in one stored block
	window    = 1 << 15   // bytes that deflate can look back
)

// appendStored appends plain as stored blocks, and the empty block that a sync
// flush ends with: some who unpack hold back what came before until they see it.
func appendStored(dst, plain []byte) []byte {
	for len(plain) > 0 {
		n := min(len(plain), maxStored)
		dst = append(dst, 0, byte(n), byte(n>>8), ^byte(n), ^byte(n>>8))
		dst = append(dst, plain[:n]...)
		plain = plain[n:]
	}
	return append(dst, emptyBlock...)
}

// storedSize is how many bytes appendStored appends.
func storedSize(n int) int { return n + len(emptyBlock)*((n+maxStored-1)/maxStored+1) }

// piece is a part of a stream in the form that goes on the wire, made once and
// shared by all.
type piece struct {
	chunk []byte // as a chunk of a chunked body
	body  []byte // without what makes it one

	// What the end of a gzip stream needs to know of it.
	crc   uint32
	shift uint32
	size  uint32
}

// as returns the piece as a chunk, or as it is.
func (p *piece) as(chunked bool) []byte {
	if chunked {
		return p.chunk
	}
	return p.body
}

// newPiece makes body, which stands for plain, ready for the wire.
func newPiece(body, plain []byte) *piece {
	chunk := appendChunkHead(make([]byte, 0, len(body)+16), len(body))
	head := len(chunk)
	chunk = append(append(chunk, body...), chunkEnd...)
	return &piece{
		chunk: chunk,
		body:  chunk[head : head+len(body) : head+len(body)],
		crc:   crc32.ChecksumIEEE(plain),
		shift: shiftFor(len(plain)),
		size:  uint32(len(plain)),
	}
}

// maxChained is behind how many different things a frame is compressed. Most clients
// of a stream have the same before it; others have had more heartbeats since, or
// follow other streams beside it.
const maxChained = 8

// deflater compresses.
type deflater struct {
	mu     sync.Mutex // a compressor is large, so they are few
	writer *flate.Writer
	out    bytes.Buffer
}

// compress returns plain, deflated behind the dictionary, or stored where that
// is shorter.
func (d *deflater) compress(plain, dictionary []byte) *piece {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.out.Reset()
	if err := d.deflateLocked(plain, dictionary); err != nil {
		panic(fmt.Sprintf("fanout: compressing into memory failed: %v", err))
	}
	if d.out.Len() >= storedSize(len(plain)) {
		return newPiece(appendStored(nil, plain), plain)
	}
	p := newPiece(d.out.Bytes(), plain)
	if d.out.Cap() > 1<<20 {
		d.out = bytes.Buffer{} // as large as the largest event there ever was
	}
	return p
}

func (d *deflater) deflateLocked(plain, dictionary []byte) (err error) {
	if d.writer == nil {
		d.writer, err = flate.NewWriterDict(&d.out, flate.DefaultCompression, dictionary)
	} else {
		d.writer.ResetDict(&d.out, dictionary)
	}
	if err != nil {
		return err
	}
	if _, err := d.writer.Write(plain); err != nil {
		return err
	}
	return d.writer.Flush()
}
