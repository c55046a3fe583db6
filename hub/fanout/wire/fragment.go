package wire

import (
	"hash/crc32"
	"strconv"

	"github.com/polluxhub/pollux/hub"
)

// chunkEnd is the end of each chunk of a chunked body.
const chunkEnd = "\r\n"

// appendChunkHead appends what comes before the bytes of a chunk of the given size.
func appendChunkHead(dst []byte, size int) []byte {
	return append(strconv.AppendUint(dst, uint64(size), 16), "\r\n"...)
}

// Fragment is a part of a stream, ready to be written. Several clients may share it.
type Fragment struct {
	Chunk []byte // as a chunk of a chunked body
	Body  []byte // without chunk framing

	// What the end of a gzip member has to say about the text that Body unpacks to.
	crc   uint32
	shift uint32
	size  uint32
}

// NewFragment returns a copy of body as a fragment of an uncompressed stream.
func NewFragment(body []byte) *Fragment { return packed(body, nil) }

// EventFragment returns the frame of an event as a fragment that shares its memory.
func EventFragment(e *hub.Event) *Fragment {
	return &Fragment{Chunk: Plain(e, true), Body: Plain(e, false)}
}

// packed returns body, which unpacks to text, as a fragment.
func packed(body, text []byte) *Fragment {
	chunk := appendChunkHead(make([]byte, 0, len(body)+16), len(body))
	head := len(chunk)
	chunk = append(append(chunk, body...), chunkEnd...)
	return &Fragment{
		Chunk: chunk,
		Body:  chunk[head : head+len(body) : head+len(body)],
		crc:   crc32.ChecksumIEEE(text),
		shift: shiftFor(len(text)),
		size:  uint32(len(text)),
	}
}

// As returns the fragment as a chunk, or as it is.
func (f *Fragment) As(chunked bool) []byte {
	if chunked {
		return f.Chunk
	}
	return f.Body
}
