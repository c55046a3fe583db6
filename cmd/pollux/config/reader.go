package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"time"
	"unicode/utf8"
)

// reader turns nodes into values of Go, and collects the mistakes in them.
type reader struct {
	mistakes
	variables
	files
	options  Options
	compiled map[compiled]error
	names    map[string]int // of streams, and their lines

	hasTokens bool   // the file has the key tokens
	defaults  *table // what streams take; nil without
}

// value is a scalar whose variables have been replaced.
type value struct {
	*node
	key      string
	text     string
	expanded bool   // so the text may be a secret
	file     string // of which the text is the content; empty if the node itself has it
}

// wrong adds a mistake about a value that is not a secret, and quotes the value as
// written in the file.
func (r *reader) wrong(v value, format string, args ...any) {
	want := fmt.Sprintf(format, args...)
	switch {
	case v.shared:
		r.add(v.line, v.column, "%s: %s", v.key, want)
	case v.kind == text:
		r.add(v.line, v.column, "%s is %q: %s", v.key, cut(v.node.text), want)
	default:
		r.add(v.line, v.column, "%s is %s: %s", v.key, cut(v.node.text), want)
	}
}

// wrongSecret adds a mistake about a secret, which is not quoted. The path of a file
// with a secret is quoted.
func (r *reader) wrongSecret(v value, format string, args ...any) {
	if v.file != "" {
		r.wrong(v, "in this file, "+format, args...)
		return
	}
	r.add(v.line, v.column, "%s: %s", v.key, fmt.Sprintf(format, args...))
}

// cut shortens a quoted text.
func cut(text string) string { return cutAt(text, 60) }

func cutAt(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "..."
}

// scalar returns a string that is not empty.
func (r *reader) scalar(key string, n *node) (value, bool) {
	v := value{node: n, key: key}
	switch n.kind {
	case text:
	case boolean, integer, float:
		r.add(n.line, n.column, "%s is %s, want a string: put it in quotes", key, n.kind)
		return v, false
	default:
		r.add(n.line, n.column, "%s is %s, want a string", key, n.kind)
		return v, false
	}
	if !r.expand(&v) {
		return v, false
	}
	if v.text == "" {
		r.add(n.line, n.column, "%s is empty", key)
		return v, false
	}
	return v, true
}

func (r *reader) expand(v *value) bool {
	expanded, err := r.variables.expand(v.node.text)
	if errors.Is(err, errUnknown) {
		return false
	}
	if err != nil {
		r.add(v.line, v.column, "%s %v", v.key, err)
		return false
	}
	v.text, v.expanded = expanded, expanded != v.node.text
	return true
}

// unknown reports whether the value of a key depends on a variable that may have any
// value. The methods below return false for such a key.
func (t *table) unknown(key string) bool {
	n := t.values[key]
	if n == nil || n.kind != text || t.getenv != nil {
		return false
	}
	_, err := t.variables.expand(n.text)
	return errors.Is(err, errUnknown)
}

// text returns the string of a key. It returns false if the key is missing, or if the
// value is wrong, after adding the mistake. So do the methods below.
func (t *table) text(key string) (value, bool) {
	n := t.values[key]
	if n == nil {
		return value{}, false
	}
	return t.scalar(key, n)
}

// plain returns a value of a kind other than text. It may be written as text with
// variables.
func (t *table) plain(key string, want kind) (value, bool) {
	n := t.values[key]
	if n == nil {
		return value{}, false
	}
	return t.plainOf(key, n, want)
}

func (r *reader) plainOf(key string, n *node, want kind) (value, bool) {
	v := value{node: n, key: key}
	if n.kind == text {
		if !r.expand(&v) {
			return v, false
		}
		if v.expanded {
			return v, true
		}
	}
	if n.kind != want {
		r.add(n.line, n.column, "%s is %s, want %s", key, n.kind, want)
		return v, false
	}
	v.text = n.text
	return v, true
}

// fill sets the fields of a structure for which wanted is true to their values in the
// file. A field that is not in the file gets its default, except in a Config. Headers,
// keys and streams have readers of their own.
func (t *table) fill(structure any, wanted func(*Setting) bool) {
	for _, s := range t.settings.all {
		if !wanted(s) {
			continue
		}
		field := s.of(structure)
		value, ok := t.value(s)
		switch {
		case ok && field.Kind() == reflect.Pointer:
			field.Set(reflect.New(s.Type))
			field.Elem().Set(value)
		case ok:
			field.Set(value)
		case s.Default != "" && t.settings != &top && isUnset(field):
			if err := s.setDefault(field); err != nil {
				panic(err) // a test reads a stream with only defaults
			}
		}
	}
}

// value returns the value of a setting in the file.
func (t *table) value(s *Setting) (reflect.Value, bool) {
	switch {
	case s.Type == reflect.TypeFor[Secret]():
		secret := t.secret(s)
		return reflect.ValueOf(secret), secret.IsSet()
	case s.Type == reflect.TypeFor[map[string]Secret](), s.Type == reflect.TypeFor[[]Stream](), sections[s.Type] != nil:
		return reflect.Value{}, false
	case s.IsList():
		entries := t.list(s)
		return entries, entries.IsValid()
	}
	v, ok := t.one(s)
	if !ok {
		return reflect.Value{}, false
	}
	result, err := t.parse(s, v)
	if err != nil {
		t.wrong(v, "%v", err)
		return reflect.Value{}, false
	}
	return reflect.ValueOf(result), true
}

// one returns the scalar of a setting that is neither a list nor a secret.
func (t *table) one(s *Setting) (value, bool) {
	switch s.Type {
	case reflect.TypeFor[int]():
		return t.plain(s.Key, integer)
	case reflect.TypeFor[bool]():
		return t.plain(s.Key, boolean)
	case reflect.TypeFor[time.Duration]():
		return t.duration(s)
	}
	if n := t.values[s.Key]; n != nil && n.kind == boolean && slices.Contains(s.Choices, "on") { // on is true in older YAML
		return value{node: n, key: s.Key, text: map[string]string{"true": "on", "false": "off"}[n.text]}, true
	}
	return t.text(s.Key)
}

// parse is Setting.parse for a value in the file.
func (r *reader) parse(s *Setting, v value) (any, error) {
	if _, ok := languages[s.Is]; ok {
		return v.text, r.compile(s.Is, v)
	}
	parsed, err := s.parse(v.text)
	switch {
	case s.Is == "path" && err == nil && (s.Of != "" || ofTokens.by[s.Key] == s) && r.getenv == nil:
		return "", nil // the files of upstreams and issuers may exist where the program runs
	case s.Is == "path" && err == nil:
		return r.resolve(v.text), nil
	}
	return parsed, err
}

func (t *table) duration(s *Setting) (value, bool) {
	n := t.values[s.Key]
	switch {
	case n == nil:
		return value{}, false
	case n.kind == integer || n.kind == float:
		t.wrong(value{node: n, key: s.Key}, "a number without a unit, want for example %s", s.Example)
		return value{}, false
	case n.kind != text:
		t.add(n.line, n.column, "%s is %s, want a duration such as %s", s.Key, n.kind, s.Example)
		return value{}, false
	}
	return t.scalar(s.Key, n)
}

// choice returns the value of a setting that has choices.
func (t *table) choice(key string) (string, bool) {
	chosen, ok := t.value(t.settings.by[key])
	if !ok {
		return "", false
	}
	return chosen.String(), true
}

func (t *table) boolean(key string) *bool {
	is, ok := t.value(t.settings.by[key])
	if !ok {
		return nil
	}
	return new(is.Bool())
}

// fits reports whether a list or mapping has no more entries than its setting allows.
func (t *table) fits(key string, n *node, entries int) bool {
	most := t.settings.by[key].Most
	if int64(entries) > most {
		t.add(n.line, n.column, "%s has %d entries, want %d at most", key, entries, most)
	}
	return int64(entries) <= most
}

// list returns the valid entries of a list. The result is the zero Value if the key is
// missing or the value is not a list.
func (t *table) list(s *Setting) reflect.Value {
	n := t.values[s.Key]
	if n == nil {
		return reflect.Value{}
	}
	if s.One && n.kind != list {
		v, ok := t.scalar(s.Key, n)
		if !ok {
			return reflect.Value{}
		}
		entry, err := t.parse(s, v)
		if err != nil {
			t.wrong(v, "%v", err)
			return reflect.Value{}
		}
		return reflect.Append(reflect.MakeSlice(s.Type, 0, 1), reflect.ValueOf(entry))
	}
	if n.kind != list {
		t.add(n.line, n.column, "%s is %s, want a list", s.Key, n.kind)
		return reflect.Value{}
	}
	if int64(len(n.items)) < s.Least {
		t.add(n.line, n.column, "%s is an empty list, want at least one entry", s.Key)
		return reflect.Value{}
	}
	if !t.fits(s.Key, n, len(n.items)) {
		return reflect.Value{}
	}
	result := reflect.MakeSlice(s.Type, 0, len(n.items))
	seen := make(map[string]bool)
	for _, item := range n.items {
		v, ok := t.entry(s, item)
		if !ok {
			continue
		}
		entry, err := t.parse(s, v)
		switch {
		case err != nil && s.masked(v.text) != v.text:
			t.wrongSecret(v, "%v", err)
		case err != nil:
			t.wrong(v, "%v", err)
		case seen[v.text]:
			t.wrong(v, "it is in the list twice")
		default:
			seen[v.text] = true
			result = reflect.Append(result, reflect.ValueOf(entry))
		}
	}
	return result
}

// entry returns one entry of a list.
func (r *reader) entry(s *Setting, n *node) (value, bool) {
	if s.Type == reflect.TypeFor[[]int]() {
		return r.plainOf("an entry of "+s.Key, n, integer)
	}
	return r.scalar("an entry of "+s.Key, n)
}

// secret returns the value of the key, or the content of the file that the other key
// names.
func (t *table) secret(s *Setting) Secret {
	if s.FileKey != "" && t.has(s.Key) && t.has(s.FileKey) {
		t.refuse("and "+s.Key+" exclude each other", s.FileKey)
	}
	v, ok := t.text(s.Key)
	if !ok {
		if v, ok = t.text(s.FileKey); ok {
			v, ok = t.content(v, s.fileLimit())
		}
	}
	if !ok {
		return Secret{}
	}
	if _, err := t.parse(s, v); err != nil {
		t.wrongSecret(v, "%v", err)
		return Secret{}
	}
	return newSecretOf(v.text, v.file)
}

// content returns the content of the file that v names, which has at most limit bytes.
func (r *reader) content(v value, limit int64) (value, bool) {
	content, err := r.files.get(v.text, limit)
	switch {
	case r.getenv == nil && errors.Is(err, fs.ErrNotExist): // it may exist where the program runs
		return v, false
	case err != nil && (filepath.IsAbs(v.text) || v.expanded):
		r.wrong(v, "%v", err)
		return v, false
	case err != nil:
		r.wrong(v, "%v (in %s)", err, r.folder)
		return v, false
	case content == "" && v.key == tokensFile: // as one is that is being written
		r.wrong(v, "the file is empty: if nobody is to have a token, want a line that begins with #")
		return v, false
	case content == "":
		r.wrong(v, "the file is empty")
		return v, false
	}
	v.text, v.file = content, r.files.resolve(v.text)
	return v, true
}
