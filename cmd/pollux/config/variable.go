package config

import (
	"errors"
	"fmt"
	"strings"
)

// maxExpanded is the largest total size of values with variables in one file, in
// bytes.
const maxExpanded = 16 << 20

// variables replaces ${NAME} in values.
type variables struct {
	getenv func(string) string // nil: each variable may have any value
	used   int                 // bytes of maxExpanded
}

// errUnknown means that a file is checked without its environment, and that a variable
// may have any value. It is not a mistake.
var errUnknown = errors.New("a variable may have any value")

// expand returns text with its variables replaced. Its errors quote names of
// variables and nothing else.
func (v *variables) expand(text string) (string, error) {
	if !strings.Contains(text, "$") {
		return text, nil
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "$")
		b.WriteString(before)
		switch {
		case !found:
			v.used += b.Len()
			return b.String(), v.checkUsed(0)
		case strings.HasPrefix(rest, "$"):
			b.WriteByte('$')
			text = rest[1:]
		case strings.HasPrefix(rest, "{"):
			inner, after, closed := strings.Cut(rest[1:], "}")
			if !closed {
				return "", errors.New("has ${ without }, want ${NAME}, or $${ for these two characters")
			}
			replacement, err := v.lookUp(inner)
			if err != nil {
				return "", err
			}
			b.WriteString(replacement)
			if err := v.checkUsed(b.Len()); err != nil {
				return "", err
			}
			text = after
		default:
			b.WriteByte('$')
			text = rest
		}
	}
}

func (v *variables) checkUsed(more int) error {
	if v.used+more > maxExpanded {
		return fmt.Errorf("is too large once variables are replaced: all values together may have %d bytes", maxExpanded)
	}
	return nil
}

// lookUp returns the replacement for NAME or NAME:-text.
func (v *variables) lookUp(inner string) (string, error) {
	name, otherwise, hasDefault := strings.Cut(inner, ":-")
	if !isVariable(name) {
		return "", errors.New("has ${ and no name after it, want ${NAME} or ${NAME:-default}, where a name has letters, digits and _; $${ is for these two characters")
	}
	if v.getenv != nil {
		if value := v.getenv(name); value != "" {
			return value, nil
		}
	}
	if !hasDefault {
		if v.getenv == nil {
			return "", errUnknown
		}
		return "", fmt.Errorf("needs the environment variable %s, which is not set; set it, or say what else with ${%s:-default}", name, name)
	}
	return otherwise, nil
}

// isVariable reports whether POSIX allows name for a variable.
func isVariable(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
