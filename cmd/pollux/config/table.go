package config

import (
	"reflect"
	"slices"
	"strings"
)

// keysOf returns the keys that fill the fields of a struct: of the tag
// `yaml:"name,or=other"` both. It is the one list of keys there is.
func keysOf(structure any) []string {
	var keys []string
	for field := range reflect.TypeOf(structure).Fields() {
		name, other, both := strings.Cut(field.Tag.Get("yaml"), ",or=")
		keys = append(keys, name)
		if both {
			keys = append(keys, other)
		}
	}
	return keys
}

var (
	configKeys = keysOf(Config{})
	streamKeys = keysOf(Stream{})
)

// table is a mapping whose keys are known.
type table struct {
	*reader
	at     *node
	values map[string]*node
	keys   map[string]*node
}

// table checks that n is a mapping with these keys, each once and with a value.
// elsewhere are keys that are right in another place, which is where.
func (r *reader) table(n *node, keys, elsewhere []string, where string) *table {
	t := &table{reader: r, at: n, values: make(map[string]*node), keys: make(map[string]*node)}
	r.pairs(n, func(key, value *node) {
		name := key.text
		switch {
		case slices.Contains(keys, name):
			t.keys[name] = key
			t.values[name] = value
			if value.kind == null {
				r.add(key.line, key.column, "%s has no value", name)
				t.values[name] = nil
			}
		case slices.Contains(elsewhere, name):
			r.add(key.line, key.column, "unknown key %s: it belongs %s", name, where)
		default:
			r.add(key.line, key.column, "unknown key %s, %s", cut(name), suggest(name, keys))
		}
	})
	return t
}

// pairs calls f for each key of a mapping, the first time that it appears.
func (r *reader) pairs(n *node, f func(key, value *node)) {
	seen := make(map[string]int)
	for _, p := range n.pairs {
		if line, again := seen[p.key.text]; again {
			r.add(p.key.line, p.key.column, "the key %s appears twice, first in line %d", cut(p.key.text), line)
			continue
		}
		seen[p.key.text] = p.key.line
		f(p.key, p.value)
	}
}

// has reports whether the key is there, right or wrong.
func (t *table) has(key string) bool { return t.keys[key] != nil }

// refuse makes the keys mistakes that are there.
func (t *table) refuse(why string, keys ...string) {
	for _, key := range keys {
		if k := t.keys[key]; k != nil {
			t.add(k.line, k.column, "%s %s", key, why)
			delete(t.values, key)
		}
	}
}

// suggest says what may have been meant by a key that is unknown.
func suggest(name string, keys []string) string {
	best, least := "", 3
	for _, key := range keys {
		if len(name)-len(key) >= least || len(key)-len(name) >= least {
			continue // so is the distance, and a name may be long
		}
		if d := distance(name, key); d < least && d < len(key) {
			best, least = key, d
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "want one of " + strings.Join(keys, ", ")
}

// Nearest returns the one of among that the fewest letters make of name; the first of
// several, "" of none.
func Nearest(name string, among []string) string {
	const most = 100 // letters that count
	name = name[:min(len(name), most)]
	nearest, least := "", 0
	for _, one := range among {
		if d := distance(name, one); nearest == "" || d < least {
			nearest, least = one, d
		}
	}
	return nearest
}

// distance is how many letters are to be added, removed or replaced to make b of
// a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
