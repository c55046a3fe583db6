package delta

// row counts elements in slots. It sums the slots up to one of them in logarithmic
// time (a Fenwick tree). Slot 0 is before the array, and slot i+1 belongs to the old
// element at index i.
type row []int

// newRow returns a row with one element in the slot of each element that stays.
func newRow(stays []bool) row {
	r := make(row, len(stays)+2)
	for i, stay := range stays {
		if stay {
			r.add(i+1, 1)
		}
	}
	return r
}

// add adds elements to a slot; a negative number removes them.
func (r row) add(slot, elements int) {
	for i := slot + 1; i < len(r); i += i & -i {
		r[i] += elements
	}
}

// through returns the number of elements in all slots up to this one.
func (r row) through(slot int) int {
	elements := 0
	for i := slot + 1; i > 0; i -= i & -i {
		elements += r[i]
	}
	return elements
}
