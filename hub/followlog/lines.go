package followlog

import (
	"bufio"
	"errors"
	"io"
)

// lines reads lines up to a length. Longer ones are skipped.
type lines struct {
	reader *bufio.Reader
	most   int
	long   []byte
}

func newLines(from io.Reader, most int) *lines {
	return &lines{reader: bufio.NewReaderSize(from, 64<<10), most: most}
}

// next returns the next line, which is valid until the next call, or nil for one that is too
// long. A last line without an end is ignored.
func (l *lines) next() ([]byte, error) {
	l.long = l.long[:0]
	skip := false
	for {
		part, err := l.reader.ReadSlice('\n')
		switch {
		case err == nil && len(l.long) == 0 && !skip:
			return part, nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
		if skip = skip || len(l.long)+len(part) > l.most; skip {
			l.long = l.long[:0]
		} else {
			l.long = append(l.long, part...)
		}
		if err == nil {
			if skip {
				return nil, nil
			}
			return l.long, nil
		}
	}
}

// buffered reports whether there is more to read without waiting.
func (l *lines) buffered() bool { return l.reader.Buffered() > 0 }
