package reshape

import (
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// mostWords is the length of the longest place that is told, in bytes.
const mostWords = 80

// locator knows the parts of a program. It is used in this order: query, before the guards are
// added, and mark.
type locator struct {
	own       map[string]bool // the functions that the program defines
	parts     []string
	terms     []locatedTerm
	operators []locatedOperator
}

type locatedTerm struct {
	term *gojq.Term
	from int // the first of the parts: of the term itself, and of each of its suffixes
}

type locatedOperator struct {
	query *gojq.Query
	part  int
}

// part adds a part, and returns its number.
func (l *locator) part(words string) int {
	l.parts = append(l.parts, "")
	l.name(len(l.parts)-1, words)
	return len(l.parts) - 1
}

// name says what a part is called.
func (l *locator) name(part int, words string) {
	if len(words) > mostWords {
		words = strings.ToValidUTF8(words[:mostWords], "") + "…"
	}
	l.parts[part] = words
}

// query notes the parts of a query whose input is at a place, and returns the place of its
// results.
func (l *locator) query(q *gojq.Query, at place) place {
	if q == nil {
		return place{"…", false}
	}
	for _, def := range q.FuncDefs {
		l.own[def.Name] = true
	}
	for _, def := range q.FuncDefs {
		l.query(def.Body, place{".", true})
	}
	switch {
	case q.Term != nil:
		return l.term(q.Term, at)
	case q.Right == nil:
		return at
	case q.Op == gojq.OpPipe && q.Patterns == nil:
		return l.query(q.Right, l.query(q.Left, at).input())
	case q.Op == gojq.OpPipe: // left as $x | right
		l.query(q.Left, at)
		return l.query(q.Right, at)
	}
	left := l.query(q.Left, at)
	to := at
	if q.Op == gojq.OpModify {
		to = left.input()
	}
	right := l.query(q.Right, to)
	if mayFail[q.Op] {
		l.operators = append(l.operators, locatedOperator{q, l.part(at.in(operand(left) + " " + q.Op.String() + " " + operand(right)))})
	}
	return place{"(…)", false}
}

// mayFail are the operators that do not take any values.
var mayFail = map[gojq.Operator]bool{
	gojq.OpAdd: true, gojq.OpSub: true, gojq.OpMul: true, gojq.OpDiv: true, gojq.OpMod: true, gojq.OpAssign: true, gojq.OpModify: true,
	gojq.OpUpdateAdd: true, gojq.OpUpdateSub: true, gojq.OpUpdateMul: true, gojq.OpUpdateDiv: true, gojq.OpUpdateMod: true, gojq.OpUpdateAlt: true,
}

// term notes the parts of a term, and returns the place of its results.
func (l *locator) term(t *gojq.Term, at place) place {
	from := len(l.parts)
	l.part("") // which is known below
	for range t.SuffixList {
		l.part("")
	}
	p := l.base(t, at)
	l.name(from, told(at, p))
	for i, suffix := range t.SuffixList {
		switch {
		case suffix.Iter:
			p = p.of("[]")
		case suffix.Index != nil:
			p = p.of(l.key(suffix.Index, at))
		}
		l.name(from+1+i, told(at, p))
	}
	l.terms = append(l.terms, locatedTerm{t, from})
	return p
}

// cannotFail reports whether a term has a value whatever its input is.
func cannotFail(t *gojq.Term) bool {
	switch t.Type {
	case gojq.TermTypeIdentity, gojq.TermTypeRecurse, gojq.TermTypeNull, gojq.TermTypeTrue, gojq.TermTypeFalse, gojq.TermTypeNumber:
		return true
	case gojq.TermTypeString:
		return t.Str.Queries == nil
	default:
		return false
	}
}

// base returns the place of a term without its suffixes.
func (l *locator) base(t *gojq.Term, at place) place {
	switch {
	case t.Type == gojq.TermTypeIdentity:
		return at
	case t.Index != nil:
		return at.of(l.key(t.Index, at))
	case t.Func != nil:
		return l.call(t.Func, at)
	case t.Query != nil:
		return l.query(t.Query, at)
	case t.Object != nil:
		l.object(t.Object, at)
		return place{"{…}", false}
	case t.Array != nil:
		if t.Array.Query != nil {
			l.query(t.Array.Query, at)
		}
		return place{"[…]", false}
	case t.Unary != nil:
		return place{t.Unary.Op.String() + operand(l.term(t.Unary.Term, at)), false}
	case t.If != nil:
		l.query(t.If.Cond, at)
		l.query(t.If.Then, at)
		for _, elif := range t.If.Elif {
			l.query(elif.Cond, at)
			l.query(elif.Then, at)
		}
		if t.If.Else != nil {
			l.query(t.If.Else, at)
		}
		return place{"if …", false}
	case t.Try != nil:
		if t.Try.Catch != nil {
			l.query(t.Try.Catch, place{".", true})
		}
		return place{l.query(t.Try.Body, at).words, false}
	case t.Reduce != nil:
		l.query(t.Reduce.Query, at)
		l.query(t.Reduce.Start, at)
		l.query(t.Reduce.Update, place{".", true})
		return place{"reduce …", false}
	case t.Foreach != nil:
		l.query(t.Foreach.Query, at)
		l.query(t.Foreach.Start, at)
		l.query(t.Foreach.Update, place{".", true})
		return place{"foreach …", false}
	case t.Label != nil:
		l.query(t.Label.Body, at)
		return place{"label …", false}
	}
	if t.Str != nil {
		for _, piece := range t.Str.Queries {
			l.query(piece, at)
		}
	}
	if t.Format != "" {
		return place{t.Format, false}
	}
	return place{"…", false}
}

// object notes the parts of an object. A member {a} becomes {a: .a}, which may fail.
func (l *locator) object(o *gojq.Object, at place) {
	for _, member := range o.KeyVals {
		if member.Val == nil && member.Key != "" && !strings.HasPrefix(member.Key, "$") {
			member.Val = &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIndex, Index: &gojq.Index{Name: member.Key}}}
		}
		if member.KeyQuery != nil {
			l.query(member.KeyQuery, at)
		}
		if member.Val != nil {
			l.query(member.Val, at)
		}
	}
}

// eachOf are the functions of gojq whose argument is given the elements of the input.
var eachOf = map[string]bool{
	"map": true, "map_values": true, "sort_by": true, "group_by": true, "unique_by": true, "min_by": true, "max_by": true, "any": true, "all": true,
}

// elsewhere are those with an argument that is given something else than the input.
var elsewhere = map[string]bool{
	"recurse": true, "walk": true, "until": true, "while": true, "repeat": true, "with_entries": true, "sub": true, "gsub": true,
	"fromstream": true, "INDEX": true, "IN": true, "GROUP_BY": true, "JOIN": true, "truncate_stream": true,
}

// call notes the arguments of a call, and returns the place of its results.
func (l *locator) call(f *gojq.Func, at place) place {
	if strings.HasPrefix(f.Name, "$") {
		return place{f.Name, true}
	}
	given := at
	switch {
	case elsewhere[f.Name] || l.own[f.Name]:
		given = place{".", true}
	case eachOf[f.Name] && len(f.Args) == 1:
		given = at.of("[]")
	}
	words, result := f.Name, place{}
	for _, arg := range f.Args {
		result = l.query(arg, given)
		words = f.Name + "(…)"
	}
	switch {
	case l.own[f.Name]:
	case f.Name == "select" && len(f.Args) == 1:
		return at
	case (f.Name == "first" || f.Name == "last") && len(f.Args) == 1:
		return result
	}
	return place{words, false}
}

// key returns the words for an index, and notes the parts of what is calculated in it.
func (l *locator) key(index *gojq.Index, at place) string {
	switch {
	case index.Name != "":
		return "." + index.Name
	case index.Str != nil && index.Str.Queries == nil:
		return "." + strconv.Quote(index.Str.Str)
	case index.Str != nil:
		return ".…"
	case index.IsSlice:
		return "[" + l.bound(index.Start, at) + ":" + l.bound(index.End, at) + "]"
	}
	return "[" + l.bound(index.Start, at) + "]"
}

// bound returns the words for what stands in brackets.
func (l *locator) bound(q *gojq.Query, at place) string {
	switch {
	case q == nil:
		return ""
	case q.Term != nil && q.Term.Type == gojq.TermTypeNumber && q.Term.SuffixList == nil:
		return q.Term.Number
	case q.Term != nil && q.Term.Type == gojq.TermTypeString && q.Term.Str.Queries == nil && q.Term.SuffixList == nil:
		return strconv.Quote(q.Term.Str.Str)
	}
	l.query(q, at)
	return "…"
}
