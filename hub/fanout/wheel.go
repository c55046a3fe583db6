package fanout

import "math"

// wheel is a timing wheel for items that are small numbers: it gives each of them back
// at the tick for which it was set, or a little later. It is a plain data structure;
// time is counted in ticks and comes as an argument. Its zero value is an empty wheel.
//
// An item is in the wheel once at most. Setting it again moves it, which takes two
// stores in a doubly linked list, so an item that is set often costs no memory and
// leaves nothing behind. An item beyond the horizon comes back early, at the horizon;
// the caller finds that it is not due yet, and sets it again.
//
// Each item takes 12 bytes, up to the largest number that was ever set.
type wheel struct {
	nodes []wheelNode // first the heads of the circular lists, one for each tick, then the items
	now   uint32
}

type wheelNode struct{ prev, next, at uint32 }

const (
	wheelSlots = 512
	never      = math.MaxUint32 // the tick of an item that is not in the wheel
)

// set puts an item in, or moves it, so that it comes back at the given tick: in the
// next tick at the earliest, at the horizon at the latest.
func (w *wheel) set(item, due uint32) {
	w.remove(item)
	w.grow(wheelSlots + item)
	at := w.now + 1
	if due > at {
		at = min(due, w.now+wheelSlots-1)
	}
	head, node := at%wheelSlots, wheelSlots+item
	last := w.nodes[head].prev
	w.nodes[node] = wheelNode{prev: last, next: head, at: at}
	w.nodes[last].next, w.nodes[head].prev = node, node
}

// grow makes room for a node.
func (w *wheel) grow(node uint32) {
	for n := uint32(len(w.nodes)); n <= node; n++ {
		w.nodes = append(w.nodes, wheelNode{prev: n, next: n, at: never})
	}
}

// at returns the tick at which an item comes back, and never if it is not in the wheel.
func (w *wheel) at(item uint32) uint32 {
	if node := wheelSlots + int(item); node < len(w.nodes) {
		return w.nodes[node].at
	}
	return never
}

// remove takes an item out, if it is in.
func (w *wheel) remove(item uint32) {
	if w.at(item) == never {
		return
	}
	n := &w.nodes[wheelSlots+item]
	w.nodes[n.prev].next, w.nodes[n.next].prev = n.next, n.prev
	n.at = never
}

// clear takes every item out, and lets go of the memory.
func (w *wheel) clear() { w.nodes = nil }

// advance moves to the given tick and calls fire with each item whose tick was
// passed. It is not in the wheel any more then. fire may set and remove.
func (w *wheel) advance(to uint32, fire func(item uint32)) {
	for w.now < to {
		w.now++
		head := w.now % wheelSlots
		for len(w.nodes) > 0 && w.nodes[head].next != head {
			item := w.nodes[head].next - wheelSlots
			w.remove(item)
			fire(item)
		}
	}
}
