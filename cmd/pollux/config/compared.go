package config

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"slices"
	"strings"
)

// The length of the hashes in Compared, in hexadecimal digits. That of a secret is so short that
// one secret of 4,096 has it, and it is the same wherever the secret is used: so a reader of
// the hash cannot find the secret by trying, and a node with another secret is noticed nevertheless.
const (
	plainDigits  = 8
	secretDigits = 3
)

// notCompared stands for a value that each node has of its own, and may change by itself.
const notCompared = "*"

// SharesEvents reports whether there may be other nodes with the same events.
func (c *Config) SharesEvents() bool { return len(c.NATS) > 0 || c.ClusterListen != nil }

// Compared returns the settings of a stream, for other nodes to compare with theirs, as
// KEY=HASH, sorted and separated by spaces. Settings without a value, or with a zero, are left
// out. What the stream inherits counts as its own. The names of files do not count, and of what
// is read from a file only that it is.
func (c *Config) Compared(s *Stream) string {
	whole := *s
	whole.History, whole.HistoryBytes = cmp.Or(s.History, c.History), cmp.Or(s.HistoryBytes, c.HistoryBytes)
	if c.Access != nil {
		whole.Access = cmp.Or(s.Access, *c.Access)
	}
	if s.URL.IsSet() {
		whole.MaxDocument = cmp.Or(s.MaxDocument, c.MaxDocument)
	}
	if s.Push && !s.PublishToken.IsSet() {
		whole.PublishToken = c.PublishToken
	}
	list := ofStream.compared(s.Name, reflect.ValueOf(whole))
	if s.Keys != nil {
		list = append(list, ofKeys.compared(s.Name, reflect.ValueOf(*s.Keys))...)
	}
	if s.OAuth2 != nil {
		list = append(list, ofOAuth2.compared(s.Name, reflect.ValueOf(*s.OAuth2))...)
	}
	if s.Login != nil {
		list = append(list, ofLogin.compared(s.Name, reflect.ValueOf(*s.Login))...)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// compared returns KEY=HASH for each field of a struct that has a value.
func (d *declarations) compared(stream string, structure reflect.Value) (list []string) {
	for _, setting := range d.all {
		field := structure.Field(setting.index)
		_, isSection := sections[setting.Type]
		if setting.Key != "name" && !isSection && !field.IsZero() {
			list = append(list, setting.Key+"="+setting.hashOf(stream, field))
		}
	}
	return list
}

// secretSalt is that of all secrets.
const secretSalt = "pollux secret"

// hashOf returns a hash of the value of a setting. Unless it is a secret, the same value has
// another hash in another stream or setting.
func (s *Setting) hashOf(stream string, field reflect.Value) string {
	digits, salt := plainDigits, "pollux setting "+stream+" "+s.Key
	switch known := field.Interface().(type) {
	case Secret:
		if digits, salt = secretDigits, secretSalt; known.File() != "" {
			return notCompared
		}
	case map[string]Secret:
		digits, salt = secretDigits, secretSalt
		for _, one := range known {
			if one.File() != "" {
				return notCompared
			}
		}
	}
	if s.Is == "path" {
		return notCompared
	}
	h := hmac.New(sha256.New, []byte(salt))
	writeValue(h, field)
	return hex.EncodeToString(h.Sum(nil))[:digits]
}
