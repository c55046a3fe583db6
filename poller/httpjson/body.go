package httpjson

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/polluxhub/pollux/poller"
)

const (
	// packedSlack is by how much compression may make a body longer: headers, and
	// the overhead of data that does not compress.
	packedSlack = 64 << 10

	// firstRead is the first buffer for a body of unknown size.
	firstRead = 4 << 10

	// largestPiece is the largest buffer for a part of such a body.
	largestPiece = 256 << 10

	// drainLimit is how much of an error page is read so that the connection can be
	// used again. A longer page costs a new connection.
	drainLimit = 16 << 10

	// gzipMagic is how gzip begins (RFC 1952 section 2.3.1).
	gzipMagic = "\x1f\x8b"
)

var errTooLarge = errors.New("body too large")

// readBody returns the unpacked body, of at most c.maxBody bytes. It reads at most
// one byte more than that, and, if packed, packedSlack more than that.
func (c *client) readBody(response *http.Response, seen *watch) ([]byte, *poller.Error) {
	limit, heard := c.maxBody, seen.hearing(response.Body)
	var packed io.Reader = heard
	var size int64 // what is known of the unpacked size
	switch encoding := encodingOf(response.Header); encoding {
	case "", "identity":
		if response.ContentLength > limit {
			return nil, tooLarge(limit, response.ContentLength)
		}
		size = max(0, response.ContentLength)
	case "gzip", "x-gzip": // RFC 9110 section 8.4.1.3
		if response.ContentLength > limit+packedSlack {
			return nil, tooLarge(limit, 0)
		}
		start := bufio.NewReaderSize(&boundedReader{heard, limit + packedSlack}, firstRead)
		if magic, err := start.Peek(len(gzipMagic)); err == nil && string(magic) != gzipMagic {
			body, _ := start.Peek(min(start.Buffered(), mostQuoted))
			return nil, fail(classEncoding, "Content-Encoding is gzip, but the answer is not: "+c.looks(response.Header, body), nil)
		}
		unpacked, err := gzip.NewReader(start)
		if err != nil {
			return nil, classifyBody(err, limit, heard.words(response.ContentLength))
		}
		packed = unpacked
	default:
		return nil, c.failEncoding(encoding)
	}

	body, err := readAll(packed, size, limit)
	if err != nil {
		return nil, classifyBody(err, limit, heard.words(response.ContentLength))
	}
	return body, nil
}

// readAll reads to the end, or fails with errTooLarge after limit bytes. size is the
// expected number of bytes; 0 if that is not known. A body of unknown size is read in
// pieces, which are joined at the end. So a body that turns out to be too large costs
// the limit once, where a buffer that doubles would cost it twice.
func readAll(r io.Reader, size, limit int64) ([]byte, error) {
	if size == 0 {
		size = firstRead
	}
	var pieces [][]byte
	var before int64 // bytes in pieces
	defer func() {
		for _, piece := range pieces {
			if cap(piece) == largestPiece {
				spare.Put((*[largestPiece]byte)(piece[:largestPiece]))
			}
		}
	}()
	// One byte more, to see whether the body ends there.
	piece := make([]byte, 0, min(size, limit)+1)
	for {
		n, err := r.Read(piece[len(piece):cap(piece)])
		piece = piece[:len(piece)+n]
		read := before + int64(len(piece))
		switch {
		case read > limit:
			return nil, errTooLarge
		case errors.Is(err, io.EOF) && pieces == nil:
			return piece, nil
		case errors.Is(err, io.EOF):
			pieces = append(pieces, piece)
			return slices.Concat(pieces...), nil
		case err != nil:
			return nil, err
		case len(piece) == cap(piece):
			pieces, before = append(pieces, piece), read
			piece = newPiece(min(2*int64(cap(piece)), largestPiece, limit+1-read))
		}
	}
}

// spare holds unused pieces of the largest size: an upstream whose body is too large
// sends it each time.
var spare = sync.Pool{New: func() any { return new([largestPiece]byte) }}

func newPiece(size int64) []byte {
	if size < largestPiece {
		return make([]byte, 0, size)
	}
	piece, ok := spare.Get().(*[largestPiece]byte)
	if !ok {
		panic("httpjson: the pool holds something else")
	}
	return piece[:0]
}

// tooLarge is the error of a body that is larger than limit. size is 0 if it is not known.
func encodingOf(header http.Header) string { return strings.ToLower(header.Get("Content-Encoding")) }

// failEncoding returns the error of an answer whose encoding was not asked for.
func (c *client) failEncoding(encoding string) *poller.Error {
	if c.isSecret(encoding) {
		encoding = "of a secret"
	}
	return fail(classEncoding, "the answer has the Content-Encoding "+printable(encoding)+", which was not asked for", nil)
}

func tooLarge(limit, size int64) *poller.Error {
	if size > limit {
		return fail(classTooLarge, fmt.Sprintf("the document has %d bytes, and max_document is %d", size, limit), errTooLarge)
	}
	return fail(classTooLarge, fmt.Sprintf("the document is larger than %d bytes, which is max_document", limit), errTooLarge)
}

// boundedReader reads at most left bytes and fails if there are more. Empty gzip
// members unpack to nothing, so a limit on the unpacked bytes does not stop a flood
// of them.
type boundedReader struct {
	io.Reader
	left int64
}

func (r *boundedReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errTooLarge
	}
	n, err := r.Reader.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	return n, err
}

// drain reads the rest of a short body, so that its connection can be used again, and
// returns how the body begins. If the body is longer or breaks off, the connection is closed.
func (w *watch) drain(body io.Reader) (start []byte) {
	read, err := io.ReadAll(io.LimitReader(w.hearing(body), drainLimit+1))
	if err != nil || len(read) > drainLimit {
		w.abandon()
	}
	return read[:min(len(read), mostQuoted)]
}
