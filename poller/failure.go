package poller

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// Classes of failures that the poller itself gives. A Source adds its own.
const (
	classTimeout     = "timeout"      // no answer in time
	classPanic       = "panic"        // the source, Reshape or Same panicked
	classInvalidJSON = "invalid_json" // the reading, or what Reshape made of it, is no JSON document
	classNoDocument  = "no_document"  // "unchanged", but nothing was published before
	classPublish     = "publish"      // the publisher failed
	classTooLarge    = "too_large"    // the publisher takes no document of that size
	classError       = "error"        // a source's error without a class
	classOther       = "other"        // in counters only: one class too many
)

// Error is why a Source has no reading. Clients see the class, operators the
// cause as well.
type Error struct {
	// Class is a short constant name, such as "timeout" or "http_503", see
	// [hub.IsErrorClass]. An invalid one counts as "error".
	Class string

	// Err is the cause, which is logged as it is: its text is what happened, in
	// words for a person, without names of packages and types. It must hold no
	// secret and nothing of the upstream's content. Nil is allowed.
	Err error

	// Wait is the least time until the upstream wants to be asked again, as in
	// Reading.
	Wait time.Duration
}

// Error returns class and cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return "poller: " + e.Class
	}
	return "poller: " + e.Class + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// InvalidJSON returns the error of an answer that is not one JSON document. err is
// of package document.
func InvalidJSON(err error) *Error {
	return &Error{Class: classInvalidJSON, Err: &notDocumentError{err}}
}

// notDocumentError says in words what an error of package document says.
type notDocumentError struct{ err error }

func (e *notDocumentError) Error() string {
	return "what came is not one JSON document: " + strings.TrimPrefix(e.err.Error(), "document: ")
}

func (e *notDocumentError) Unwrap() error { return e.err }

// publishError says in words why something was not published.
type publishError struct{ err error }

func (e *publishError) Error() string {
	switch {
	case errors.Is(e.err, hub.ErrTooLarge):
		return "the hub takes no document of that size"
	case errors.Is(e.err, context.DeadlineExceeded):
		return "the hub did not answer in time"
	}
	return "the hub did not take it: " + strings.TrimPrefix(e.err.Error(), "hub: ")
}

func (e *publishError) Unwrap() error { return e.err }

// panicError is what a function of the caller panicked with.
type panicError struct {
	what  string // was being done
	value any
	stack []byte
}

func (e *panicError) Error() string {
	return fmt.Sprintf("a fault within Pollux, %s: %v", e.what, e.value)
}

// guarded calls a function of the caller, and turns a panic into an error.
func guarded[T any](what string, call func() (T, error)) (result T, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &Error{Class: classPanic, Err: &panicError{what: what, value: value, stack: debug.Stack()}}
		}
	}()
	return call()
}

// classOf returns the class of a failed attempt.
func classOf(err error) string {
	var classed *Error
	switch {
	case errors.As(err, &classed):
		if hub.IsErrorClass(classed.Class) {
			return classed.Class
		}
	case errors.Is(err, context.DeadlineExceeded):
		return classTimeout
	}
	return classError
}

// reasonOf returns why an attempt failed, in words for a person.
func reasonOf(err error) string {
	var classed *Error
	switch {
	case errors.As(err, &classed) && classed.Err != nil:
		return classed.Err.Error()
	case classed != nil:
		return "no reason is known"
	case errors.Is(err, context.DeadlineExceeded):
		return "there was no answer in time"
	}
	return err.Error()
}

// classOfPublish returns the class of a document that could not be published.
func classOfPublish(err error) string {
	if errors.Is(err, hub.ErrTooLarge) {
		return classTooLarge
	}
	return classPublish
}
