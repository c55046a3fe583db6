package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Error is one mistake in a file.
type Error struct {
	File    string
	Line    int // from 1; 0 for a mistake of the whole file
	Column  int // in characters, from 1
	Message string

	cause error
}

// Error returns "file:line:column: message".
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Unwrap returns why a file could not be read, such as fs.ErrNotExist, or nil.
func (e *Error) Unwrap() error { return e.cause }

// mistakes collects the mistakes in a file, each once: a value with aliases is read
// several times.
type mistakes struct {
	file string
	seen map[Error]struct{}
}

func (m *mistakes) add(line, column int, format string, args ...any) {
	if m.seen == nil {
		m.seen = make(map[Error]struct{})
	}
	message := strings.Map(func(r rune) rune { // one line, without escape sequences for terminals
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, fmt.Sprintf(format, args...))
	m.seen[Error{File: m.file, Line: line, Column: column, Message: message}] = struct{}{}
}

// addEach adds each of the joined errors about a stream, without the name of the
// package that reports it.
func (m *mistakes) addEach(at *node, stream string, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			m.addEach(at, stream, err)
		}
		return
	}
	if err == nil {
		return
	}
	text := err.Error()
	if origin, rest, found := strings.Cut(text, ": "); found && strings.Trim(origin, "abcdefghijklmnopqrstuvwxyz") == "" {
		text = rest
	}
	m.add(at.line, at.column, "stream %s: %s", stream, text)
}

// err returns all mistakes in the order of the file, or nil.
func (m *mistakes) err() error {
	list := make([]*Error, 0, len(m.seen))
	for e := range m.seen {
		list = append(list, &e)
	}
	slices.SortFunc(list, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
	})
	errs := make([]error, len(list))
	for i, e := range list {
		errs[i] = e
	}
	return errors.Join(errs...)
}
