package delta

import (
	"slices"

	"github.com/polluxhub/pollux/hub/document"
)

// pair is the indices of an old element and a new one that are matched.
type pair struct {
	from, to int
}

func (d *differ) array(a, b document.Value, limit int) bool {
	from := slices.AppendSeq(make([]document.Value, 0, a.Len()), a.Children())
	to := slices.AppendSeq(make([]document.Value, 0, b.Len()), b.Children())
	if d.keyed {
		if match, ok := d.byKey(from, to); ok {
			return d.arrange(from, to, match, limit)
		}
	}
	first := 0
	for first < min(len(from), len(to)) && d.equal(from[first], to[first]) {
		first++
	}
	endFrom, endTo := len(from), len(to)
	for endFrom > first && endTo > first && d.equal(from[endFrom-1], to[endTo-1]) {
		endFrom--
		endTo--
	}
	at := pair{first, first}
	for _, next := range d.common(from[first:endFrom], to[first:endTo]) {
		next.from += first
		next.to += first
		if !d.between(from[at.from:next.from], to[at.to:next.to], at.to, limit) ||
			!d.element(from[next.from], to[next.to], next.to, limit) {
			return false
		}
		at = pair{next.from + 1, next.to + 1}
	}
	return d.between(from[at.from:endFrom], to[at.to:endTo], at.to, limit)
}

// between turns a run of elements, of which the first is at index at, into another
// one by position. The elements before it are final, so an element that stays is at
// its final index.
func (d *differ) between(from, to []document.Value, at, limit int) bool {
	both := min(len(from), len(to))
	for i := range both {
		if !d.element(from[i], to[i], at+i, limit) {
			return false
		}
	}
	for range from[both:] {
		if !d.removeElement(at+both, limit) {
			return false
		}
	}
	for i, value := range to[both:] {
		if !d.addElement(at+both+i, value.Raw(), limit) {
			return false
		}
	}
	return true
}

// element turns a, which is at index at, into b.
func (d *differ) element(a, b document.Value, at, limit int) bool {
	before := d.path.index(at)
	ok := d.value(a, b, limit)
	d.path = d.path[:before]
	return ok
}
