package document

import (
	"fmt"
	"strconv"
	"strings"
)

// Pointer is a JSON Pointer (RFC 6901): the path to one value in a document. The zero
// Pointer points to the whole document, and is written "".
type Pointer struct {
	text   string
	tokens []string
}

// ParsePointer parses a JSON Pointer such as "/meta/time". In a key, ~1 means / and ~0
// means ~. The form for URIs, which begins with #, is refused.
func ParsePointer(text string) (Pointer, error) {
	if text == "" {
		return Pointer{}, nil
	}
	if text[0] != '/' {
		return Pointer{}, fmt.Errorf(`document: JSON Pointer %q does not begin with "/"`, text)
	}
	tokens := strings.Split(text[1:], "/")
	for i, token := range tokens {
		for at := range len(token) {
			if token[at] == '~' && (at+1 == len(token) || token[at+1] != '0' && token[at+1] != '1') {
				return Pointer{}, fmt.Errorf(`document: JSON Pointer %q has a "~" that is neither "~0", for "~", nor "~1", for "/"`, text)
			}
		}
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
	}
	return Pointer{text: text, tokens: tokens}, nil
}

// String returns the text that ParsePointer was given.
func (p Pointer) String() string { return p.text }

// Find returns the value in v at which p points, and whether there is one. A repeated
// key has no value (RFC 6901 section 4), and neither has "-", which means the element
// after the last one.
func (p Pointer) Find(v Value) (Value, bool) {
	for _, token := range p.tokens {
		found := false
		switch v.Kind() {
		case Object:
			v, found = v.named(token)
		case Array:
			v, found = v.indexed(token)
		default: // it has no contents
		}
		if !found {
			return Value{}, false
		}
	}
	return v, true
}

// named returns the only member with the name.
func (v Value) named(name string) (found Value, ok bool) {
	for child := range v.Children() {
		if string(child.Name()) != name {
			continue
		}
		if ok {
			return Value{}, false
		}
		found, ok = child, true
	}
	return found, ok
}

// indexed returns the element at a decimal index without leading zeros.
func (v Value) indexed(token string) (Value, bool) {
	index, err := strconv.ParseUint(token, 10, 31)
	if err != nil || int(index) >= v.Len() || len(token) > 1 && token[0] == '0' {
		return Value{}, false
	}
	for child := range v.Children() {
		if index == 0 {
			return child, true
		}
		index--
	}
	return Value{}, false
}
