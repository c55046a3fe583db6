package config

import (
	"reflect"
	"slices"
	"strings"
)

// ofStreams are the keys at the top level that say which streams there are and how
// they are asked. They can be changed while the program runs.
var ofStreams = []string{"streams", "canary", "deny_private", "allow_private"}

// Differs returns the keys at the top level whose values differ, in the order of
// the documentation, but for those that say which streams there are.
func (c *Config) Differs(other *Config) []string {
	keys := []string{}
	a, b := reflect.ValueOf(*c), reflect.ValueOf(*other)
	for i := range a.NumField() {
		key, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("yaml"), ",")
		if !slices.Contains(ofStreams, key) && fingerprint(a.Field(i).Interface()) != fingerprint(b.Field(i).Interface()) {
			keys = append(keys, key)
		}
	}
	return keys
}
