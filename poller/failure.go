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

// Classes of failures that both the poller and its sources report.
const (
	ClassTimeout  = "timeout"   // no answer in time
	ClassTooLarge = "too_large" // the document is larger than is accepted
	ClassError    = "error"     // a failure without a class of its own

	ClassInvalidJSON = "invalid_json" // the reading, or the result of Reshape, is not one JSON document
)

// Further classes that the poller itself reports. A Source adds its own.
const (
	classPanic        = "panic"        // the source, Reshape or Same panicked
	classNoDocument   = "no_document"  // "unchanged", but no document was published before; nothing for a key
	classPublish      = "publish"      // the publisher failed
	classUpstream     = "upstream"     // of a Feed: the upstream says that it is not live, and not why
	classRateLimited  = "rate_limited" // of a key: not asked in time, because not as many requests are allowed
	classDisconnected = "disconnected" // of a Feed: the upstream ended the connection before an event
	classOther        = "other"        // in counters and the log only: all classes after the first ones
)

// Classes by which a source says that the upstream does not have a key, or has been asked
// too often.
const (
	classNotFound = "http_404"
	classGone     = "http_410"
	classTooMany  = "http_429"
)

// Error says why a Source has no reading. Clients see the class; operators also see
// the cause.
type Error struct {
	// Class is a short constant name, such as "timeout" or "http_503", see
	// [hub.IsErrorClass]. An invalid one counts as "error".
	Class string

	// Err is the cause, which is logged as it is: its text says what happened, in
	// words for a person, without names of packages and types. It must contain no
	// secret. Nil is allowed.
	Err error

	// Wait is the least time until the upstream wants to be asked again, and Said what
	// it said of that, as in Reading.
	Wait time.Duration
	Said string
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

// notDocumentError puts an error of package document into words for operators.
type notDocumentError struct {
	err   error
	looks func() string // as in Reading
}

func (e *notDocumentError) Error() string {
	words := "the answer is not one JSON document: " + strings.TrimPrefix(e.err.Error(), "document: ")
	if e.looks == nil {
		return words
	}
	return words + "; " + e.looks()
}

func (e *notDocumentError) Unwrap() error { return e.err }

// publishError puts an error of the publisher into words for operators.
type publishError struct{ err error }

func (e *publishError) Error() string {
	switch {
	case errors.Is(e.err, hub.ErrTooLarge):
		return "the document is larger than the hub accepts"
	case errors.Is(e.err, context.DeadlineExceeded):
		return "the hub did not answer in time"
	}
	return "the hub did not accept it: " + strings.TrimPrefix(e.err.Error(), "hub: ")
}

func (e *publishError) Unwrap() error { return e.err }

// panicError is a panic of a function of the caller.
type panicError struct {
	where string // what the function was called for
	value any
	stack []byte
}

func (e *panicError) Error() string {
	return fmt.Sprintf("a fault within Pollux, %s: %v", e.where, e.value)
}

// guarded calls a function of the caller, and turns a panic into an error.
func guarded[T any](where string, call func() (T, error)) (result T, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &Error{Class: classPanic, Err: &panicError{where: where, value: value, stack: debug.Stack()}}
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
		return ClassTimeout
	}
	return ClassError
}

// reasonOf returns why an attempt failed, in words for a person.
func reasonOf(err error) string {
	var classed *Error
	switch {
	case errors.As(err, &classed) && classed.Err != nil:
		return classed.Err.Error()
	case classed != nil:
		return "the reason is not known"
	case errors.Is(err, context.DeadlineExceeded):
		return "there was no answer in time"
	}
	return err.Error()
}

// classOfPublish returns the class of a document that could not be published.
func classOfPublish(err error) string {
	if errors.Is(err, hub.ErrTooLarge) {
		return ClassTooLarge
	}
	return classPublish
}
