package delta

import (
	"bytes"
	"slices"

	"github.com/polluxhub/pollux/hub/document"
)

// counterpart is a member of an object after and, if known, the one that the
// object before has with the same key.
type counterpart struct {
	from, to document.Value
	known    bool
}

// join finds which members of two objects, in which no key is repeated, have the
// same key. It returns those that are only in a, in the order of a, and all of b,
// in the order of b.
func join(a, b document.Value, w *work) (removed []document.Value, members []counterpart) {
	before := slices.AppendSeq(make([]document.Value, 0, a.Len()), a.Children())
	taken := make([]bool, len(before))
	members = make([]counterpart, 0, b.Len())
	var byName map[string]int
	next := 0 // most often the next of b is the next of a
	for to := range b.Children() {
		at, known := next, next < len(before) && bytes.Equal(before[next].Name(), to.Name())
		if !known {
			if byName == nil {
				byName = indexNames(before, w)
			}
			at, known = byName[string(to.Name())]
		}
		if known {
			taken[at] = true
			next = at + 1
			members = append(members, counterpart{from: before[at], to: to, known: true})
		} else {
			members = append(members, counterpart{to: to})
		}
	}
	for i, value := range before {
		if !taken[i] {
			removed = append(removed, value)
		}
	}
	return removed, members
}

// indexNames returns where in members each name is.
func indexNames(members []document.Value, w *work) map[string]int {
	w.spend(8 * len(members))
	index := make(map[string]int, len(members))
	for at, value := range members {
		index[string(value.Name())] = at
	}
	return index
}
