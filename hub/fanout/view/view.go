package view

import (
	"errors"
	"fmt"
	"strings"

	"github.com/polluxhub/pollux/hub/document"
)

// Mode says what a client gets of a new document.
type Mode uint8

// The modes.
const (
	Full  Mode = iota // the document
	Patch             // the difference to the document before, as a JSON Patch (RFC 6902)
	Merge             // the difference as a JSON Merge Patch (RFC 7396)
)

// View is the form in which a client gets the documents. The zero View is whole
// documents as text/event-stream.
//
// With Patch and Merge the first document of a stream comes as an event named
// "snapshot". Each further one comes as "patch" or "merge", with the ID of the document
// that it changes: {"base":ID,"ops":[...]}, {"base":ID,"patch":...}. After a reset or a
// resumption, and where a difference would not be shorter, a snapshot comes instead. On
// a connection with several streams the name of the stream follows: "patch:prices".
type View struct {
	Mode Mode

	// Lines makes the stream application/x-ndjson: one JSON object for each line, with
	// the members event and data, and for a document also id, stream and time.
	Lines bool

	// HTML has the template of each stream render its documents, statuses and resets, see
	// package markup. Such a client gets whole documents as event stream: it goes with no
	// other field.
	HTML bool

	// Fields are JSON Pointers (RFC 6901) to the parts of the documents that the
	// client wants, at most 16 of 256 bytes each. None means all. A document in which
	// none of these parts has changed is not sent.
	Fields []string
}

// Errors of Views.Encoder.
var (
	// ErrInvalid is returned, wrapped with the reason, for a View that cannot be.
	ErrInvalid = errors.New("invalid view")

	// ErrTooMany is returned at Options.MaxViews.
	ErrTooMany = errors.New("too many views")

	// ErrTooManyOfOne is returned where the client's address has its share of them.
	ErrTooManyOfOne = errors.New("too many views of one address")
)

// view is a View in use. All clients that asked for it share it.
type view struct {
	View
	named  bool
	fields document.Projection
	opts   *Options

	key        string // stands for everything that decides what clients get
	difference string // stands for everything that decides how documents differ

	clients int // guarded by registry.mu
}

func newView(wanted View, named bool) (*view, error) {
	if wanted.HTML && (wanted.Mode != Full || wanted.Lines || len(wanted.Fields) > 0) {
		return nil, fmt.Errorf("%w: HTML is of whole documents, as event stream", ErrInvalid)
	}
	fields, err := document.NewProjection(wanted.Fields)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	v := &view{View: wanted, named: named, fields: fields}
	v.difference = v.Mode.String() + fields.String()
	v.key = fmt.Sprintf("%t %t %t %s", v.HTML, v.Lines, named, v.difference)
	return v, nil
}

// compares reports whether what a client gets depends on the document that it has. With
// HTML it does after a document that the template did not fit.
func (v *view) compares() bool { return v.Mode != Full || v.HTML || v.fields.String() != "" }

// partial reports whether the number of such views is bounded. There are only a few
// different views without fields.
func (v *view) partial() bool { return v.fields.String() != "" }

// String returns the name of the mode.
func (m Mode) String() string {
	switch m {
	case Patch:
		return "patch"
	case Merge:
		return "merge"
	case Full:
	}
	return "full"
}

// ParseMode is the inverse of String, in upper or lower case.
func ParseMode(name string) (Mode, bool) {
	for _, m := range []Mode{Full, Patch, Merge} {
		if strings.EqualFold(name, m.String()) {
			return m, true
		}
	}
	return Full, false
}
