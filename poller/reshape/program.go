package reshape

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/itchyny/gojq"
)

// program is a compiled program. It is safe for concurrent use.
type program struct {
	text  string
	opts  Options
	query *gojq.Query // with guards; only read
	words words
}

// newProgram compiles a program. The error of a wrong program says where it is wrong.
func newProgram(text string, opts Options, words words) (_ *program, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("reshape: the program cannot be compiled: %v", cause)
		}
	}()
	if opts, err = opts.withDefaults(); err != nil {
		return nil, err
	}
	if len(text) > maxProgram {
		return nil, fmt.Errorf("reshape: the program has %d bytes, want at most %d", len(text), maxProgram)
	}
	query, err := gojq.Parse(text)
	if err != nil {
		if wrong, ok := errors.AsType[*gojq.ParseError](err); ok {
			return nil, fmt.Errorf("reshape: the program is wrong at byte %d: %w", wrong.Offset, err)
		}
		return nil, fmt.Errorf("reshape: the program is wrong: %w", err)
	}
	if query.Term == nil && query.Right == nil {
		query.Term = identity().Term // nothing but comments and definitions
	}
	if err := addGuards(query); err != nil {
		return nil, err
	}
	p := &program{text: text, opts: opts, query: query, words: words}
	if _, err := p.compile(); err != nil {
		return nil, fmt.Errorf("reshape: the program is wrong: %w", err)
	}
	return p, nil
}

// compile makes the code for one run. Code for many runs would keep each regular
// expression that any document contained.
func (p *program) compile() (*gojq.Code, error) {
	return gojq.Compile(p.query, p.guards().options()...)
}

func (p *program) guards() guards { return guards{maxWeight: weightFactor * p.opts.MaxBytes} }

// run runs the program on a compact document, and gives its results to take, which
// returns false to end the run. Each error is a [*poller.Error] of the class of the program,
// "select_timeout" or "too_large", and quotes nothing of the document.
func (p *program) run(ctx context.Context, doc []byte, take func(value any) (more bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, p.opts.Timeout)
	defer cancel()
	input, err := decode(doc, p.words)
	if err != nil {
		return err
	}
	code, err := p.compile()
	if err != nil {
		return p.words.failure(p.words.class, "%s cannot be compiled")
	}
	results := code.RunWithContext(newMeter(ctx, uint64(p.opts.MaxMemory)), input)
	for more := true; more; {
		value, found := results.Next()
		if !found {
			return nil
		}
		if err, failed := value.(error); failed {
			return p.words.failureOf(err, func() string { return p.locate(ctx, input) })
		}
		if more, err = take(value); err != nil {
			return err
		}
	}
	return nil
}

// decode returns the document as values of gojq, with the numbers as written. Its
// depth is bounded because it is compact.
func decode(doc []byte, words words) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(doc))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, failure(words.class, "the document cannot be decoded")
	}
	return value, nil
}
