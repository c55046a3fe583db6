package document

import (
	"fmt"
	"strconv"
	"strings"
)

// Pointer is a JSON Pointer (RFC 6901): the way to one value in a document. The
// zero Pointer is the one to the whole document, which is written "".
type Pointer struct {
	text   string
	tokens []string
}

// ParsePointer reads a JSON Pointer in its plain form, such as "/meta/time",
// where ~1 stands for / and ~0 for ~ in a key. The form for URIs, which begins
// with #, is refused.
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

// Find returns the value that p points to from v, and whether there is one. None
// is at a key that an object has twice (RFC 6901 section 4), and none at "-",
// which means the element behind the last.
func (p Pointer) Find(v Value) (Value, bool) {
	for _, token := range p.tokens {
		found := false
		switch v.Kind() {
		case Object:
			v, found = v.named(token)
		case Array:
			v, found = v.indexed(token)
		default: // nothing is in it
		}
		if !found {
			return Value{}, false
		}
	}
	return v, true
}

// named returns the one member that has the name.
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

// indexed returns the element with a decimal index without leading zeros.
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
