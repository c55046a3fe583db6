package reshape

import (
	"context"
)

// Condition tells documents that are wanted from those that are not, such as an error
// that an upstream sends with status 200. It is safe for concurrent use.
type Condition struct{ program *program }

// NewCondition compiles a program that returns one value, of which false and null mean
// no and everything else means yes, as for if of jq. The error of a wrong program says
// where it is wrong. Options.MaxBytes bounds the values in between.
func NewCondition(program string, opts Options) (*Condition, error) {
	p, err := newProgram(program, opts, words{setting: "success", class: classRefused})
	if err != nil {
		return nil, err
	}
	return &Condition{program: p}, nil
}

// Judge runs the program on a compact document, see [poller.Stream]. Its error is nil if
// the program says yes. It returns when ctx ends. Each error is a [*poller.Error] of the
// class "refused", "select_timeout" or "too_large", and quotes nothing of the document.
// A program that fails on a document has refused it: an error of an upstream seldom has
// the form of its documents.
func (c *Condition) Judge(ctx context.Context, doc []byte) (err error) {
	w := c.program.words
	defer w.catch(&err)
	found, yes := false, false
	err = c.program.run(ctx, doc, func(value any) (more bool, err error) {
		if found {
			return false, w.failure(classRefused, "%s returned more than one result, want one, for example with all(…)")
		}
		found, yes = true, value != nil && value != false
		return true, nil
	})
	switch {
	case err != nil:
		return err
	case !found:
		return w.failure(classRefused, "%s returned no result, want one")
	case !yes:
		return failure(classRefused, "the answer is no success: what success asks of it is not true")
	}
	return nil
}
