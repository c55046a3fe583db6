package reshape

import (
	"fmt"
	"strings"

	"github.com/itchyny/gojq"
)

// before names the guard for the input of a function of gojq.
var before = map[string]string{
	"add/0": guardWeight, "flatten/0": guardWeight, "flatten/1": guardWeight, "implode/0": guardWeight,
	"max/0": guardWeight, "min/0": guardWeight, "sort/0": guardWeight, "unique/0": guardWeight,
	"tojson/0": guardWeight, "tostring/0": guardWeight, "format/1": guardWeight, "bsearch/1": guardWeight,
	"sort_by/1": guardWeight, "group_by/1": guardWeight, "unique_by/1": guardWeight, "min_by/1": guardWeight, "max_by/1": guardWeight,
	"INDEX/1": guardWeight, "IN/1": guardWeight, "delpaths/1": guardWeight,
	"tonumber/0": guardNumeral, "transpose/0": guardTranspose,
	"match/1": guardSubject, "match/2": guardSubject, "test/1": guardSubject, "test/2": guardSubject,
	"capture/1": guardSubject, "capture/2": guardSubject, "scan/1": guardSubject, "scan/2": guardSubject,
	"split/2": guardSubject, "splits/1": guardSubject, "splits/2": guardSubject,
	"sub/2": guardSubject, "sub/3": guardSubject, "gsub/2": guardSubject, "gsub/3": guardSubject,
}

// arguments names the guard for the results of each argument of a function.
var arguments = map[string]string{
	"sort_by/1": guardWeight, "group_by/1": guardWeight, "unique_by/1": guardWeight, "min_by/1": guardWeight, "max_by/1": guardWeight,
	"INDEX/1": guardWeight, "INDEX/2": guardWeight, "IN/1": guardWeight, "IN/2": guardWeight, "bsearch/1": guardWeight,
	"JOIN/2": guardWeight, "JOIN/3": guardWeight, "JOIN/4": guardWeight, "delpaths/1": guardWeight, "flatten/1": guardIndex,
	"getpath/1": guardPath, "nth/1": guardIndex, "fromstream/1": guardStreamed,
}

// together names the guard for input and argument together, for functions of one
// argument.
var together = map[string]string{
	"contains/1": guardPairs, "inside/1": guardPairs, "indices/1": guardPairs, "index/1": guardPairs, "rindex/1": guardPairs,
	"join/1": guardJoin,
}

// after are the functions whose result is guarded. The others return a part of their
// input, a number, a truth value, or results of their arguments.
var after = map[string]bool{
	"add/0": true, "implode/0": true, "explode/0": true, "split/1": true, "split/2": true, "join/1": true,
	"tojson/0": true, "tostring/0": true, "format/1": true, "flatten/0": true, "flatten/1": true,
	"sub/2": true, "sub/3": true, "gsub/2": true, "gsub/3": true, "strftime/1": true, "strflocaltime/1": true,
	"map/1": true, "keys/0": true, "to_entries/0": true, "ascii_downcase/0": true, "ascii_upcase/0": true,
}

// addGuards rewrites the program, so that there is a guard before each function of
// gojq whose cost depends on more than the first level of its input. Functions that
// the program defines consist of such functions, so their calls stay as they are.
func addGuards(program *gojq.Query) error {
	r := rewriter{}
	r.query(program)
	return r.err
}

type rewriter struct{ err error }

func (r *rewriter) refuse(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("reshape: "+format, args...)
	}
}

// name refuses the names of internal functions of gojq, which have no guards, and of
// the variables that are inserted here.
func (r *rewriter) name(name string) {
	switch {
	case strings.HasPrefix(name, "$_pollux"):
		r.refuse("the program uses the name %.40q, want one that does not begin with '$_pollux'", name)
	case strings.HasPrefix(name, "_"):
		r.refuse("the program uses the name %.40q, want one that does not begin with '_'", name)
	}
}

func (r *rewriter) queries(all ...*gojq.Query) {
	for _, q := range all {
		if q != nil {
			r.query(q)
		}
	}
}

func (r *rewriter) query(q *gojq.Query) {
	if q.Meta != nil || len(q.Imports) > 0 {
		r.refuse("the program imports a module, want all of it in one text")
	}
	for _, def := range q.FuncDefs {
		r.name(def.Name)
		for _, arg := range def.Args {
			r.name(arg)
		}
		r.query(def.Body)
	}
	if q.Term != nil {
		r.term(q.Term)
	}
	r.patterns(q.Patterns)
	if q.Right != nil {
		r.queries(q.Left, q.Right)
		r.operator(q)
	}
}

// operator guards an operator whose operands are guarded already.
func (r *rewriter) operator(q *gojq.Query) {
	l, right := q.Left, q.Right
	if c, found := comparisons[q.Op]; found {
		replace(q, call(c.name, l, right))
		return
	}
	switch q.Op {
	case gojq.OpAdd, gojq.OpDiv, gojq.OpMod:
		replace(q, pipe(guardedNumbers(q.Op, l, right), call(guardFits)))
	case gojq.OpSub:
		replace(q, checked(guardPairs, gojq.OpSub, l, right))
	case gojq.OpMul:
		replace(q, checked(guardTimes, gojq.OpMul, l, right))
	case gojq.OpUpdateAdd, gojq.OpUpdateSub, gojq.OpUpdateMul, gojq.OpUpdateDiv, gojq.OpUpdateMod:
		// l += r is r as $x | l |= (. + $x).
		operation := map[gojq.Operator]gojq.Operator{
			gojq.OpUpdateAdd: gojq.OpAdd, gojq.OpUpdateSub: gojq.OpSub, gojq.OpUpdateMul: gojq.OpMul,
			gojq.OpUpdateDiv: gojq.OpDiv, gojq.OpUpdateMod: gojq.OpMod,
		}[q.Op]
		update := &gojq.Query{Left: identity(), Op: operation, Right: variable("$_pollux_update")}
		r.operator(update)
		replace(q, bind("$_pollux_update", right, &gojq.Query{Left: l, Op: gojq.OpModify, Right: parens(update)}))
	default: // those that only choose, or write what is guarded where it is guarded
	}
}

func (r *rewriter) term(t *gojq.Term) {
	for _, suffix := range t.SuffixList {
		r.index(suffix.Index)
	}
	r.index(t.Index)
	switch {
	case t.Func != nil:
		r.call(t)
	case t.Object != nil:
		r.object(t.Object)
	case t.Array != nil:
		r.queries(t.Array.Query)
	case t.Unary != nil:
		r.term(t.Unary.Term)
	case t.If != nil:
		r.queries(t.If.Cond, t.If.Then, t.If.Else)
		for _, elif := range t.If.Elif {
			r.queries(elif.Cond, elif.Then)
		}
	case t.Try != nil:
		r.queries(t.Try.Body, t.Try.Catch)
	case t.Reduce != nil:
		r.patterns(t.Reduce.Patterns)
		r.queries(t.Reduce.Query, t.Reduce.Start, t.Reduce.Update)
	case t.Foreach != nil:
		r.patterns(t.Foreach.Patterns)
		r.queries(t.Foreach.Query, t.Foreach.Start, t.Foreach.Update, t.Foreach.Extract)
	case t.Label != nil:
		r.queries(t.Label.Body)
	case t.Query != nil:
		r.query(t.Query)
	}
	r.text(t.Str)
	r.result(t)
}

// result guards what a string with values in it, or a format, makes.
func (r *rewriter) result(t *gojq.Term) {
	switch {
	case t.Str != nil && t.Str.Queries != nil:
		wrap(t, func(inner *gojq.Query) *gojq.Query { return pipe(inner, call(guardFits)) })
	case t.Str == nil && t.Format != "":
		wrap(t, func(inner *gojq.Query) *gojq.Query { return pipe(call(guardWeight), inner, call(guardFits)) })
	}
}

func (r *rewriter) object(o *gojq.Object) {
	for _, member := range o.KeyVals {
		if strings.HasPrefix(member.Key, "$") {
			r.name(member.Key)
		}
		r.text(member.KeyString)
		r.queries(member.KeyQuery, member.Val)
	}
}

// text guards what is put into a string.
func (r *rewriter) text(s *gojq.String) {
	if s == nil {
		return
	}
	for _, part := range s.Queries {
		if part.Term != nil && part.Term.Str != nil && part.Term.Format == "" && len(part.Term.SuffixList) == 0 && part.Term.Str.Queries == nil {
			continue // a piece of the string itself
		}
		r.query(part)
		*part = *pipe(parens(copied(part)), call(guardWeight))
		*part = *parens(copied(part))
	}
}

// index guards what stands in brackets, unless it is a small number or a name.
func (r *rewriter) index(index *gojq.Index) {
	if index == nil {
		return
	}
	r.text(index.Str)
	for _, bound := range []**gojq.Query{&index.Start, &index.End} {
		q := *bound
		if q == nil || q.Term != nil && len(q.Term.SuffixList) == 0 && len(q.FuncDefs) == 0 && (q.Term.Type == gojq.TermTypeNumber &&
			len(q.Term.Number) <= 5 || q.Term.Type == gojq.TermTypeString && q.Term.Str.Queries == nil) {
			continue
		}
		r.query(q)
		*bound = pipe(q, call(guardIndex))
	}
}

func (r *rewriter) patterns(patterns []*gojq.Pattern) {
	for _, p := range patterns {
		r.name(p.Name)
		r.patterns(p.Array)
		for _, member := range p.Object {
			if strings.HasPrefix(member.Key, "$") {
				r.name(member.Key)
			}
			r.text(member.KeyString)
			r.queries(member.KeyQuery)
			if member.Val != nil {
				r.patterns([]*gojq.Pattern{member.Val})
			}
		}
	}
}

// call guards a call of a function.
func (r *rewriter) call(t *gojq.Term) {
	r.name(t.Func.Name)
	r.queries(t.Func.Args...)
	key := fmt.Sprintf("%s/%d", t.Func.Name, len(t.Func.Args))
	if guard, found := arguments[key]; found {
		for i, arg := range t.Func.Args {
			t.Func.Args[i] = pipe(parens(arg), call(guard))
		}
	}
	switch key {
	case "add/1": // add(f) is [f] | add
		all := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeArray, Array: &gojq.Array{Query: t.Func.Args[0]}}}
		wrap(t, func(*gojq.Query) *gojq.Query { return pipe(all, call(guardWeight), call("add"), call(guardFits)) })
		return
	case "setpath/2":
		t.Func.Args[0] = pipe(parens(t.Func.Args[0]), call(guardPath))
	case "fromjson/0":
		wrap(t, func(inner *gojq.Query) *gojq.Query { return pipe(inner, call(guardWeight)) })
		return
	}
	wrap(t, func(inner *gojq.Query) *gojq.Query {
		if guard, found := together[key]; found {
			arg := t.Func.Args[0]
			inner = bind("$_pollux_arg", arg, pipe(call(guard, identity(), variable("$_pollux_arg")), call(t.Func.Name, variable("$_pollux_arg"))))
		}
		if guard, found := before[key]; found {
			inner = pipe(call(guard), inner)
		}
		if after[key] {
			inner = pipe(parens(inner), call(guardFits))
		}
		return inner
	})
}
