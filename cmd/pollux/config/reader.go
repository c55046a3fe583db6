package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// reader turns nodes into values of Go, and collects what is wrong with them.
type reader struct {
	mistakes
	variables
	files
	options  Options
	programs map[string]error // jq, by text
	names    map[string]int   // of streams, and their lines
}

// value is a scalar whose variables have been replaced.
type value struct {
	*node
	key      string
	text     string
	expanded bool // so the text may be a secret
	inFile   bool // the text is what is in the file that the node names
}

// wrong adds a mistake about a value that can be quoted, unless it may be a
// secret after all.
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

// wrongSecret adds a mistake about a value that is not to be quoted; the path of
// its file may be.
func (r *reader) wrongSecret(v value, format string, args ...any) {
	if v.inFile {
		r.wrong(v, "in this file, "+format, args...)
		return
	}
	r.add(v.line, v.column, "%s: %s", v.key, fmt.Sprintf(format, args...))
}

// cut shortens what is quoted.
func cut(text string) string {
	const most = 60
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "..."
}

// scalar returns a string of at least one character.
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

// unknown reports whether the value of a key that is there depends on a variable that
// may have any value. It is not ok then for those that follow.
func (t *table) unknown(key string) bool {
	n := t.values[key]
	if n == nil || n.kind != text || t.getenv != nil {
		return false
	}
	_, err := t.variables.expand(n.text)
	return errors.Is(err, errUnknown)
}

// text returns the string of a key. It is not ok if the key is not there, or its
// value wrong, which has been said then. So it is with all that follow.
func (t *table) text(key string) (value, bool) {
	n := t.values[key]
	if n == nil {
		return value{}, false
	}
	return t.scalar(key, n)
}

// plain returns a value that is not a string, unless variables make it one of
// another kind.
func (t *table) plain(key string, want kind) (value, bool) {
	n := t.values[key]
	if n == nil {
		return value{}, false
	}
	v := value{node: n, key: key}
	if n.kind == text {
		if !t.expand(&v) {
			return v, false
		}
		if v.expanded {
			return v, true
		}
	}
	if n.kind != want {
		t.add(n.line, n.column, "%s is %s, want %s", key, n.kind, want)
		return v, false
	}
	v.text = n.text
	return v, true
}

func (t *table) boolean(key string) *bool {
	v, ok := t.plain(key, boolean)
	if !ok {
		return nil
	}
	switch v.text {
	case "true", "false":
		is := v.text == "true"
		return &is
	default:
		t.wrong(v, "want true or false")
		return nil
	}
}

// integer returns a number from 1 to most.
func (t *table) integer(key string, most int) *int {
	v, ok := t.plain(key, integer)
	if !ok {
		return nil
	}
	number, err := strconv.Atoi(v.text)
	decimal := err == nil && strconv.Itoa(number) == v.text
	if !decimal || number < 1 || number > most {
		t.wrong(v, "want a whole number from 1 to %d", most)
		return nil
	}
	return &number
}

// duration returns a time of at least least, at most most.
func (t *table) duration(key string, least, most time.Duration, example string) *time.Duration {
	d, v, ok := t.anyDuration(key, example)
	if !ok {
		return nil
	}
	if d < least || d > most {
		t.wrong(v, "want from %s to %s, for example %s", short(least), short(most), example)
		return nil
	}
	return &d
}

func (t *table) anyDuration(key, example string) (time.Duration, value, bool) {
	n := t.values[key]
	if n == nil {
		return 0, value{}, false
	}
	if n.kind == integer || n.kind == float {
		t.wrong(value{node: n, key: key}, "a number without a unit, want for example %s", example)
		return 0, value{}, false
	}
	if n.kind != text {
		t.add(n.line, n.column, "%s is %s, want a duration such as %s", key, n.kind, example)
		return 0, value{}, false
	}
	v, ok := t.scalar(key, n)
	if !ok {
		return 0, v, false
	}
	d, err := time.ParseDuration(v.text)
	if err != nil {
		t.wrong(v, "no duration, want for example %s, 300ms or 1h30m", example)
		return 0, v, false
	}
	return d, v, true
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

// choice returns one of the options.
func (t *table) choice(key string, options []string) (string, bool) {
	v, ok := t.text(key)
	if !ok {
		return "", false
	}
	return v.text, t.chosen(v, options)
}

func (r *reader) chosen(v value, options []string) bool {
	if !slices.Contains(options, v.text) {
		last := len(options) - 1
		r.wrong(v, "want %s or %s", strings.Join(options[:last], ", "), options[last])
		return false
	}
	return true
}

// list returns the strings of a list for which ok is true; ok says why not. The
// result is nil only if the key is not there.
func (t *table) list(key string, most int, ok func(value) bool) []string {
	n := t.values[key]
	if n == nil {
		return nil
	}
	if n.kind != list {
		t.add(n.line, n.column, "%s is %s, want a list", key, n.kind)
		return nil
	}
	if len(n.items) > most {
		t.add(n.line, n.column, "%s has %d entries, want %d at most", key, len(n.items), most)
		return nil
	}
	result := make([]string, 0, len(n.items))
	for _, item := range n.items {
		v, scalar := t.scalar("an entry of "+key, item)
		if !scalar || !ok(v) {
			continue
		}
		if slices.Contains(result, v.text) {
			t.wrong(v, "it is in the list twice")
			continue
		}
		result = append(result, v.text)
	}
	return result
}

// secret returns what the key or the one with the suffix _file says.
func (t *table) secret(key string, isRight func(v value) bool) Secret {
	fileKey := key + "_file"
	if t.has(key) && t.has(fileKey) {
		t.refuse("and "+key+" exclude each other", fileKey)
	}
	if v, ok := t.text(key); ok && isRight(v) {
		return NewSecret(v.text)
	}
	if v, ok := t.text(fileKey); ok {
		if content, read := t.content(v); read && isRight(content) {
			return NewSecret(content.text)
		}
	}
	return Secret{}
}

// content returns what is in the file that v names.
func (r *reader) content(v value) (value, bool) {
	content, err := r.files.get(v.text)
	switch {
	case r.getenv == nil && errors.Is(err, fs.ErrNotExist): // it is where the file runs
		return v, false
	case err != nil && (filepath.IsAbs(v.text) || v.expanded):
		r.wrong(v, "%v", err)
		return v, false
	case err != nil:
		r.wrong(v, "%v (in %s)", err, r.folder)
		return v, false
	case content == "":
		r.wrong(v, "the file is empty")
		return v, false
	}
	v.text, v.inFile = content, true
	return v, true
}
