package reshape

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/itchyny/gojq"

	"github.com/polluxhub/pollux/hub/document"
)

// encode returns the value as a document without white space, of at most limit bytes.
// Keys are sorted. Numbers that JSON does not have are written as jq writes them: NaN
// as null, an infinity as the largest number.
func encode(value any, limit int, words words) ([]byte, error) {
	e := encoder{limit: limit, words: words}
	if err := e.value(value, 0); err != nil {
		return nil, err
	}
	return e.out, nil
}

type encoder struct {
	out   []byte
	limit int
	words words
}

func (e *encoder) value(value any, depth int) error {
	if depth > document.MaxDepth {
		return e.words.resultFailure(classTooLarge, fmt.Sprintf("is nested deeper than %d levels", document.MaxDepth))
	}
	var err error
	switch v := value.(type) {
	case nil:
		e.out = append(e.out, "null"...)
	case bool:
		e.out = strconv.AppendBool(e.out, v)
	case int:
		e.out = strconv.AppendInt(e.out, int64(v), 10)
	case json.Number:
		err = e.number(v)
	case string:
		err = e.text(v)
	case []any:
		err = e.array(v, depth)
	case map[string]any:
		err = e.object(v, depth)
	default: // float64 and *big.Int
		var text []byte
		text, err = gojq.Marshal(v)
		e.out = append(e.out, text...)
	}
	if err == nil {
		err = e.check(0)
	}
	return err
}

// check returns an error if there is no room for more bytes.
func (e *encoder) check(more int) error {
	if more > e.limit-len(e.out) {
		return e.words.resultFailure(classTooLarge, fmt.Sprintf("has more than %d bytes", e.limit))
	}
	return nil
}

// number writes a number as it was written. A program, or a string in a document, can
// contain numbers that are not valid in JSON, such as .5 or 007.
func (e *encoder) number(n json.Number) error {
	if err := e.check(len(n)); err != nil {
		return err
	}
	if isNumber(string(n)) {
		e.out = append(e.out, n...)
		return nil
	}
	f, ok := gojq.ToFloat64(n)
	if !ok {
		return e.words.resultFailure(classSelect, "has an invalid number")
	}
	text, err := gojq.Marshal(f)
	e.out = append(e.out, text...)
	return err
}

// isNumber reports whether s is a number by RFC 8259 section 6.
func isNumber(s string) bool {
	return s != "" && (s[0] == '-' || '0' <= s[0] && s[0] <= '9') && json.Valid([]byte(s))
}

func (e *encoder) array(elements []any, depth int) error {
	e.out = append(e.out, '[')
	for i, element := range elements {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		if err := e.value(element, depth+1); err != nil {
			return err
		}
	}
	e.out = append(e.out, ']')
	return nil
}

func (e *encoder) object(members map[string]any, depth int) error {
	if err := e.check(len(members)); err != nil {
		return err
	}
	e.out = append(e.out, '{')
	for i, key := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		if err := e.text(key); err != nil {
			return err
		}
		e.out = append(e.out, ':')
		if err := e.value(members[key], depth+1); err != nil {
			return err
		}
	}
	e.out = append(e.out, '}')
	return nil
}

// text writes a string with the escapes that RFC 8259 section 7 requires.
func (e *encoder) text(s string) error {
	if err := e.check(len(s)); err != nil {
		return err
	}
	e.out = append(e.out, '"')
	for _, r := range s { // range yields U+FFFD for invalid UTF-8
		switch {
		case r == '"', r == '\\':
			e.out = append(e.out, '\\', byte(r))
		case r == '\n':
			e.out = append(e.out, `\n`...)
		case r == '\r':
			e.out = append(e.out, `\r`...)
		case r == '\t':
			e.out = append(e.out, `\t`...)
		case r < ' ':
			e.out = fmt.Appendf(e.out, `\u%04x`, r)
		default:
			e.out = utf8.AppendRune(e.out, r)
		}
	}
	e.out = append(e.out, '"')
	return nil
}
