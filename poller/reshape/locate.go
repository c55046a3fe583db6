package reshape

import (
	"context"
	"strconv"

	"github.com/itchyny/gojq"
)

// An error of gojq does not say where in the program it has happened. So a program that has
// failed is run once more with a mark around each of its parts. The innermost one that fails
// says where that is.

// guardAt is the name of the function that marks an error.
const guardAt = "_pollux_at"

// locatedError is an error in a part of a program.
type locatedError struct{ part int }

func (*locatedError) Error() string { return "an error in a part of the program" }

// Value is what a catch of the program gets, so that the mark of an outer part knows it again.
func (e *locatedError) Value() any { return map[string]any{guardAt: e.part} }

// marker marks errors.
func marker() gojq.CompilerOption {
	return gojq.WithFunction(guardAt, 1, 1, func(caught any, args []any) any {
		if inner, ok := caught.(map[string]any); ok {
			if part, ok := inner[guardAt].(int); ok {
				return &locatedError{part}
			}
		}
		part, _ := args[0].(int)
		return &locatedError{part}
	})
}

// locate runs the program, which has failed on an input, once more, and returns the part that
// fails; "" if that is not known.
func (p *program) locate(ctx context.Context, input any) (part string) {
	defer func() {
		if recover() != nil {
			part = "" // what has failed before is told all the same
		}
	}()
	query, err := gojq.Parse(p.text)
	if err != nil || query.Term == nil && query.Right == nil {
		return ""
	}
	l := &locator{own: make(map[string]bool)}
	l.query(query, place{".", true})
	if addGuards(query) != nil {
		return ""
	}
	l.mark()
	code, err := gojq.Compile(query, append(p.guards().options(), marker())...)
	if err != nil {
		return ""
	}
	results := code.RunWithContext(newMeter(ctx, uint64(p.opts.MaxMemory)), input)
	for {
		switch value, found := results.Next(); failed := value.(type) {
		case *locatedError:
			if failed.part < 0 || failed.part >= len(l.parts) {
				return ""
			}
			return l.parts[failed.part]
		case error:
			return ""
		default:
			if !found {
				return ""
			}
		}
	}
}

// mark puts a mark around each part.
func (l *locator) mark() {
	for _, o := range l.operators {
		inner := copied(o.query)
		inner.FuncDefs = nil
		*o.query = gojq.Query{FuncDefs: o.query.FuncDefs, Term: marked(inner, o.part)}
	}
	for _, one := range l.terms {
		inner := *one.term
		inner.SuffixList = nil
		current := &inner
		if !cannotFail(current) {
			current = marked(&gojq.Query{Term: current}, one.from)
		}
		for i, suffix := range one.term.SuffixList {
			next := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeQuery, Query: &gojq.Query{Term: current}, SuffixList: []*gojq.Suffix{suffix}}}
			current = marked(next, one.from+1+i)
		}
		*one.term = *current
	}
}

// marked returns try q catch mark(part).
func marked(q *gojq.Query, part int) *gojq.Term {
	number := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeNumber, Number: strconv.Itoa(part)}}
	return &gojq.Term{Type: gojq.TermTypeTry, Try: &gojq.Try{Body: parens(q), Catch: call(guardAt, number)}}
}
