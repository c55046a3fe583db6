package reshape

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/itchyny/gojq"

	"github.com/polluxhub/pollux/poller"
)

// Defaults of Options.
const (
	DefaultTimeout   = time.Second
	DefaultMaxBytes  = 1 << 20
	DefaultMaxMemory = 256 << 20
)

// Bounds of Options. A larger limit is probably a typing error.
const (
	maxTimeout = time.Minute
	maxLimit   = 1 << 30
)

// maxProgram bounds a program, in bytes: gojq compiles by recursion, and takes
// quadratic time for deep programs.
const maxProgram = 8 << 10

// Classes of failures, which clients see.
const (
	classSelect   = "select"         // the program failed, or did not return one result
	classTimeout  = "select_timeout" // it took too long
	classTooLarge = "too_large"      // it took too much memory, or its result is too large
)

// Options bound one run of a program. The zero value has the defaults.
type Options struct {
	// Timeout is how long a run may take, at most a minute. 0 means
	// DefaultTimeout.
	Timeout time.Duration

	// MaxBytes bounds the result, in bytes, at most 1 GiB. 0 means
	// DefaultMaxBytes. An intermediate value may be four times as large.
	MaxBytes int

	// MaxMemory is how much the heap may grow during a run, in bytes, at most 1 GiB.
	// 0 means DefaultMaxMemory.
	MaxMemory int
}

func (o Options) withDefaults() (Options, error) {
	var errs []error
	if o.Timeout < 0 || o.Timeout > maxTimeout {
		errs = append(errs, fmt.Errorf("reshape: Timeout is %v, want more than 0 and at most %v, or 0 for %v", o.Timeout, maxTimeout, DefaultTimeout))
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	for _, limit := range []struct {
		name     string
		value    *int
		fallback int
	}{{"MaxBytes", &o.MaxBytes, DefaultMaxBytes}, {"MaxMemory", &o.MaxMemory, DefaultMaxMemory}} {
		if *limit.value < 0 || *limit.value > maxLimit {
			errs = append(errs, fmt.Errorf("reshape: %s is %d, want 1 to %d, or 0 for %d", limit.name, *limit.value, maxLimit, limit.fallback))
		}
		if *limit.value == 0 {
			*limit.value = limit.fallback
		}
	}
	return o, errors.Join(errs...)
}

// Reshaper is a compiled program. It is safe for concurrent use.
type Reshaper struct {
	opts    Options
	program *gojq.Query // with guards; only read
}

// New compiles a program. The error of a wrong program says where it is wrong.
func New(program string, opts Options) (_ *Reshaper, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("reshape: the program cannot be compiled: %v", cause)
		}
	}()
	if opts, err = opts.withDefaults(); err != nil {
		return nil, err
	}
	if len(program) > maxProgram {
		return nil, fmt.Errorf("reshape: the program has %d bytes, want at most %d", len(program), maxProgram)
	}
	query, err := gojq.Parse(program)
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
	r := &Reshaper{opts: opts, program: query}
	if _, err := r.compile(); err != nil {
		return nil, fmt.Errorf("reshape: the program is wrong: %w", err)
	}
	return r, nil
}

// compile makes the code for one run. Code for many runs would keep each regular
// expression that any document contained.
func (r *Reshaper) compile() (*gojq.Code, error) {
	return gojq.Compile(r.program, guards{maxWeight: weightFactor * r.opts.MaxBytes}.options()...)
}

// Reshape runs the program on a compact document, see [poller.Stream], and returns
// one document without white space. It returns when ctx ends. Each error is a
// [*poller.Error] of the class "select", "select_timeout" or "too_large", and quotes
// nothing of the document.
func (r *Reshaper) Reshape(ctx context.Context, doc []byte) (result []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil { // its text may quote the document
			result, err = nil, failure(classSelect, "the program of select met a fault of the library that runs it")
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, r.opts.Timeout)
	defer cancel()
	input, err := decode(doc)
	if err != nil {
		return nil, err
	}
	code, err := r.compile()
	if err != nil {
		return nil, failure(classSelect, "the program of select cannot be compiled")
	}
	results := code.RunWithContext(newMeter(ctx, uint64(r.opts.MaxMemory)), input)
	value, found := results.Next()
	if !found {
		return nil, failure(classSelect, "the program of select returned no result, want one")
	}
	if err, failed := value.(error); failed {
		return nil, failureOf(err)
	}
	switch second, found := results.Next(); cause := second.(type) {
	case error:
		return nil, failureOf(cause)
	default:
		if found {
			return nil, failure(classSelect, "the program of select returned more than one result, want one; brackets around it make an array")
		}
	}
	return encode(value, r.opts.MaxBytes)
}

// decode returns the document as values of gojq, with the numbers as written. Its
// depth is bounded because it is compact.
func decode(doc []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(doc))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, failure(classSelect, "the document cannot be decoded")
	}
	return value, nil
}

// failureOf turns an error of a run into a failure. The texts of gojq quote values, so
// the failure names only the kind of error.
func failureOf(err error) error {
	var heavy *heavyError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return failure(classTimeout, "the program of select took too long")
	case errors.Is(err, context.Canceled):
		return &poller.Error{Class: classTimeout, Err: fmt.Errorf("the poll was cancelled: %w", err)}
	case errors.Is(err, errMemory):
		return &poller.Error{Class: classTooLarge, Err: err}
	case errors.As(err, &heavy):
		return failure(classTooLarge, "in the program of select, "+heavy.what)
	}
	return failure(classSelect, reasonOf(err))
}

func failure(class, text string) error {
	return &poller.Error{Class: class, Err: errors.New(text)}
}
