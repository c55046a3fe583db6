package reshape

import (
	"encoding/json"
	"math"
	"math/big"

	"github.com/itchyny/gojq"
)

// Names of the functions that are inserted into programs. Those without an argument
// return their input itself and not a copy, so a path may go through them.
const (
	guardFits      = "_pollux_fits"      // the first level is not too large
	guardWeight    = "_pollux_weight"    // the whole value is not too large
	guardSubject   = "_pollux_subject"   // may be matched with a regular expression
	guardNumeral   = "_pollux_numeral"   // may be read as a number
	guardIndex     = "_pollux_index"     // may be an index
	guardPath      = "_pollux_path"      // may be a path
	guardStreamed  = "_pollux_streamed"  // may be an item of fromstream
	guardTranspose = "_pollux_transpose" // may be transposed
	guardJoin      = "_pollux_join"      // may be joined by the argument
	guardPairs     = "_pollux_pairs"     // each part of one may be compared with each part of the other
	guardTimes     = "_pollux_times"     // may be multiplied
)

// comparisons replace the operators, so that a comparison still costs one step.
var comparisons = map[gojq.Operator]struct {
	name  string
	holds func(order int) bool
}{
	gojq.OpEq: {"_pollux_eq", func(order int) bool { return order == 0 }},
	gojq.OpNe: {"_pollux_ne", func(order int) bool { return order != 0 }},
	gojq.OpLt: {"_pollux_lt", func(order int) bool { return order < 0 }},
	gojq.OpLe: {"_pollux_le", func(order int) bool { return order <= 0 }},
	gojq.OpGt: {"_pollux_gt", func(order int) bool { return order > 0 }},
	gojq.OpGe: {"_pollux_ge", func(order int) bool { return order >= 0 }},
}

// guards are the functions behind the names.
type guards struct{ maxWeight int }

func (g guards) options() []gojq.CompilerOption {
	options := []gojq.CompilerOption{
		gojq.WithEnvironLoader(func() []string { return nil }),
		g.of(guardFits, func(v any) error { return fits(v, g.maxWeight) }),
		g.of(guardWeight, func(v any) error { _, err := weigh(v, g.maxWeight); return err }),
		g.of(guardSubject, subject),
		g.of(guardNumeral, numeral),
		g.of(guardIndex, index),
		g.of(guardPath, path),
		g.of(guardStreamed, streamed),
		g.of(guardTranspose, g.transposed),
		g.ofTwo(guardJoin, g.joined),
		g.ofTwo(guardPairs, g.pairs),
		g.ofTwo(guardTimes, g.times),
	}
	for _, c := range comparisons {
		options = append(options, gojq.WithFunction(c.name, 2, 2, func(_ any, args []any) any {
			if err := g.comparable(args[0], args[1]); err != nil {
				return err
			}
			return c.holds(gojq.Compare(args[0], args[1]))
		}))
	}
	return options
}

func (guards) of(name string, check func(any) error) gojq.CompilerOption {
	return gojq.WithFunction(name, 0, 0, func(v any, _ []any) any {
		if err := check(v); err != nil {
			return err
		}
		return v
	})
}

func (guards) ofTwo(name string, check func(l, r any) error) gojq.CompilerOption {
	return gojq.WithFunction(name, 2, 2, func(v any, args []any) any {
		if err := check(args[0], args[1]); err != nil {
			return err
		}
		return v
	})
}

func subject(v any) error {
	if s, ok := v.(string); ok && len(s) > maxSubject {
		return errSubject
	}
	return nil
}

func numeral(v any) error {
	if s, ok := v.(string); ok && len(s) > maxDigits {
		return errNumber
	}
	return nil
}

// index checks a value that stands in brackets, or in a path.
func index(v any) error {
	switch v := v.(type) {
	case int, float64, json.Number, *big.Int:
		if err := fits(v, 0); err != nil {
			return err
		}
		if n, ok := gojq.ToInt(v); ok && n > maxIndex {
			return errIndex
		}
	}
	return nil
}

func path(v any) error {
	steps, ok := v.([]any)
	if !ok {
		return nil
	}
	if len(steps) > maxPath {
		return errPath
	}
	for _, step := range steps {
		if err := index(step); err != nil {
			return err
		}
	}
	return nil
}

func streamed(v any) error {
	if item, ok := v.([]any); ok && len(item) > 0 {
		return path(item[0])
	}
	return nil
}

func (g guards) transposed(v any) error {
	rows, ok := v.([]any)
	if !ok {
		return nil
	}
	var longest int
	for _, row := range rows {
		if row, ok := row.([]any); ok {
			longest = max(longest, len(row))
		}
	}
	if longest > 0 && len(rows) > g.maxWeight/longest {
		return errWeight
	}
	return nil
}

func (g guards) joined(v, separator any) error {
	weight, err := weigh(v, g.maxWeight)
	if err != nil {
		return err
	}
	s, _ := separator.(string)
	if len(s) > 0 && weight > g.maxWeight/len(s) { // each part weighs at least 1
		return errWeight
	}
	return nil
}

// pairs bounds functions whose time is the product of two weights.
func (g guards) pairs(l, r any) error {
	a, err := weigh(l, g.maxWeight)
	if err != nil {
		return err
	}
	b, err := weigh(r, g.maxWeight)
	if err != nil {
		return err
	}
	if a > maxPairs/b {
		return errPairs
	}
	return nil
}

// times bounds a string that is repeated, objects that are merged, and numbers.
func (g guards) times(l, r any) error {
	for _, pair := range [][2]any{{l, r}, {r, l}} {
		s, isString := pair[0].(string)
		n, isNumber := gojq.ToFloat64(pair[1])
		if isString && isNumber && float64(len(s))*n > float64(g.maxWeight) {
			return errWeight
		}
	}
	for _, v := range []any{l, r} {
		if _, err := weigh(v, g.maxWeight); err != nil {
			return err
		}
	}
	return nil
}

// comparable returns an error if the two values are too large to be compared. A
// comparison with a value without parts ends at once.
func (g guards) comparable(l, r any) error {
	for _, v := range []any{l, r} {
		if err := fits(v, math.MaxInt); err != nil {
			return err
		}
	}
	if isHollow(l) || isHollow(r) {
		return nil
	}
	if _, err := weigh(l, g.maxWeight); err != nil {
		return err
	}
	_, err := weigh(r, g.maxWeight)
	return err
}

func isHollow(v any) bool {
	switch v := v.(type) {
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	default:
		return true
	}
}
