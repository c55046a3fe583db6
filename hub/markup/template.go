package markup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/polluxhub/pollux/hub/document"
)

// MaxTemplate is the size of the largest template, in bytes.
const MaxTemplate = 64 << 10

// DefaultMaxBytes is the default of Options.MaxBytes.
const DefaultMaxBytes = 1 << 20

// Options bound a rendering. The zero value has the defaults.
type Options struct {
	// MaxBytes bounds the HTML of a document, in bytes. 0 means DefaultMaxBytes.
	MaxBytes int

	// Now is the clock of MaxTime. Nil means time.Now.
	Now func() time.Time
}

// Template renders the documents of a stream. It is safe for concurrent use.
type Template struct {
	text  string
	mark  string
	opts  Options
	steps int       // MaxSteps, but for tests
	ready sync.Pool // of *rendering: a template of Go has one set of functions for all who execute it
}

// Subject says which document is rendered.
type Subject struct {
	Stream string    // its name; of a key with the key, as in prices/BTC
	Time   time.Time // when the event was stored
}

// The names of the parts of a template.
const (
	mainPart   = "html"
	statusPart = "status"
	resetPart  = "reset"
)

// defaults are the parts that each template has. The text of a live stream is empty, so
// that an element which shows the newest status is empty too.
const defaults = `{{define "status"}}<span class="pollux-status" data-stream="{{.stream}}" data-state="{{.state}}" data-error="{{.error}}">` +
	`{{if ne .state "live"}}{{.state}}{{with .error}}: {{.}}{{end}}{{end}}</span>{{end}}` +
	`{{define "reset"}}<span class="pollux-reset" data-reason="{{.reason}}"></span>{{end}}`

// scripts finds a value in an attribute that htmx runs as a script. html/template knows the
// attributes of HTML, onclick and the like, and takes those of libraries for text.
var scripts = regexp.MustCompile(`(?i)\s((?:data-)?hx-(?:on|vars)[^\s=>]*)\s*=\s*(?:"[^"]*\{\{|'[^']*\{\{|[^\s"'>]*\{\{)`)

// New returns a template. The error of a wrong one says in which line it is wrong.
func New(text string, opts Options) (*Template, error) {
	if len(text) > MaxTemplate {
		return nil, fmt.Errorf("markup: the template has %d bytes, want %d at most", len(text), MaxTemplate)
	}
	if !utf8.ValidString(text) {
		return nil, errors.New("markup: the template is not UTF-8")
	}
	if strings.ContainsRune(text, 0) {
		return nil, errors.New("markup: the template has the character U+0000, which HTML cannot have")
	}
	if name := scripts.FindStringSubmatch(text); name != nil {
		return nil, fmt.Errorf("markup: a value in %s would be a script that html/template does not know and so does not escape: put it into a data- attribute, and read that in the script", name[1])
	}
	if opts.MaxBytes < 0 {
		return nil, fmt.Errorf("markup: MaxBytes is %d, want at least 1, or 0 for %d", opts.MaxBytes, DefaultMaxBytes)
	}
	if opts.MaxBytes == 0 {
		opts.MaxBytes = DefaultMaxBytes
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	sum := sha256.Sum256([]byte(text))
	t := &Template{text: text, mark: hex.EncodeToString(sum[:8]), opts: opts, steps: MaxSteps}
	r, err := t.compile()
	if err != nil {
		return nil, located(err)
	}
	t.ready.Put(r)
	return t, nil
}

// Bare returns a template for streams that have none: it has a status and a reset, and
// renders no document.
func Bare() *Template { return bare() }

var bare = sync.OnceValue(func() *Template {
	t, err := New("{{.}}", Options{})
	if err != nil {
		panic(err) // a test makes it
	}
	return t
})

// Text returns the template as it was written.
func (t *Template) Text() string { return t.text }

// Mark returns a short text that differs from that of other templates: letters and digits.
func (t *Template) Mark() string { return t.mark }

// Render returns the HTML of a compact document. Errors: ErrSize, ErrSteps, ErrTime,
// ErrDepth, and that of a template that does not fit the document, which says in which line.
func (t *Template) Render(of Subject, data []byte) ([]byte, error) {
	return t.render(mainPart, of, data)
}

// Status returns the HTML of a status, which is a JSON object.
func (t *Template) Status(of Subject, data []byte) ([]byte, error) {
	return t.part(statusPart, of, data)
}

// Reset returns the HTML of a reset, which is a JSON object.
func (t *Template) Reset(of Subject, data []byte) ([]byte, error) {
	return t.part(resetPart, of, data)
}

func (t *Template) part(part string, of Subject, data []byte) ([]byte, error) {
	compact, err := document.Compact(data)
	if err != nil {
		return nil, fmt.Errorf("markup: %w", err)
	}
	return t.render(part, of, compact)
}

func (t *Template) render(part string, of Subject, data []byte) (html []byte, err error) {
	value, err := document.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("markup: %w", err)
	}
	r, ok := t.ready.Get().(*rendering)
	if !ok {
		if r, err = t.compile(); err != nil { // which New has done before
			return nil, located(err)
		}
	}
	defer func() {
		if value := recover(); value != nil { // it would end all streams
			html, err = nil, fmt.Errorf("markup: the template panicked: %.*s", maxWords, fmt.Sprint(value))
			return
		}
		t.ready.Put(r)
	}()
	r.of = of
	r.budget = budget{steps: t.steps, calls: MaxCalls, bytes: t.opts.MaxBytes, now: t.opts.Now, until: t.opts.Now().Add(MaxTime)}
	out := page{budget: &r.budget}
	if err := r.template.ExecuteTemplate(&out, part, plain(value)); err != nil {
		return nil, located(err)
	}
	return bytes.ReplaceAll(out.html, []byte{0}, []byte("\uFFFD")), nil // html/template leaves none that it escapes
}

// rendering is a template of Go, and what the rendering that it does now may take.
type rendering struct {
	template *template.Template
	of       Subject
	budget   budget
}

// compile parses the template, and has each of its parts escaped.
func (t *Template) compile() (*rendering, error) {
	r := &rendering{budget: budget{now: t.opts.Now}}
	functions := r.functions()
	with, err := template.New("").Funcs(functions).Parse(instrumentsText)
	if err != nil {
		return nil, err
	}
	r.template = template.Must(template.New(mainPart).Funcs(functions).Parse(defaults))
	if _, err := r.template.Parse(t.text); err != nil {
		return nil, err
	}
	if r.template.Tree == nil || len(r.template.Tree.Root.Nodes) == 0 {
		return nil, errors.New("there is no HTML outside of define")
	}
	if err := instrument(r.template, with); err != nil {
		return nil, err
	}
	// html/template says what is wrong when it begins to execute. Without a step left it
	// gets no further.
	for _, part := range []string{mainPart, statusPart, resetPart} {
		if err := r.template.ExecuteTemplate(new(page), part, nil); !errors.Is(err, ErrDepth) {
			return nil, err
		}
	}
	return r, nil
}

// places are the beginnings of errors of html/template and text/template.
var places = regexp.MustCompile(`^(?:html/)?template: ?[^:]*(?::(\d+)(?::\d+)?)?: `)

// maxWords bounds the text of an error, which may quote a value of the document.
const maxWords = 300

// located returns an error that begins with the line, if that is known. It wraps err.
func located(err error) error {
	text := err.Error()
	if at := places.FindStringSubmatch(text); at != nil {
		text = text[len(at[0]):]
		if at[1] != "" {
			text = "line " + at[1] + ": " + text
		}
	}
	if len(text) > maxWords {
		text = strings.ToValidUTF8(text[:maxWords], "") + "..."
	}
	return &placed{"markup: " + text, err}
}

type placed struct {
	text string
	err  error
}

func (e *placed) Error() string { return e.text }
func (e *placed) Unwrap() error { return e.err }
