package config

import (
	"fmt"
	"log/slog"
)

// hidden is how every Secret prints.
const hidden = "[secret]"

// Secret is a string that prints as "[secret]": by package fmt with every verb,
// by log/slog, and in JSON, YAML and text. The zero value is not set. The string is
// behind a pointer because package fmt prints the unexported fields of a struct without
// calling their methods; of a pointer it prints the address.
type Secret struct {
	_    [0]func() // forbids ==, which would compare addresses
	text *string
	file string // that it was read from; empty if none
}

// NewSecret returns a Secret that is set, to text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// newSecretOf returns a Secret that was read from a file.
func newSecretOf(text, file string) Secret { return Secret{text: &text, file: file} }

// File returns the path of the file that the string was read from, and "" if it was not.
func (s Secret) File() string { return s.file }

// IsSet tells an empty Secret from one that was not set.
func (s Secret) IsSet() bool { return s.text != nil }

// Reveal returns the string itself, "" if it was not set.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Equal reports whether both are set to the same string, or both are not set.
func (s Secret) Equal(other Secret) bool {
	return s.IsSet() == other.IsSet() && s.Reveal() == other.Reveal()
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// Format implements fmt.Formatter.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, hidden) }

// MarshalJSON implements json.Marshaler.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
