package reshape

import (
	"fmt"
	"strings"
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

// reasonOf returns the words for an error of gojq.
func reasonOf(err error) string {
	kind := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", err), "*gojq."), "Error")
	if reason, known := reasons[kind]; known {
		return "the program of select failed: " + reason
	}
	return "the program of select failed"
}
