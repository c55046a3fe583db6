// Package same decides whether a document that was fetched says the same as the
// document published before it. Two documents are the same if one of these holds:
//
//  1. Their bytes are equal. Nothing is parsed then.
//  2. Their JSON values are equal ([document.Equal]). The order of keys does not
//     matter. Numbers are compared as they are written.
//  3. Their values are equal apart from the ignored parts, such as the time at
//     which the upstream wrote the document.
//
// A document that does not parse, or that repeats a key, is taken for another one.
package same

import (
	"bytes"
	"fmt"

	"github.com/polluxhub/pollux/hub/document"
)

// MaxIgnore is the largest number of pointers that New takes.
const MaxIgnore = 100

// Comparer compares documents. It is immutable and safe for concurrent use.
type Comparer struct {
	ignore []document.Pattern
}

// New returns a Comparer that ignores the values that the given patterns match: JSON
// Pointers (RFC 6901), such as "/meta/generatedAt", in which * stands for each member or
// element, as in "/items/*/time". The pointer to the whole document is refused, because
// all documents would be the same.
func New(ignore []string) (*Comparer, error) {
	if len(ignore) > MaxIgnore {
		return nil, fmt.Errorf("same: %d JSON Pointers to ignore, want at most %d", len(ignore), MaxIgnore)
	}
	c := &Comparer{}
	for _, text := range ignore {
		pattern, err := document.ParsePattern(text)
		if err != nil {
			return nil, fmt.Errorf("same: ignore: %w", err)
		}
		if text == "" {
			return nil, fmt.Errorf(`same: ignore: "" is the whole document, want a part of it such as "/meta/generatedAt"`)
		}
		c.ignore = append(c.ignore, pattern)
	}
	return c, nil
}

// Same reports whether two documents are the same. Both are compact, as
// document.Compact returns them.
//
// Ignored members and elements are left out of both documents, also where only one
// of them has them. Their parent is not left out: if /meta/time is ignored,
// {"meta":{"time":1}} and {"meta":{}} are the same, and {} is another document.
// The elements after an ignored one move up by one place.
//
// Unless the bytes are equal, both documents are parsed: see [document.Parse] for
// the cost.
func (c *Comparer) Same(published, fetched []byte) bool {
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
	return document.Equal(before, after, c.ignore...)
}
