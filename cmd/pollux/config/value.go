package config

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ValueError is an invalid value of a setting. Its text begins with "is".
type ValueError struct {
	Value string
	Err   error // which describes a valid value
}

func (e *ValueError) Error() string { return "is " + e.Value + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *ValueError) Unwrap() error { return e.Err }

// Decode sets a field, which has the declared type or is a pointer to it, to a text
// from the command line or the environment. It appends to a list. The error is a
// [*ValueError].
func (s *Setting) Decode(field reflect.Value, text string) error {
	texts := []string{text}
	if s.IsList() {
		texts = strings.Split(text, ",")
	}
	for _, text := range texts {
		if err := s.set(field, text); err != nil {
			return &ValueError{s.masked(text), err}
		}
	}
	return nil
}

// masked returns an invalid value as it can be shown: a URL without the parts that are often
// secret.
func (s *Setting) masked(text string) string {
	if s.Is == "follow" || s.Is == "nats" || s.Is == "url" || s.Is == "proxy" {
		return MaskURL(text)
	}
	return text
}

// Give sets the setting in c, which is not a list, to a text. The error describes a
// valid value, and does not quote the text.
func (s *Setting) Give(c *Config, text string) error { return s.set(s.of(c), text) }

// of returns the field of the setting in the structure that declares it.
func (s *Setting) of(structure any) reflect.Value {
	return reflect.ValueOf(structure).Elem().Field(s.index)
}

// setDefault sets a field to the default.
func (s *Setting) setDefault(field reflect.Value) error {
	texts := []string{s.Default}
	if s.IsList() {
		texts = strings.Split(s.Default, ",")
	}
	for _, text := range texts {
		if err := s.set(field, text); err != nil {
			return fmt.Errorf("config: the default of %s: %w", s.Key, err)
		}
	}
	return nil
}

// set sets a field to a text, or appends one entry to a list.
func (s *Setting) set(field reflect.Value, text string) error {
	parsed, err := s.parse(text)
	if err != nil {
		return err
	}
	value := reflect.ValueOf(parsed)
	switch {
	case s.IsList():
		field.Set(reflect.Append(field, value))
	case field.Kind() == reflect.Pointer:
		field.Set(reflect.New(s.Type)) // a new pointer, because the old one may be shared
		field.Elem().Set(value)
	default:
		field.Set(value)
	}
	return nil
}

// parse parses a value, or one entry of a list. The error describes a valid value, and
// does not quote the text.
func (s *Setting) parse(text string) (any, error) {
	if len(s.Choices) > 0 && !slices.Contains(s.Choices, text) {
		last := len(s.Choices) - 1
		return nil, fmt.Errorf("want %s or %s", strings.Join(s.Choices[:last], ", "), s.Choices[last])
	}
	if check := checks[s.Is]; check != nil {
		if err := check(s, text); err != nil {
			return nil, err
		}
	}
	switch s.Type {
	case reflect.TypeFor[int]():
		return s.parseInteger(text)
	case reflect.TypeFor[time.Duration]():
		return s.parseDuration(text)
	case reflect.TypeFor[bool]():
		if text != "true" && text != "false" {
			return nil, errors.New("want true or false")
		}
		return text == "true", nil
	case reflect.TypeFor[Secret]():
		return NewSecret(text), nil
	case reflect.TypeFor[Rate]():
		return parseRate(text)
	case reflect.TypeFor[[]netip.Prefix]():
		return ParseNetwork(text)
	case reflect.TypeFor[[]int]():
		return strconv.Atoi(text)
	default:
		return text, nil
	}
}

func (s *Setting) parseInteger(text string) (int, error) {
	number, err := strconv.Atoi(text)
	decimal := err == nil && strconv.Itoa(number) == text
	if !decimal || int64(number) < s.Least || int64(number) > s.Most {
		return 0, fmt.Errorf("want a whole number from %d to %d", s.Least, s.Most)
	}
	return number, nil
}

func (s *Setting) parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("not a duration, want for example %s, 300ms or 1h30m", s.Example)
	}
	if s.Most != 0 && (int64(d) < s.Least || int64(d) > s.Most) {
		return 0, fmt.Errorf("want from %s to %s, for example %s", short(time.Duration(s.Least)), short(time.Duration(s.Most)), s.Example)
	}
	return d, nil
}

// isUnset reports whether a field has no value.
func isUnset(field reflect.Value) bool {
	if secret, ok := reflect.TypeAssert[Secret](field); ok {
		return !secret.IsSet()
	}
	return field.IsZero()
}

// short writes 24h for 24h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
