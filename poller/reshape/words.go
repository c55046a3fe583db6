package reshape

import (
	"fmt"
	"strings"
)

// reasons say what the errors of gojq mean, by the names of their types. Their own
// texts quote values.
var reasons = map[string]string{
	"expectedObject":      "a value is no object, and is looked into as one",
	"expectedArray":       "a value is no array, and is looked into as one",
	"iterator":            "a value is neither array nor object, and its parts are asked for",
	"objectKeyNotString":  "a key of an object is no string",
	"arrayIndexNotNumber": "an index of an array is no number",
	"arrayIndexNegative":  "an index of an array is below zero",
	"binopType":           "an operator does not take values of these types",
	"unaryType":           "an operator does not take a value of this type",
	"func0Type":           "a function does not take a value of this type",
	"func1Type":           "a function does not take values of these types",
	"func2Type":           "a function does not take values of these types",
	"func0Wrap":           "a function cannot do with this value what it should",
	"func1Wrap":           "a function cannot do with these values what it should",
	"func2Wrap":           "a function cannot do with these values what it should",
	"zeroDivision":        "something is divided by zero",
	"zeroModulo":          "something is divided by zero",
	"exitCode":            "it calls error",
	"Halt":                "it calls halt",
	"invalidPath":         "what is to be changed is no part of the document",
	"invalidPathIter":     "what is to be changed is no part of the document",
	"jsonParse":           "a string is no JSON",
	"lengthMismatch":      "two lists are not of the same length",
	"timeArray":           "a value is no time",
	"timeEpoch":           "a value is no time",
	"timeNumber":          "a value is no time",
	"formatRow":           "a row cannot be written in this format",
	"flattenDepth":        "a depth is below zero",
}

// reasonOf says what an error of gojq means.
func reasonOf(err error) string {
	kind := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", err), "*gojq."), "Error")
	if reason, known := reasons[kind]; known {
		return "the program of select failed: " + reason
	}
	return "the program of select failed"
}
