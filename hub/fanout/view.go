package fanout

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/delta"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/hub/sse"
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
	// the members event, data, and, of a document, id and stream.
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

	// ErrTooManyViews is returned at Options.MaxViews.
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

	key     string
	clients int // guarded by views.mu
}

// views are the views in use.
type views struct {
	limit  int
	keyOf  func(stream string) document.Pointer
	logger *slog.Logger

	mu    sync.Mutex
	used  map[string]*view
	parts int // of these, the ones with fields: the others are few
}

// acquire returns the view that is wanted, nil for the zero View. Who has it must
// release it.
func (v *views) acquire(wanted View, named bool) (*view, error) {
	if wanted.Mode == Full && !wanted.Lines && len(wanted.Fields) == 0 {
		return nil, nil
	}
	// The one order that stands for all.
	fields := slices.Clone(wanted.Fields)
	slices.Sort(fields)
	fields = slices.Compact(fields)
	projection, err := document.NewProjection(fields)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidView, err)
	}
	key := fmt.Sprintf("%d %t %t %q", wanted.Mode, wanted.Lines, named, fields)
	v.mu.Lock()
	defer v.mu.Unlock()
	one := v.used[key]
	if one == nil {
		if len(fields) > 0 && v.parts >= v.limit {
			return nil, ErrTooManyViews
		}
		one = &view{View: wanted, named: named, fields: projection, keyOf: v.keyOf, logger: v.logger, key: key}
		one.Fields = fields
		if v.used == nil {
			v.used = make(map[string]*view)
		}
		v.used[key] = one
		if len(fields) > 0 {
			v.parts++
		}
	}
	one.clients++
	return one, nil
}

func (v *views) release(one *view) {
	if one == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if one.clients--; one.clients == 0 {
		delete(v.used, one.key)
		if len(one.Fields) > 0 {
			v.parts--
		}
	}
}

func (v *views) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.used)
}

// compares reports whether what a client gets depends on what it has.
func (v *view) compares() bool { return v.Mode != Full || len(v.Fields) > 0 }

// encode returns the event for a client that has base, or nothing at all; nil if
// there is nothing to tell. It panics for what no event can be.
func (v *view) encode(e, base *hub.Event) []byte {
	name, data := "", e.Data()
	switch e.Kind() {
	case hub.KindStatus:
		name = "status"
	case hub.KindReset:
		name = "reset"
	case hub.KindData:
		if name, data = v.change(e, base); data == nil {
			return nil
		}
	}
	if v.Lines {
		return line(e, name, data)
	}
	id := ""
	if e.Kind() == hub.KindData {
		id = e.ID().String()
		switch {
		case v.named && name == "":
			name = e.Stream()
		case v.named:
			name += ":" + e.Stream()
		}
	}
	text, err := sse.AppendEvent(nil, sse.Event{ID: id, Name: name, Data: data})
	if err != nil {
		panic(err) // the hub has checked ID, name and data
	}
	return text
}

// change returns what to tell of a document, and under which name.
func (v *view) change(e, base *hub.Event) (name string, data []byte) {
	data = v.document(e)
	if v.Mode != Full {
		name = "snapshot"
	}
	if base == nil {
		return name, data
	}
	before := v.document(base)
	if len(v.Fields) > 0 && bytes.Equal(before, data) {
		return "", nil
	}
	if kind, text := v.delta(e, base.ID(), before, data); text != nil {
		return kind, text
	}
	return name, data
}

// delta returns how a document differs from the one before, or nil if that cannot
// be said in fewer bytes than the document has. A panic, which would end the
// streams of all, ends in a snapshot instead.
func (v *view) delta(e *hub.Event, base hub.ID, before, data []byte) (name string, text []byte) {
	defer func() {
		if value := recover(); value != nil {
			v.logger.Error("no delta because of a panic", "event", e.ID().String(), "panic", value, "stack", string(debug.Stack()))
			name, text = "", nil
		}
	}()
	var ok bool
	switch v.Mode {
	case Patch:
		name = "patch"
		text, ok = delta.Patch(before, data, delta.Options{Key: v.keyOf(e.Stream())})
		text = difference(base, "ops", text)
	case Merge:
		name = "merge"
		text, ok = delta.Merge(before, data)
		text = difference(base, "patch", text)
	case Full:
	}
	if !ok || len(text) >= len(data) {
		return "", nil
	}
	return name, text
}

func (v *view) document(e *hub.Event) []byte {
	if len(v.Fields) == 0 {
		return e.Data()
	}
	return v.fields.Apply(e.Data())
}

func difference(base hub.ID, name string, change []byte) []byte {
	text := append([]byte(`{"base":"`), base.String()...)
	text = append(text, `","`...)
	text = append(append(text, name...), `":`...)
	return append(append(text, change...), '}')
}

// line returns an event as a line of JSON. Names and IDs hold nothing that would
// have to be escaped.
func line(e *hub.Event, name string, data []byte) []byte {
	if name == "" {
		name = "message"
	}
	text := append([]byte(`{"event":"`), name...)
	if e.Kind() == hub.KindData {
		text = append(append(text, `","id":"`...), e.ID().String()...)
		text = append(append(text, `","stream":"`...), e.Stream()...)
	}
	text = append(append(text, `","data":`...), data...)
	return append(text, "}\n"...)
}

// lines reports whether the stream is one of lines.
func (v *view) lines() bool { return v != nil && v.Lines }

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
