package reshape

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"regexp"
	"strings"

	"github.com/polluxhub/pollux/poller"
)

// reasons put the errors of gojq into words, by the names of their types. In the place of
// {FIELD} comes the kind of a value, or the name of a function. Their own texts quote values.
var reasons = map[string]string{
	"expectedObject":       "cannot index {v} with a key",
	"expectedArray":        "cannot index {v} with a number",
	"iterator":             "cannot iterate over {v}",
	"objectKeyNotString":   "cannot use {v} as the key of an object",
	"arrayIndexNotNumber":  "cannot index array with {v}",
	"stringIndexNotNumber": "cannot index string with {v}",
	"arrayIndexNegative":   "the index of an array is negative",
	"arrayIndexTooLarge":   "the index of an array is too large",
	"repeatStringTooLarge": "a string would be repeated too often",
	"expectedStartEnd":     "cannot slice with {v}",
	"binopType":            "cannot {name} {l} and {r}",
	"unaryType":            "cannot {name} {v}",
	"func0Type":            "{name} cannot be applied to {v}",
	"func1Type":            "{name} cannot be applied to {v} with {w}",
	"func2Type":            "{name} cannot be applied to {v} with {w} and {x}",
	"func0Wrap":            "{name} has failed on {v}",
	"func1Wrap":            "{name} has failed on {v}",
	"func2Wrap":            "{name} has failed on {v}",
	"zeroDivision":         "cannot divide {l} by zero",
	"zeroModulo":           "cannot divide {l} by zero",
	"exitCode":             "it calls error",
	"Halt":                 "it calls halt",
	"invalidPath":          "not a path of the document",
	"invalidPathIter":      "not a path of the document",
	"jsonParse":            "a string is not JSON",
	"lengthMismatch":       "two lists are not of the same length",
	"timeArray":            "a value is not a time",
	"timeEpoch":            "a value is not a time",
	"timeNumber":           "a value is not a time",
	"formatRow":            "@{typ} cannot write {v} into a row",
	"flattenDepth":         "the depth is negative",
	"break":                "it breaks to a label that has ended",
}

// words are what errors say of a program.
type words struct {
	setting string // that has the program
	class   string // of its failures
}

// program returns the name of the program.
func (w words) program() string { return "the program of " + w.setting }

// failure returns the error of a class. The program takes the place of %s in text.
func (w words) failure(class, text string) error {
	return failure(class, fmt.Sprintf(text, w.program()))
}

// catch is deferred. It turns a panic into an error, whose text does not quote the
// document as that of the panic may.
func (w words) catch(err *error) {
	if recover() != nil {
		*err = w.failure(w.class, "%s met a fault of the library that runs it")
	}
}

// resultFailure returns the error of a class about a result of the program.
func (w words) resultFailure(class, text string) error {
	return failure(class, "the result of "+w.setting+" "+text)
}

// failureOf turns an error of a run into a failure. The texts of gojq quote values, so the
// failure tells only the kind of error, the kinds of values, and the part of the program in
// which it happened, for which locate is called.
func (w words) failureOf(err error, locate func() string) error {
	var heavy *heavyError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return w.failure(classTimeout, "%s took too long")
	case errors.Is(err, context.Canceled):
		return &poller.Error{Class: classTimeout, Err: fmt.Errorf("the poll was cancelled: %w", err)}
	case errors.Is(err, errMemory):
		return w.failure(classTooLarge, "%s took too much memory")
	case errors.As(err, &heavy):
		return failure(classTooLarge, "in "+w.program()+", "+heavy.what)
	}
	kind := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", err), "*gojq."), "Error")
	text := w.program() + " failed"
	if reason, known := reasons[kind]; known {
		text += ": " + fill(reason, err)
	}
	if part := locate(); part != "" && kind != "exitCode" {
		text += " at " + part
	}
	return failure(w.class, text)
}

// fill returns a reason with what an error says in the places for it.
func fill(reason string, err error) string {
	fields := reflect.Indirect(reflect.ValueOf(err))
	return field.ReplaceAllStringFunc(reason, func(name string) string {
		name = strings.Trim(name, "{}")
		if fields.Kind() != reflect.Struct || !fields.FieldByName(name).IsValid() {
			return "a value"
		}
		value := fields.FieldByName(name)
		if value.Kind() == reflect.String {
			return function(value.String())
		}
		return kindOf(value)
	})
}

// field is a place in the words of a reason.
var field = regexp.MustCompile(`\{\w+\}`)

// function returns the name of a function of jq: gojq has others for parts of them.
func function(name string) string {
	if name = strings.TrimPrefix(name, "_"); name == "" {
		return "a function"
	}
	return name
}

// kindOf returns the kind of a value of jq in a field of an error of gojq, whose value cannot
// be read.
func kindOf(value reflect.Value) string {
	if value.Kind() == reflect.Interface {
		value = value.Elem()
	}
	switch {
	case !value.IsValid():
		return "null"
	case value.Type() == reflect.TypeFor[json.Number](), value.CanInt(), value.CanFloat(), value.Type() == reflect.TypeFor[*big.Int]():
		return "number"
	}
	switch value.Kind() { //nolint:exhaustive // jq has no others
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Slice:
		return "array"
	case reflect.Map:
		return "object"
	}
	return "a value"
}

func failure(class, text string) error {
	return &poller.Error{Class: class, Err: errors.New(text)}
}
