package delta

import (
	"bytes"
	"slices"

	"github.com/polluxhub/pollux/hub/document"
)

// counterpart is a member of the new object and, if known, the member of the old
// object with the same key.
type counterpart struct {
	from, to document.Value
	known    bool
}

// join matches the members of two objects by key. It returns the members that are
// only in a, in the order of a, and all members of b, in the order of b. Neither
// object repeats a key.
func join(a, b document.Value, w *work) (removed []document.Value, members []counterpart) {
	before := slices.AppendSeq(make([]document.Value, 0, a.Len()), a.Children())
	taken := make([]bool, len(before))
	members = make([]counterpart, 0, b.Len())
	var byName map[string]int
	next := 0 // usually the next member of b is the next one of a
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

// indexNames returns the index of each name in members.
func indexNames(members []document.Value, w *work) map[string]int {
	w.spend(8 * len(members))
	index := make(map[string]int, len(members))
	for at, value := range members {
		index[string(value.Name())] = at
	}
	return index
}
