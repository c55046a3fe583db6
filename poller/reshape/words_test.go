package reshape_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/reshape"
)

// TestWords checks what operators read about a program that fails: what is wrong, in
// words, and nothing of the document.
func TestWords(t *testing.T) {
	const document = `{"s":"hunter2","n":7,"a":[1,"hunter2"],"o":{"k":null}}`
	for program, want := range map[string]string{
		`.s.x`:                          "a value is not an object, but a key of it is read",
		`.n[0]`:                         "a value is not an array, but an element of it is read",
		`[.n[]]`:                        "a value is neither array nor object, but its elements are read",
		`{(.n | tojson | fromjson): 1}`: "a key of an object is not a string",
		`.s + .n`:                       "an operator does not take values of these types",
		`-.s`:                           "an operator does not take a value of this type",
		`.n | keys`:                     "a function does not take a value of this type",
		`.s | test(1)`:                  "a function does not take values of these types",
		`.n / 0`:                        "something is divided by zero",
		`.n % 0`:                        "something is divided by zero",
		`error(.s)`:                     "it calls error",
		`halt_error`:                    "it calls halt",
		`(.n + 1) |= 1`:                 "the left side of an assignment is not a path of the document",
		`[.a] | @csv`:                   "a row cannot be written in this format",
	} {
		reshaper, err := reshape.New(program, reshape.Options{})
		if err != nil {
			t.Errorf("%s: %v", program, err)
			continue
		}
		_, err = reshaper.Reshape(context.Background(), []byte(document))
		var classed *poller.Error
		if !errors.As(err, &classed) || classed.Err.Error() != "the program of select failed: "+want {
			t.Errorf("%s: %v, want %s", program, err, want)
		} else if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "gojq") {
			t.Errorf("%s: %v", program, err)
		}
	}
}

// TestBoundsOfNumbersAndPairs has a program on each side of two bounds that no other
// test reaches: the digits of a number in a calculation, and the parts of two values
// that are compared.
func TestBoundsOfNumbersAndPairs(t *testing.T) {
	for program, want := range map[string]string{
		"reduce range(11) as $i (2; . * .) | 1":  "", // 2^2048
		"reduce range(12) as $i (2; . * .) | 1":  "in the program of select, a number has too many digits to be calculated with",
		"[range(500)] - [range(500)] | length":   "",
		"[range(9000)] - [range(9000)] | length": "in the program of select, two values are too large to be compared part by part",
	} {
		reshaper, err := reshape.New(program, reshape.Options{Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		_, err = reshaper.Reshape(context.Background(), []byte(`1`))
		var got string
		if classed, ok := errors.AsType[*poller.Error](err); ok {
			got = classed.Err.Error()
		}
		if got != want {
			t.Errorf("%s: %v, want %q", program, err, want)
		}
	}
}
