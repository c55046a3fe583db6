// Package change tells whether a document that came from an upstream is another
// one than the document published last, in three steps:
//
//  1. The same bytes are no change. Nothing is parsed.
//  2. The same JSON value is no change: the order of keys and white space do not
//     count, numbers compare as they are written ([document.Equal]).
//  3. The same value apart from what the configuration ignores, such as the time
//     at which the upstream wrote it, is no change.
//
// What is in doubt is a change: a document that does not parse, or in which a key
// is repeated.
package change

import (
	"bytes"
	"fmt"

	"github.com/polluxhub/pollux/hub/document"
)

// MaxIgnore is the most pointers that a Detector takes.
const MaxIgnore = 100

// Detector compares documents. It does not change, and may be used by many
// goroutines at once.
type Detector struct {
	ignore []document.Pointer
}

// New returns a Detector that ignores what is at some JSON Pointers (RFC 6901),
// such as "/meta/generatedAt". There is no wildcard: every segment is a key or an
// index as it stands. The pointer to the whole document is refused, because
// nothing would ever be a change.
func New(ignore []string) (*Detector, error) {
	if len(ignore) > MaxIgnore {
		return nil, fmt.Errorf("change: %d JSON Pointers to ignore, want at most %d", len(ignore), MaxIgnore)
	}
	d := &Detector{}
	for _, text := range ignore {
		pointer, err := document.ParsePointer(text)
		if err != nil {
			return nil, fmt.Errorf("change: ignore: %w", err)
		}
		if text == "" {
			return nil, fmt.Errorf(`change: ignore: "" is the whole document, want a part of it such as "/meta/generatedAt"`)
		}
		d.ignore = append(d.ignore, pointer)
	}
	return d, nil
}

// Same reports whether fetched is no change from published. Both are compact,
// as document.Compact returns them.
//
// Members and elements that are ignored are left out on both sides, also where
// only one side has them. What they are in is not left out: if /meta/time is
// ignored, {"meta":{"time":1}} and {"meta":{}} are the same, but {} is another.
// Elements behind an ignored one keep their order and lose one place.
//
// Of documents with other bytes, both are parsed: see [document.Parse] for what
// that costs.
func (d *Detector) Same(published, fetched []byte) bool {
	if bytes.Equal(published, fetched) {
		return true
	}
	before, err := document.Parse(published)
	if err != nil {
		return false
	}
	after, err := document.Parse(fetched)
	if err != nil {
		return false
	}
	return document.Equal(before, after, d.ignore...)
}
