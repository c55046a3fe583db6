// Package wheel is a timing wheel. It knows no clock, starts nothing and does not
// lock: its owner tells it how far time has moved.
package wheel

import "math"

// Wheel is a timing wheel for items that are small numbers: it gives each of them back
// at the tick for which it was set, or a little later. It is a plain data structure;
// time is counted in ticks and comes as an argument. Its zero value is an empty wheel.
//
// An item is in the wheel once at most. Setting it again moves it, which takes two
// stores in a doubly linked list, so an item that is set often costs no memory and
// leaves nothing behind. An item beyond the horizon comes back early, at the horizon;
// the caller finds that it is not due yet, and sets it again.
//
// Each item takes 12 bytes, up to the largest number that was ever set.
type Wheel struct {
	nodes []node // first the heads of the circular lists, one for each tick, then the items
	now   uint32
}

type node struct{ prev, next, at uint32 }

// Turn is after how many ticks the same place of the wheel comes again.
const Turn = 512

const (
	slots = Turn
	never = math.MaxUint32 // the tick of an item that is not in the wheel
)

// Now returns the tick to which the wheel was moved last.
func (w *Wheel) Now() uint32 { return w.now }

// Set puts an item in, or moves it, so that it comes back at the given tick: in the
// next tick at the earliest, at the horizon at the latest.
func (w *Wheel) Set(item, due uint32) {
	w.Remove(item)
	w.grow(slots + item)
	at := w.now + 1
	if due > at {
		at = min(due, w.now+slots-1)
	}
	head, own := at%slots, slots+item
	last := w.nodes[head].prev
	w.nodes[own] = node{prev: last, next: head, at: at}
	w.nodes[last].next, w.nodes[head].prev = own, own
}

// grow makes room for the nodes up to the last one.
func (w *Wheel) grow(last uint32) {
	for n := uint32(len(w.nodes)); n <= last; n++ {
		w.nodes = append(w.nodes, node{prev: n, next: n, at: never})
	}
}

// At returns the tick at which an item comes back, and the largest number if it is not in
// the wheel.
func (w *Wheel) At(item uint32) uint32 {
	if i := slots + int(item); i < len(w.nodes) {
		return w.nodes[i].at
	}
	return never
}

// Remove takes an item out, if it is in.
func (w *Wheel) Remove(item uint32) {
	if w.At(item) == never {
		return
	}
	n := &w.nodes[slots+item]
	w.nodes[n.prev].next, w.nodes[n.next].prev = n.next, n.prev
	n.at = never
}

// Clear takes every item out, and lets go of the memory.
func (w *Wheel) Clear() { w.nodes = nil }

// Advance moves to the given tick and calls fire with each item whose tick was
// passed. It is not in the wheel any more then. fire may set and remove.
func (w *Wheel) Advance(to uint32, fire func(item uint32)) {
	for w.now < to {
		w.now++
		head := w.now % slots
		for len(w.nodes) > 0 && w.nodes[head].next != head {
			item := w.nodes[head].next - slots
			w.Remove(item)
			fire(item)
		}
	}
}

// SetBack subtracts ticks from the present one and from those of all items, so that they do not
// overflow. It is a multiple of Turn, and not more than the present tick.
func (w *Wheel) SetBack(by uint32) {
	w.now -= by
	for i := slots; i < len(w.nodes); i++ {
		if n := &w.nodes[i]; n.at != never {
			n.at -= by
		}
	}
}
