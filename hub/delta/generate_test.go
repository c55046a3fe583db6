package delta_test

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// The material of random documents. No two scalars and no two keys are equal.
var (
	scalars = rapid.SampledFrom([]string{
		`0`, `-0`, `-0.0`, `1`, `1.0`, `1e0`, `1E+00`, `9007199254740992`, `9007199254740993`, `1e400`, `-1E-400`,
		`18446744073709551616`, `0.10`, `""`, `"a"`, `"b"`, `"\u2028\u00e9\/\"\\\b\f\n\r\t"`, "\"\u2028\"", `"<script>&"`,
		`"👩‍👩‍👧"`, `"\ud83d\ude00"`, `"\ud800"`, `"1"`, `"null"`, `true`, `false`, `null`, `{}`, `[]`,
	})
	keys = rapid.SampledFrom([]string{
		`""`, `"a"`, `"b"`, `"id"`, `"a/b"`, `"m~n"`, `"~1"`, `"~0"`, `"\/\/"`, `"\u002f"`, `"\u007E\u007e"`, `"\u2028"`,
		`"é"`, `"\""`, `"\\u002f"`, `"0"`, `"-"`, `"<&>"`, `"\ud83d\ude00"`, `"*"`,
	})
)

// randomValue draws a value with a limited depth.
func randomValue(t *rapid.T, depth int) *node {
	kind := rapid.IntRange(0, 3).Draw(t, "kind")
	switch {
	case depth == 0 || kind == 0:
		return &node{text: scalars.Draw(t, "scalar")}
	case kind == 1:
		n := &node{text: "{"}
		for range rapid.IntRange(0, 4).Draw(t, "members") {
			n.set(keys.Draw(t, "key"), randomValue(t, depth-1))
		}
		return n
	case kind == 2:
		n := &node{text: "["}
		for range rapid.IntRange(0, 6).Draw(t, "elements") {
			n.insert(len(n.kids), randomValue(t, depth-1))
		}
		return n
	default:
		n := &node{text: "["}
		for range rapid.IntRange(0, 8).Draw(t, "entries") {
			n.insert(len(n.kids), randomEntry(t, depth-1))
		}
		return n
	}
}

// randomEntry draws an object with an "id".
func randomEntry(t *rapid.T, depth int) *node {
	n := &node{text: "{"}
	n.set(`"id"`, &node{text: fmt.Sprint(rapid.IntRange(0, 999).Draw(t, "id"))})
	n.set(keys.Draw(t, "key"), randomValue(t, max(0, depth-1)))
	return n
}

// randomDocument draws an object that is large enough for most deltas to be smaller.
func randomDocument(t *rapid.T) *node {
	n := &node{text: "{"}
	n.set(`"padding"`, &node{text: `"` + strings.Repeat("x", 3000) + `"`})
	for range rapid.IntRange(0, 4).Draw(t, "members") {
		n.set(keys.Draw(t, "key"), randomValue(t, 3))
	}
	return n
}

func (n *node) set(key string, value *node) {
	if at := n.index(name(key)); at >= 0 {
		n.kids[at] = value
		return
	}
	n.insert(len(n.kids), value)
	n.keys[len(n.kids)-1] = key
}

func (n *node) insert(at int, value *node) {
	n.kids = slices.Insert(n.kids, at, value)
	n.keys = slices.Insert(n.keys, at, "")
}

// containers returns all objects and arrays in n.
func (n *node) containers() []*node {
	if n.text != "{" && n.text != "[" {
		return nil
	}
	all := []*node{n}
	for _, kid := range n.kids {
		all = append(all, kid.containers()...)
	}
	return all
}

// edit changes one value in n.
func edit(t *rapid.T, n *node) {
	c := rapid.SampledFrom(n.containers()).Draw(t, "container")
	size := len(c.kids)
	action := rapid.IntRange(0, 5).Draw(t, "action")
	switch {
	case c.text == "{" && (size == 0 || action == 0):
		c.set(keys.Draw(t, "key"), randomValue(t, 2))
	case size == 0 || action == 0:
		value := randomValue(t, 2)
		if rapid.Bool().Draw(t, "entry") {
			value = randomEntry(t, 2)
		}
		c.insert(rapid.IntRange(0, size).Draw(t, "at"), value)
	default:
		from, to := rapid.IntRange(0, size-1).Draw(t, "from"), rapid.IntRange(0, size-1).Draw(t, "to")
		kid, key := c.kids[from], c.keys[from]
		if key == `"padding"` {
			return
		}
		switch action {
		case 1: // remove
			c.kids, c.keys = slices.Delete(c.kids, from, from+1), slices.Delete(c.keys, from, from+1)
		case 2, 3: // move
			c.kids, c.keys = slices.Delete(c.kids, from, from+1), slices.Delete(c.keys, from, from+1)
			c.kids, c.keys = slices.Insert(c.kids, to, kid), slices.Insert(c.keys, to, key)
		default: // change
			c.kids[from] = randomValue(t, action-4)
		}
	}
}
