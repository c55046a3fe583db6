package delta

import (
	"slices"

	"github.com/polluxhub/pollux/hub/document"
)

// none is the index of a missing element.
const none = -1

// byKey returns for each new element the index of the old element with the same key,
// or none. It returns false if the key does not identify elements.
func (d *differ) byKey(from, to []document.Value) (match []int, ok bool) {
	if d.sameKeys(from, to) {
		match = make([]int, len(to))
		for i := range match {
			match[i] = i
		}
		return match, true
	}
	before, ok := d.identities(from)
	if !ok {
		return nil, false
	}
	after, ok := d.identities(to)
	if !ok {
		return nil, false
	}
	match = slices.Repeat([]int{none}, len(to))
	for identity, j := range after {
		if i, known := before[identity]; known {
			match[j] = i
		}
	}
	return match, true
}

// sameKeys reports whether two arrays have the same keys in the same order. Then no
// element moves, and it does not matter whether a key is repeated.
func (d *differ) sameKeys(from, to []document.Value) bool {
	if len(from) != len(to) {
		return false
	}
	for i := range from {
		a, ok := d.identifier(from[i])
		if !ok {
			return false
		}
		b, ok := d.identifier(to[i])
		if !ok || !document.Equal(a, b) {
			return false
		}
	}
	return true
}

// identifier returns the value of the key of an element.
func (d *differ) identifier(element document.Value) (document.Value, bool) {
	if element.Kind() != document.Object || !d.work.spend(1+element.Len()) {
		return document.Value{}, false
	}
	v, ok := d.key.Find(element)
	return v, ok && v.Kind() != document.Object && v.Kind() != document.Array
}

// identities returns the index of each element by its key, and false if a key is
// missing or repeated.
func (d *differ) identities(elements []document.Value) (map[string]int, bool) {
	known := map[string]int{} // without capacity: often even the first element has no key
	for i, element := range elements {
		v, ok := d.identifier(element)
		if !ok {
			return nil, false
		}
		identity := v.Raw()
		if v.Kind() == document.String {
			identity = append([]byte{'"'}, v.Text()...) // no other kind begins with a quote
		}
		if _, repeated := known[string(identity)]; repeated {
			return nil, false
		}
		known[string(identity)] = i
	}
	return known, true
}

// arrange turns an array into another one. match has for each new element the index
// of the same old element, or none. First it removes elements, then it moves and adds
// elements from front to back, and then it changes the elements themselves.
func (d *differ) arrange(from, to []document.Value, match []int, limit int) bool {
	stays := make([]bool, len(from))
	for _, i := range match {
		if i != none {
			stays[i] = true
		}
	}
	for i := len(from) - 1; i >= 0; i-- {
		if !stays[i] && !d.removeElement(i, limit) {
			return false
		}
	}
	if !d.place(to, match, stays, limit) {
		return false
	}
	for j, i := range match {
		if i != none && !d.element(from[i], to[j], j, limit) {
			return false
		}
	}
	return true
}

// place moves and adds elements to an array from which the elements that do not stay
// have been removed.
//
// The elements of a longest ascending subsequence, the anchors, do not move: that
// takes the fewest moves. Every other element is put before the first anchor, or
// after the anchor that precedes it in the new array and the elements that were put
// there already. Elements that have yet to be moved may be in between. So the index of
// an element is the number of elements before it, which row counts.
func (d *differ) place(to []document.Value, match []int, stays []bool, limit int) bool {
	anchors := ascending(match)
	if !d.work.spend(16 * (len(stays) + len(match))) { // n log n
		return false
	}
	row := newRow(stays)
	anchor := 0 // the slot of the last anchor so far; 0 before the first one
	for j, i := range match {
		if i != none && anchors[j] {
			anchor = i + 1
			continue
		}
		if i == none {
			if !d.addElement(row.through(anchor), to[j].Raw(), limit) {
				return false
			}
		} else {
			row.add(i+1, -1)
			source, target := row.through(i), row.through(anchor)
			if source != target && !d.moveElement(source, target, limit) {
				return false
			}
		}
		row.add(anchor, 1)
	}
	return true
}

// ascending reports for each index in match whether it belongs to a longest
// ascending subsequence.
func ascending(match []int) []bool {
	var ends []int                    // ends[n]: the last element of the subsequence of n+1 that ends lowest
	before := make([]int, len(match)) // the previous element of the subsequence that ends here
	for j, i := range match {
		if i == none {
			continue
		}
		n, _ := slices.BinarySearchFunc(ends, i, func(end, i int) int { return match[end] - i })
		before[j] = none
		if n > 0 {
			before[j] = ends[n-1]
		}
		if n == len(ends) {
			ends = append(ends, j)
		} else {
			ends[n] = j
		}
	}
	chosen := make([]bool, len(match))
	if len(ends) > 0 {
		for j := ends[len(ends)-1]; j != none; j = before[j] {
			chosen[j] = true
		}
	}
	return chosen
}
