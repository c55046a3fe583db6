package markup

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"strings"
	"time"
)

// The names of functions that are put into templates, see instrument.
const (
	stepName  = "_step"
	enterName = "_enter"
	leaveName = "_leave"
	truthName = "_truth"
)

// functions returns the functions that a template has beside those of Go, or in their
// place, for the rendering that r does.
func (r *rendering) functions() template.FuncMap {
	return template.FuncMap{
		stepName:  func() (string, error) { return r.budget.step() },
		enterName: func() (string, error) { return r.budget.enter() },
		leaveName: func() string { return r.budget.leave() },
		truthName: truth,

		"stream": func() string { return r.of.Stream },
		"key": func() string {
			_, key, _ := strings.Cut(r.of.Stream, "/")
			return key
		},
		"time": func() string { return r.of.Time.UTC().Format(time.RFC3339) },

		"print":   func(args ...any) (string, error) { return r.text(fmt.Sprint(args...)) },
		"println": func(args ...any) (string, error) { return r.text(fmt.Sprintln(args...)) },
		"printf": func(format string, args ...any) (string, error) {
			return r.text(fmt.Sprintf(format, formatted(args)...))
		},

		"not": func(v any) bool { return !isTrue(v) },
		"eq":  equal,
		"ne": func(a, b any) (bool, error) {
			same, err := equal(a, b)
			return !same, err
		},
		"lt": func(a, b any) (bool, error) { return ordered(a, b, func(c int) bool { return c < 0 }) },
		"le": func(a, b any) (bool, error) { return ordered(a, b, func(c int) bool { return c <= 0 }) },
		"gt": func(a, b any) (bool, error) { return ordered(a, b, func(c int) bool { return c > 0 }) },
		"ge": func(a, b any) (bool, error) { return ordered(a, b, func(c int) bool { return c >= 0 }) },
	}
}

// text returns a text that is as large as the HTML may be at most, so that a template
// cannot double one in each turn of a range.
func (r *rendering) text(printed string) (string, error) {
	if len(printed) > r.budget.bytes {
		return "", ErrSize
	}
	return printed, nil
}

// formatted returns the arguments of printf, with numbers that fit each verb of numbers.
func formatted(args []any) []any {
	all := make([]any, len(args))
	for i, arg := range args {
		if _, ok := valueOf(arg); ok {
			arg = flexible{arg}
		}
		all[i] = arg
	}
	return all
}

// truth returns a value that if and with take for what v is: for text/template a Number
// is a text, which is true even if it is 0.00.
func truth(v any) any {
	if n, ok := v.(Number); ok && !isTrue(n) {
		return 0
	}
	return v
}

func isTrue(v any) bool {
	if value, ok := valueOf(v); ok {
		return value != 0
	}
	is, ok := template.IsTrue(v)
	return is && ok
}

// errCompare is the error for values that have no order.
var errCompare = errors.New("want two numbers or two texts to compare")

// equal reports whether a equals one of the others. Objects and arrays equal nothing.
func equal(a any, others ...any) (bool, error) {
	if len(others) == 0 {
		return false, errors.New("want something to compare with")
	}
	for _, b := range others {
		if same(a, b) {
			return true, nil
		}
	}
	return false, nil
}

func same(a, b any) bool {
	if x, ok := valueOf(a); ok {
		y, ok := valueOf(b)
		return ok && x == y
	}
	switch a := a.(type) {
	case string:
		text, ok := b.(string)
		return ok && a == text
	case bool:
		is, ok := b.(bool)
		return ok && a == is
	case nil:
		return b == nil
	}
	return false
}

func ordered(a, b any, fits func(int) bool) (bool, error) {
	x, first := valueOf(a)
	y, second := valueOf(b)
	if first && second {
		return fits(cmp.Compare(x, y)), nil
	}
	left, first := a.(string)
	right, second := b.(string)
	if first && second {
		return fits(strings.Compare(left, right)), nil
	}
	return false, errCompare
}
