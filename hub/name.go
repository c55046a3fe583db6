package hub

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// The bounds of keys and their patterns, in bytes.
const (
	maxKeyLen     = 128
	maxPatternLen = 256
)

// ErrUnknownKey is returned, wrapped with the name, for a key that the pattern of its
// stream does not match. It is an ErrUnknownStream.
var ErrUnknownKey = fmt.Errorf("%w: the pattern does not match the key", ErrUnknownStream)

// SplitName returns the name of the configured stream and the key that are parts of
// the name of a stream: "prices/BTC" is the key "BTC" of "prices". The key of a plain
// stream is empty.
func SplitName(name string) (stream, key string) {
	stream, key, _ = strings.Cut(name, "/")
	return stream, key
}

// CheckName returns nil if name can be the name of a plain stream, see [CheckStream],
// or of a key of a stream: the name of the stream, '/' and the key, see [CheckKey].
// Otherwise it returns an error that wraps ErrInvalidStream.
func CheckName(name string) error {
	stream, key, keyed := strings.Cut(name, "/")
	if err := CheckStream(stream); err != nil || !keyed {
		return err
	}
	return CheckKey(key)
}

// CheckKey returns nil if key can be a key of a stream: 1 to 128 printable ASCII
// characters without space, '"', '\', ',' and '/', and neither "." nor "..".
// Otherwise it returns an error that wraps ErrInvalidStream. So a key needs no
// escaping in an event, in a JSON string and in a list with commas, and cannot be a
// dot segment of a path.
func CheckKey(key string) error {
	if len(key) == 0 || len(key) > maxKeyLen {
		return fmt.Errorf("%w: key of %d bytes, want 1 to %d", ErrInvalidStream, len(key), maxKeyLen)
	}
	for i := range len(key) {
		if c := key[i]; c < 0x21 || c > 0x7e || strings.IndexByte(`"\,/`, c) >= 0 {
			return fmt.Errorf(`%w: key %q, want printable ASCII without space, '"', '\', ',' and '/'`, ErrInvalidStream, key)
		}
	}
	if key == "." || key == ".." {
		return fmt.Errorf("%w: key %q is a dot segment", ErrInvalidStream, key)
	}
	return nil
}

// KeyPattern says which keys a stream has.
type KeyPattern struct {
	text    string
	pattern *regexp.Regexp
}

// NewKeyPattern returns the pattern for whole keys: a regular expression in the syntax
// of package regexp, of at most 256 bytes, that does not match the empty text.
func NewKeyPattern(text string) (*KeyPattern, error) {
	if len(text) == 0 || len(text) > maxPatternLen {
		return nil, fmt.Errorf("hub: key pattern of %d bytes, want 1 to %d", len(text), maxPatternLen)
	}
	if _, err := regexp.Compile(text); err != nil {
		return nil, fmt.Errorf("hub: key pattern: %w", err) // about the text as it was written
	}
	pattern, err := regexp.Compile(`\A(?:` + text + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("hub: key pattern: %w", err)
	}
	if pattern.MatchString("") {
		return nil, errors.New("hub: the key pattern matches the empty text")
	}
	return &KeyPattern{text, pattern}, nil
}

// Match reports whether the pattern matches the whole key, and [CheckKey] accepts it.
func (p *KeyPattern) Match(key string) bool {
	return CheckKey(key) == nil && p.pattern.MatchString(key)
}

// String returns the text of the pattern.
func (p *KeyPattern) String() string { return p.text }
