package reshape_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/reshape"
)

// TestWords says what operators read of a program that fails: what is wrong, in
// words, and nothing of what the document holds.
func TestWords(t *testing.T) {
	const document = `{"s":"hunter2","n":7,"a":[1,"hunter2"],"o":{"k":null}}`
	for program, want := range map[string]string{
		`.s.x`:                          "a value is no object, and is looked into as one",
		`.n[0]`:                         "a value is no array, and is looked into as one",
		`[.n[]]`:                        "a value is neither array nor object, and its parts are asked for",
		`{(.n | tojson | fromjson): 1}`: "a key of an object is no string",
		`.s + .n`:                       "an operator does not take values of these types",
		`-.s`:                           "an operator does not take a value of this type",
		`.n | keys`:                     "a function does not take a value of this type",
		`.s | test(1)`:                  "a function does not take values of these types",
		`.n / 0`:                        "something is divided by zero",
		`.n % 0`:                        "something is divided by zero",
		`error(.s)`:                     "it calls error",
		`halt_error`:                    "it calls halt",
		`(.n + 1) |= 1`:                 "what is to be changed is no part of the document",
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
