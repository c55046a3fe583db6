package markup

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
)

// Number is a number that Go would write differently, such as 1.50 or 1e3, as it was
// written. It prints as that.
type Number string

// Format implements [fmt.Formatter]: the verbs of integers and of floating-point numbers
// format the value.
func (n Number) Format(f fmt.State, verb rune) { format(f, verb, n, string(n)) }

// MarshalJSON implements [json.Marshaler], so that a script gets a number.
func (n Number) MarshalJSON() ([]byte, error) { return []byte(n), nil }

// newNumber returns a number of a document: an int or a float64 if that prints as text.
func newNumber(text string) any {
	if i, err := strconv.Atoi(text); err == nil && strconv.Itoa(i) == text {
		return i
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && fmt.Sprint(f) == text {
		return f
	}
	return Number(text)
}

// valueOf returns the value of a number of a document or a template. It reports false for
// anything else.
func valueOf(v any) (value float64, ok bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case float64:
		return n, true
	case Number:
		value, err := strconv.ParseFloat(string(n), 64)
		return value, err == nil || math.IsInf(value, 0)
	}
	return 0, false
}

// flexible is a number that printf formats by any verb of numbers.
type flexible struct{ number any }

// Format implements [fmt.Formatter].
func (n flexible) Format(f fmt.State, verb rune) {
	format(f, verb, n.number, fmt.Sprint(n.number))
}

// format formats a number that is written as text.
func format(f fmt.State, verb rune, number any, text string) {
	as := fmt.FormatString(f, verb)
	switch verb {
	case 'd', 'b', 'o', 'O', 'x', 'X', 'c', 'U':
		if i, ok := integer(number); ok {
			fmt.Fprintf(f, as, i)
			return
		}
	case 'e', 'E', 'f', 'F', 'g', 'G':
		value, _ := valueOf(number)
		fmt.Fprintf(f, as, value)
		return
	}
	fmt.Fprintf(f, fmt.FormatString(f, 's'), text) // there is no %d of 1.5, so it is shown as written
}

// integer returns a number that has no fraction: an int, or where that is too small, a
// *big.Int.
func integer(number any) (any, bool) {
	if i, ok := number.(int); ok {
		return i, true
	}
	if text, ok := number.(Number); ok {
		if i, ok := new(big.Int).SetString(string(text), 10); ok {
			return i, true
		}
	}
	value, ok := valueOf(number)
	if !ok || value != math.Trunc(value) || math.Abs(value) >= 1<<62 {
		return nil, false
	}
	return int(value), true
}
