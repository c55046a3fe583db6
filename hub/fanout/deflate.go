package fanout

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"strconv"
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

// newPiece makes body, which stands for plain, ready for the wire.
func newPiece(body, plain []byte) *piece {
	chunk := make([]byte, 0, len(body)+16)
	chunk = strconv.AppendUint(chunk, uint64(len(body)), 16)
	chunk = append(chunk, "\r\n"...)
	head := len(chunk)
	chunk = append(chunk, body...)
	chunk = append(chunk, "\r\n"...)
	return &piece{
		chunk: chunk,
		body:  chunk[head : head+len(body) : head+len(body)],
		crc:   crc32.ChecksumIEEE(plain),
		shift: shiftFor(len(plain)),
		size:  uint32(len(plain)),
	}
}

// maxChained is how many chained forms a form may have. All clients that follow a
// stream share one; more exist only where clients with different streams meet the
// same event.
const maxChained = 4

// chained is a form deflated behind a certain other one.
type chained struct {
	behind uint64 // the serial of that one
	piece  *piece
}

// deflater compresses, once for all clients.
type deflater struct {
	mu     sync.Mutex // a compressor is large, so there is one
	writer *flate.Writer
	out    bytes.Buffer
}

// deflate returns the compressed form for a client whose last written form was
// behind, or nil if it was anything else, and whether it was made just now.
func (f *form) deflate(d *deflater, behind *form) (p *piece, made bool) {
	// Held while compressing: whoever comes meanwhile wants the same.
	f.mu.Lock()
	defer f.mu.Unlock()
	if behind != nil {
		for _, c := range f.chained {
			if c.behind == behind.serial {
				return c.piece, false
			}
		}
		if len(f.chained) < maxChained {
			p = d.compress(f.plain.body, behind.plain.body)
			f.chained = append(f.chained, chained{behind.serial, p})
			return p, true
		}
	}
	if f.fresh == nil {
		f.fresh, made = d.compress(f.plain.body, nil), true
	}
	return f.fresh, made
}

// compress returns plain, deflated behind the dictionary, or stored where that
// is shorter.
func (d *deflater) compress(plain, dictionary []byte) *piece {
	if len(dictionary) > window {
		dictionary = dictionary[len(dictionary)-window:]
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.out.Reset()
	if err := d.deflateLocked(plain, dictionary); err != nil {
		panic(fmt.Sprintf("fanout: compressing into memory failed: %v", err))
	}
	if d.out.Len() >= storedSize(len(plain)) {
		return newPiece(appendStored(nil, plain), plain)
	}
	return newPiece(d.out.Bytes(), plain)
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
