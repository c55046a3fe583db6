// Package document checks JSON and brings it into the one form in which Pollux sends
// documents: exactly one JSON text (RFC 8259) in valid UTF-8, without white space
// around its tokens, and otherwise byte for byte as it was written. Numbers, escapes,
// the order of keys and repeated keys stay as they are. A document that is decoded
// into float64 and map[string]any would not survive that.
//
// The Compact of encoding/json reports no offset and does not check UTF-8, and its
// errors quote the input, which must reach neither a log nor a client. [Compact] reads
// the input once, does not recurse, and allocates the result and nothing else that
// grows with the input.
//
// [Parse] splits a compact document into its values without decoding or copying any,
// for comparing documents and picking parts of them. Nothing in this package recurses
// deeper than MaxDepth.
//
// Everything here is a pure function, safe for concurrent use.
package document

import (
	"errors"
	"fmt"
)

// MaxDepth is the deepest nesting of arrays and objects. RFC 8259 section 9 allows a
// limit, and parsers that recurse need one.
const MaxDepth = 1000

// Reasons why data is refused. Compact returns them inside an [Error].
var (
	// ErrEmpty is returned for data that is only white space.
	ErrEmpty = errors.New("document: empty")

	// ErrTruncated is returned for data that ends within a document.
	ErrTruncated = errors.New("document: ends too early")

	// ErrSyntax is returned for a byte that JSON does not allow in its place.
	ErrSyntax = errors.New("document: not JSON")

	// ErrTrailing is returned for anything but white space after a document, such
	// as a second one.
	ErrTrailing = errors.New("document: more than one document")

	// ErrUTF8 is returned for a string that is not valid UTF-8.
	ErrUTF8 = errors.New("document: invalid UTF-8")

	// ErrDepth is returned for more than MaxDepth levels.
	ErrDepth = fmt.Errorf("document: nested deeper than %d levels", MaxDepth)
)

// Error says why and where data was refused. Its text quotes nothing of the data, so
// a client may see it.
type Error struct {
	Reason error  // one of the Err values of this package
	Offset int    // of the first wrong byte, from 0; the length of the data if it ended
	Want   string // what JSON allows there, such as "a value"; may be empty
}

// Error returns a sentence such as "document: not JSON: at byte 7, want a value".
func (e *Error) Error() string {
	text := fmt.Sprintf("%v: at byte %d", e.Reason, e.Offset)
	if e.Want != "" {
		text += ", want " + e.Want
	}
	return text
}

// Unwrap returns the Reason, for errors.Is.
func (e *Error) Unwrap() error { return e.Reason }

// Compact returns a compact copy of the document in data. It drops a byte order mark
// at the beginning, as RFC 8259 section 8.1 allows. Every error is an [*Error]. Compact
// of a compact document returns the same bytes.
func Compact(data []byte) ([]byte, error) {
	s := scanner{data: data, out: make([]byte, 0, len(data))}
	if len(data) >= 3 && data[0] == 0xEF && data[1] == 0xBB && data[2] == 0xBF {
		s.at, s.copied = 3, 3
	}
	if err := s.document(); err != nil {
		return nil, err
	}
	return s.out, nil
}
