package fanout

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/polluxhub/pollux/hub/document"
)

// Mode says what a client gets of a new document.
type Mode uint8

// The modes.
const (
	Full  Mode = iota // the document
	Patch             // how it differs from the one before, as RFC 6902 says it
	Merge             // likewise, as RFC 7396 says it
)

// View is the shape in which a client wants the documents. The zero View is
// whole documents as text/event-stream.
//
// With Patch and Merge the first document of a stream comes as an event named
// "snapshot", and the others as "patch" or "merge", with the ID of the document
// that they change: {"base":ID,"ops":[...]}, {"base":ID,"patch":...}. A snapshot
// comes instead behind a reset, after a resumption, and where the other would not
// be shorter. On a connection with several streams the name of the stream
// follows: "patch:prices".
type View struct {
	Mode Mode

	// Lines makes the stream application/x-ndjson: one JSON object a line, with
	// the members event, data, and, of a document, id, stream and time.
	Lines bool

	// Fields are JSON Pointers (RFC 6901) to the parts of the documents that
	// are wanted, at most 16 of 256 bytes each. None means all. A document that
	// differs from the one before in other parts only is not sent.
	Fields []string
}

// Errors of Open for a View.
var (
	// ErrInvalidView is returned, wrapped with the reason.
	ErrInvalidView = errors.New("fanout: invalid view")

	// ErrTooManyViews is returned at Options.MaxViews, and for the client's address
	// at its share of them.
	ErrTooManyViews = errors.New("fanout: too many views")
)

// view is a View in use, shared by all clients that asked for it, so that what
// they get is made once.
type view struct {
	View
	named  bool
	fields document.Projection
	keyOf  func(stream string) document.Pointer
	logger *slog.Logger

	key        string // of all that matters to what clients get
	difference string // of what matters to how documents differ

	clients int // guarded by views.mu
}

func newView(wanted View, named bool) (*view, error) {
	fields, err := document.NewProjection(wanted.Fields)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidView, err)
	}
	v := &view{View: wanted, named: named, fields: fields}
	v.difference = v.Mode.String() + fields.String()
	v.key = fmt.Sprintf("%t %t %s", v.Lines, named, v.difference)
	return v, nil
}

// compares reports whether what a client gets depends on what it has.
func (v *view) compares() bool { return v.Mode != Full || v.fields.String() != "" }

// partial reports whether the view is one of those whose number is bounded: of the
// others there are few.
func (v *view) partial() bool { return v.fields.String() != "" }

// String is for logs.
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

// ParseMode is the inverse of String. It knows nothing but these names.
func ParseMode(name string) (Mode, bool) {
	for _, m := range []Mode{Full, Patch, Merge} {
		if strings.EqualFold(name, m.String()) {
			return m, true
		}
	}
	return Full, false
}
