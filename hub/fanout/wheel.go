package fanout

// wheel is a timing wheel: it holds many things that are due sometime and gives
// them back, a tick at a time, when they are or a little later. It is a plain
// data structure; time is counted in ticks and comes as an argument.
//
// What is due beyond the wheel's horizon comes back early, at the horizon; who
// gets it back looks whether it is due and, if not, puts it in again. So nothing
// needs ever to be moved: a later due time is found out when the old one comes.
type wheel[T any] struct {
	slots [wheelSlots][]T
	now   uint32
}

const wheelSlots = 512

// add puts in what is due at the given tick, and returns the tick at which it
// comes back.
func (w *wheel[T]) add(item T, due uint32) (back uint32) {
	back = w.now + 1
	if due > back {
		back = min(due, w.now+wheelSlots-1)
	}
	slot := &w.slots[back%wheelSlots]
	*slot = append(*slot, item)
	return back
}

// clear forgets everything.
func (w *wheel[T]) clear() { w.slots = [wheelSlots][]T{} }

// advance moves to the given tick and calls fire with everything whose slot was
// passed. fire may add.
func (w *wheel[T]) advance(to uint32, fire func(T)) {
	for w.now < to {
		w.now++
		slot := &w.slots[w.now%wheelSlots]
		items := *slot
		*slot = nil // so that memory goes with the clients
		for _, item := range items {
			fire(item)
		}
	}
}
