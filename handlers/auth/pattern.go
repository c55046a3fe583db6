package auth

import (
	"errors"
	"slices"
	"strings"
)

// MaxPatterns is the largest number of patterns in one list of a token.
const MaxPatterns = 256

// errTooManyPatterns is the error for a longer list.
var errTooManyPatterns = errors.New("auth: more than 256 names of streams in one list")

// Patterns name streams and keys: each is an exact name, such as user/42, or a prefix
// that ends in an asterisk, such as prices/*. An asterisk alone means every name.
type Patterns []string

// Match reports whether one of the patterns names the stream.
func (p Patterns) Match(name string) bool {
	for _, pattern := range p {
		prefix, open := strings.CutSuffix(pattern, "*")
		if pattern == name || open && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// Touch reports whether the patterns may match a name that begins with this prefix.
func (p Patterns) Touch(prefix string) bool {
	for _, pattern := range p {
		begin, open := strings.CutSuffix(pattern, "*")
		if strings.HasPrefix(pattern, prefix) || open && strings.HasPrefix(prefix, begin) {
			return true
		}
	}
	return false
}

// Cover reports whether one of the patterns matches every name that begins with this prefix.
func (p Patterns) Cover(prefix string) bool {
	return slices.ContainsFunc(p, func(pattern string) bool {
		begin, open := strings.CutSuffix(pattern, "*")
		return open && strings.HasPrefix(prefix, begin)
	})
}

// Any reports whether the patterns match every name.
func (p Patterns) Any() bool { return p.Match("") }

func (p Patterns) check() error {
	if len(p) > MaxPatterns {
		return errTooManyPatterns
	}
	return nil
}
