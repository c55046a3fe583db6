package reshape

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// Defaults of Options.
const (
	DefaultTimeout   = time.Second
	DefaultMaxBytes  = hub.DefaultMaxData
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
	classSelect   = "select"             // the program failed, or did not return what it has to
	classRefused  = "refused"            // a condition is not true of the document, or failed on it
	classTimeout  = "select_timeout"     // it took too long
	classTooLarge = poller.ClassTooLarge // it took too much memory, or its result is too large
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

// Reshaper makes one document of another. It is safe for concurrent use.
type Reshaper struct{ program *program }

// New compiles a program. The error of a wrong program says where it is wrong.
func New(program string, opts Options) (*Reshaper, error) {
	p, err := newProgram(program, opts, words{setting: "select", class: classSelect})
	if err != nil {
		return nil, err
	}
	return &Reshaper{program: p}, nil
}

// Reshape runs the program on a compact document, see [poller.Stream], and returns
// one document without white space. It returns when ctx ends. Each error is a
// [*poller.Error] of the class "select", "select_timeout" or "too_large", and quotes
// nothing of the document.
func (r *Reshaper) Reshape(ctx context.Context, doc []byte) (result []byte, err error) {
	w := r.program.words
	defer w.catch(&err)
	var only any
	found := false
	err = r.program.run(ctx, doc, func(value any) (more bool, err error) {
		if found {
			return false, w.failure(classSelect, "%s returned more than one result, want one; brackets around it make an array")
		}
		only, found = value, true
		return true, nil
	})
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, w.failure(classSelect, "%s returned no result, want one")
	}
	return encode(only, r.program.opts.MaxBytes, w)
}
