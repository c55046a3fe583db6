package reshape

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/polluxhub/pollux/poller"
)

// reasons put the errors of gojq into words, by the names of their types. Their own
// texts quote values.
var reasons = map[string]string{
	"expectedObject":      "a value is not an object, but a key of it is read",
	"expectedArray":       "a value is not an array, but an element of it is read",
	"iterator":            "a value is neither array nor object, but its elements are read",
	"objectKeyNotString":  "a key of an object is not a string",
	"arrayIndexNotNumber": "an index of an array is not a number",
	"arrayIndexNegative":  "an index of an array is negative",
	"binopType":           "an operator does not take values of these types",
	"unaryType":           "an operator does not take a value of this type",
	"func0Type":           "a function does not take a value of this type",
	"func1Type":           "a function does not take values of these types",
	"func2Type":           "a function does not take values of these types",
	"func0Wrap":           "a function failed on this value",
	"func1Wrap":           "a function failed on these values",
	"func2Wrap":           "a function failed on these values",
	"zeroDivision":        "something is divided by zero",
	"zeroModulo":          "something is divided by zero",
	"exitCode":            "it calls error",
	"Halt":                "it calls halt",
	"invalidPath":         "the left side of an assignment is not a path of the document",
	"invalidPathIter":     "the left side of an assignment is not a path of the document",
	"jsonParse":           "a string is not JSON",
	"lengthMismatch":      "two lists are not of the same length",
	"timeArray":           "a value is not a time",
	"timeEpoch":           "a value is not a time",
	"timeNumber":          "a value is not a time",
	"formatRow":           "a row cannot be written in this format",
	"flattenDepth":        "a depth is negative",
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

// failureOf turns an error of a run into a failure. The texts of gojq quote values, so
// the failure names only the kind of error.
func (w words) failureOf(err error) error {
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
	if reason, known := reasons[kind]; known {
		return failure(w.class, w.program()+" failed: "+reason)
	}
	return w.failure(w.class, "%s failed")
}

func failure(class, text string) error {
	return &poller.Error{Class: class, Err: errors.New(text)}
}
