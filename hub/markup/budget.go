package markup

import (
	"errors"
	"fmt"
	"time"
)

// The bounds of one rendering, besides its size.
const (
	// MaxSteps is how many turns of ranges and calls of templates one rendering may take.
	// A second of work, at about a microsecond each.
	MaxSteps = 1_000_000

	// MaxTime is how long one rendering may take. It is much more than MaxSteps need, for
	// templates whose steps are large.
	MaxTime = 5 * time.Second

	// MaxCalls is how deep templates may call each other: as deep as a document can be
	// nested.
	MaxCalls = 1000
)

// Reasons why a rendering is given up. Render returns them wrapped.
var (
	// ErrSize is returned for more than Options.MaxBytes of HTML, or of one text in it.
	ErrSize = errors.New("the HTML is too large")

	// ErrSteps is returned at MaxSteps.
	ErrSteps = fmt.Errorf("more than %d turns of range and calls of templates", MaxSteps)

	// ErrTime is returned at MaxTime.
	ErrTime = fmt.Errorf("takes longer than %v", MaxTime)

	// ErrDepth is returned at MaxCalls.
	ErrDepth = fmt.Errorf("templates call each other more than %d deep", MaxCalls)
)

// budget is what one rendering may still take.
type budget struct {
	steps, calls, bytes int
	until               time.Time
	now                 func() time.Time
}

// step is called at each turn of a range.
func (b *budget) step() (string, error) {
	b.steps--
	switch {
	case b.steps < 0:
		return "", ErrSteps
	case b.now().After(b.until):
		return "", ErrTime
	}
	return "", nil
}

// enter is called when a template begins, and leave when it ends.
func (b *budget) enter() (string, error) {
	if b.calls--; b.calls < 0 {
		return "", ErrDepth
	}
	return b.step()
}

func (b *budget) leave() string {
	b.calls++
	return ""
}

// page is the HTML of one rendering.
type page struct {
	budget *budget
	html   []byte
}

// Write implements io.Writer.
func (p *page) Write(text []byte) (int, error) {
	if len(p.html)+len(text) > p.budget.bytes {
		return 0, ErrSize
	}
	p.html = append(p.html, text...)
	return len(text), nil
}
