package reshape

import "github.com/itchyny/gojq"

// Pieces of syntax trees.

func identity() *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIdentity}}
}

// call returns name(args).
func call(name string, args ...*gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}}
}

// variable returns the variable, whose name has its dollar sign.
func variable(name string) *gojq.Query { return call(name) }

func parens(q *gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeQuery, Query: q}}
}

// pipe returns first | second | ... .
func pipe(first *gojq.Query, rest ...*gojq.Query) *gojq.Query {
	if len(rest) == 0 {
		return first
	}
	return &gojq.Query{Left: first, Op: gojq.OpPipe, Right: pipe(rest[0], rest[1:]...)}
}

// bind returns value as $name | body.
func bind(name string, value, body *gojq.Query) *gojq.Query {
	return &gojq.Query{Left: parens(value), Patterns: []*gojq.Pattern{{Name: name}}, Op: gojq.OpPipe, Right: body}
}

func copied(q *gojq.Query) *gojq.Query {
	c := *q
	return &c
}

// replace puts with in the place of q, after the functions that q defines.
func replace(q, with *gojq.Query) {
	*q = gojq.Query{FuncDefs: q.FuncDefs, Term: parens(with).Term}
}

// wrap replaces t, without its suffixes, by the result of around.
func wrap(t *gojq.Term, around func(inner *gojq.Query) *gojq.Query) {
	inner := *t
	inner.SuffixList = nil
	before := &gojq.Query{Term: &inner}
	after := around(before)
	if after == before {
		return
	}
	*t = gojq.Term{Type: gojq.TermTypeQuery, Query: after, SuffixList: t.SuffixList}
}

// checked returns l op r with a guard before it for both operands, and another one for
// the result. As with the operator itself, the results of r are the outer loop.
func checked(guard string, op gojq.Operator, l, r *gojq.Query) *gojq.Query {
	left, right := variable("$_pollux_l"), variable("$_pollux_r")
	operation := parens(&gojq.Query{Left: left, Op: op, Right: right})
	// l must not see the variable that is bound to r; it cannot name it anyway.
	return bind("$_pollux_r", r, bind("$_pollux_l", l, pipe(call(guard, left, right), operation, call(guardFits))))
}

// guardedNumbers returns l op r with a guard for each operand.
func guardedNumbers(op gojq.Operator, l, r *gojq.Query) *gojq.Query {
	return parens(&gojq.Query{
		Left: parens(pipe(parens(l), call(guardFits))), Op: op,
		Right: parens(pipe(parens(r), call(guardFits))),
	})
}
