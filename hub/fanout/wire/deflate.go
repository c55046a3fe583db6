package wire

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/klauspost/compress/flate"
)

// emptyBlock is a stored block without content. It changes nothing for the reader, the
// window included.
var emptyBlock = []byte{0, 0, 0, 0xff, 0xff}

// maxStored is how many bytes one stored block can hold.
const maxStored = 1<<16 - 1

// appendStored appends a text as stored blocks, and the empty block with which a sync
// flush ends. Some readers, Go's own among them, hold a stored block back until the
// next block comes.
func appendStored(dst, text []byte) []byte {
	for len(text) > 0 {
		n := min(len(text), maxStored)
		dst = append(dst, 0, byte(n), byte(n>>8), ^byte(n), ^byte(n>>8))
		dst = append(dst, text[:n]...)
		text = text[n:]
	}
	return append(dst, emptyBlock...)
}

// storedSize is how many bytes appendStored appends.
func storedSize(n int) int { return n + len(emptyBlock)*((n+maxStored-1)/maxStored+1) }

// stored returns a text as a fragment of a gzip member, without compressing it.
func stored(text []byte) *Fragment { return packed(appendStored(nil, text), text) }

// Deflater compresses texts, one at a time. Its zero value is ready. It is safe for
// concurrent use, but large: a program has few of them.
type Deflater struct {
	mu     sync.Mutex
	writer *flate.Writer
	out    bytes.Buffer
}

// maxKept is the largest output buffer that a Deflater keeps. The buffer for an event
// can be as large as the event.
const maxKept = 1 << 20

// Compress returns a text as a fragment of a gzip member: deflated behind the window, or
// stored where that is shorter. The text must fit the window, see [Window.Fits].
func (d *Deflater) Compress(text []byte, behind *Window) *Fragment {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.out.Reset()
	if err := d.deflateLocked(text, behind.dictionary()); err != nil {
		panic(fmt.Sprintf("wire: compressing into memory failed: %v", err))
	}
	if d.out.Len() >= storedSize(len(text)) {
		return stored(text)
	}
	f := packed(d.out.Bytes(), text)
	if d.out.Cap() > maxKept {
		d.out = bytes.Buffer{}
	}
	return f
}

func (d *Deflater) deflateLocked(text, dictionary []byte) (err error) {
	if d.writer == nil {
		d.writer, err = flate.NewWriterDict(&d.out, flate.DefaultCompression, dictionary)
	} else {
		d.writer.ResetDict(&d.out, dictionary)
	}
	if err != nil {
		return err
	}
	if _, err := d.writer.Write(text); err != nil {
		return err
	}
	return d.writer.Flush()
}
