package delta

// row counts elements in slots, so that how many are in all slots up to one is
// known in logarithmic time (a Fenwick tree). Slot 0 is before the array, slot
// i+1 is for the element that has index i in it.
type row []int

// newRow has one element in the slot of each that stays.
func newRow(stays []bool) row {
	r := make(row, len(stays)+2)
	for i, stay := range stays {
		if stay {
			r.add(i+1, 1)
		}
	}
	return r
}

// add puts elements into a slot, or takes them out.
func (r row) add(slot, elements int) {
	for i := slot + 1; i < len(r); i += i & -i {
		r[i] += elements
	}
}

// through returns how many elements there are in all slots up to this one.
func (r row) through(slot int) int {
	elements := 0
	for i := slot + 1; i > 0; i -= i & -i {
		elements += r[i]
	}
	return elements
}
