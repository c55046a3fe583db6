package config

import (
	"fmt"

	"github.com/goccy/go-yaml/token"
)

// collection is an open mapping or list.
type collection struct {
	column int        // of its keys or dashes, in block style
	flow   token.Type // '[' or '{', or 0 in block style
	keys   int
	named  bool // the current entry of a '{' has its ':'
	filled bool // the current entry of a '{' is not empty
}

// form is the state of a walk over the tokens of a file.
type form struct {
	tokens token.Tokens
	open   []collection
	empty  int // keys and entries without a value
}

// checkForm checks the tokens before the parser gets them. It returns the first mistake
// and its place, or nil as the place.
func checkForm(tokens token.Tokens) (string, *token.Token) {
	f := form{tokens: tokens, open: []collection{{}}}
	for i, t := range tokens {
		if message := f.unsupported(i); message != "" {
			return message, t
		}
		f.take(i)
		if message := f.exceeded(); message != "" {
			return message, t
		}
	}
	return "", nil
}

// unsupported returns why token i is refused, or "".
func (f *form) unsupported(i int) string {
	switch f.tokens[i].Type {
	case token.TagType:
		return "tags (!) are not supported; quote a value that is to be a string"
	case token.DirectiveType:
		return "directives (%) are not supported"
	case token.MappingKeyType:
		return "complex keys (?) are not supported, want key: value"
	case token.MergeKeyType:
		return "merge keys (<<) are not supported; give each key its value, by an alias if need be"
	case token.AnchorType:
		if i >= 2 && f.tokens[i-2].Type == token.AnchorType {
			return "two anchors (&) for one value"
		}
	default:
	}
	return ""
}

// exceeded returns the limit that the file exceeds, or "".
func (f *form) exceeded() string {
	switch {
	case f.top().keys > maxKeys:
		return fmt.Sprintf("more than %d keys in one mapping", maxKeys)
	case len(f.open) > maxLevels+1:
		return fmt.Sprintf("more than %d levels", maxLevels)
	case f.empty > maxEmpty:
		return fmt.Sprintf("more than %d keys or entries without a value", maxEmpty)
	}
	return ""
}

func (f *form) top() *collection { return &f.open[len(f.open)-1] }

// take opens and closes the collections that token i opens and closes.
func (f *form) take(i int) {
	switch t := f.tokens[i]; t.Type {
	case token.AnchorType:
	case token.DocumentHeaderType, token.DocumentEndType:
		f.open = append(f.open[:0], collection{})
	case token.SequenceStartType, token.MappingStartType:
		f.top().filled = true
		f.open = append(f.open, collection{flow: t.Type})
	case token.CollectEntryType, token.SequenceEndType, token.MappingEndType:
		f.endEntry(i)
	case token.SequenceEntryType, token.MappingValueType:
		isKey := t.Type == token.MappingValueType
		if f.top().flow == 0 {
			f.indent(t, isKey)
		}
		f.top().named = true
		if isKey {
			f.top().keys++
		}
	default:
		f.top().filled = true
	}
}

// endEntry ends the entry before token i, which is ',' or a closing bracket.
func (f *form) endEntry(i int) {
	top := f.top()
	if top.flow == token.MappingStartType && top.filled && (!top.named || f.tokens[i-1].Type == token.MappingValueType) {
		f.empty++
	}
	top.named, top.filled = false, false
	if f.tokens[i].Type != token.CollectEntryType && top.flow != 0 {
		f.open = f.open[:len(f.open)-1]
	}
}

// indent closes the collections in block style that end before the key or dash of a
// token, and opens the one that begins there.
func (f *form) indent(t *token.Token, isKey bool) {
	column := t.Position.Column
	if isKey && t.Prev != nil && t.Prev.Position.Line == t.Position.Line {
		column = t.Prev.Position.Column
	}
	for len(f.open) > 1 && f.top().column > column {
		f.open = f.open[:len(f.open)-1]
	}
	if f.top().column < column {
		f.open = append(f.open, collection{column: column})
	}
	if endsThere(t, column, isKey) {
		f.empty++
	}
}

// endsThere reports whether a ':' or '-' has no value: the next token begins a line
// that is not indented further.
func endsThere(t *token.Token, column int, isKey bool) bool {
	next := t.Next
	for next != nil && next.Type == token.CommentType {
		next = next.Next
	}
	switch {
	case next == nil:
		return true
	case next.Position.Line == t.Position.Line:
		return false
	case isKey && next.Type == token.SequenceEntryType:
		return next.Position.Column < column
	default:
		return next.Position.Column <= column
	}
}
