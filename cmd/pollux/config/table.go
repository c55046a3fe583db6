package config

import (
	"slices"
	"strings"
)

// table is a mapping whose keys are known. Those of a mapping within a stream have the
// prefix of their declarations.
type table struct {
	*reader
	at        *node
	settings  *declarations
	values    map[string]*node
	keys      map[string]*node
	inherited inherited // of a stream
}

func (r *reader) newTable(n *node, settings *declarations) *table {
	return &table{
		reader: r, at: n, settings: settings, values: make(map[string]*node), keys: make(map[string]*node),
		inherited: inherited{from: r.defaults, taken: make(map[string]bool), none: make(map[string]bool)},
	}
}

// place is another part of the file, whose keys are sometimes written where they do not belong.
type place struct {
	settings *declarations
	where    string // for "it belongs"
}

// table checks that n is a mapping with keys of settings, each once and with a value. An
// error about a key of elsewhere says where it belongs.
func (r *reader) table(n *node, settings *declarations, elsewhere ...place) *table {
	t := r.newTable(n, settings)
	r.pairs(n, func(key, value *node) {
		name := settings.prefix + key.text
		at := slices.IndexFunc(elsewhere, func(p place) bool { return p.settings.by[key.text] != nil })
		switch {
		case settings.by[name] != nil && value.kind == null && t.mayBeNull(name):
			t.inherited.none[name] = true
		case settings.by[name] != nil:
			t.keys[name] = key
			t.values[name] = value
			if value.kind == null {
				r.add(key.line, key.column, "%s has no value", settings.shown+name)
				t.values[name] = nil
			}
		case at >= 0:
			r.add(key.line, key.column, "unknown key %s: it belongs %s", settings.shown+name, elsewhere[at].where)
		default:
			r.add(key.line, key.column, "unknown key %s, %s", cut(settings.shown+name), suggest(name, settings.keys))
		}
	})
	return t
}

// section returns the mapping of a key of a stream, whose keys are settings. It returns nil
// without it, or if it is not a mapping.
func (t *table) section(key string, settings *declarations) *table {
	n := t.values[key]
	switch {
	case n == nil:
		return nil
	case n.kind != mapping:
		t.add(n.line, n.column, "%s is %s, want a mapping with the key %s", key, n.kind, settings.name(settings.keys[0]))
		return nil
	}
	return t.table(n, settings, place{&ofStream, "to the stream, beside " + key})
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

// has reports whether the key is present, with a valid or invalid value.
func (t *table) has(key string) bool { return t.keys[key] != nil }

// refuse reports each of the given keys that is present, and forgets its value. One of
// defaults is not taken.
func (t *table) refuse(why string, keys ...string) {
	t.drop(keys...)
	for _, key := range keys {
		if k := t.keys[key]; k != nil {
			t.add(k.line, k.column, "%s %s", key, why)
			delete(t.values, key)
		}
	}
}

// suggest returns a question with the known key that is most similar to an unknown one.
func suggest(name string, keys []string) string {
	best, least := "", 3
	for _, key := range keys {
		if len(name)-len(key) >= least || len(key)-len(name) >= least {
			continue // the distance is at least as large, and a name may be long
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

// Nearest returns the first element of among with the smallest distance from name, or
// "" if among is empty.
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

// distance is the number of letters to add, remove or replace to turn a into b
// (Levenshtein).
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
