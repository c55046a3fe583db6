package wheel

import (
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// No item comes back late, or twice, or after it was removed; an item beyond the
// horizon comes back at the horizon.
func TestWheel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w Wheel
		want := map[uint32]uint32{} // when each item comes back
		set := func(item, due uint32) {
			w.Set(item, due)
			want[item] = w.At(item)
			if at := w.At(item); at <= w.now || at >= w.now+slots || at > due && at != w.now+1 ||
				at < due && at != w.now+slots-1 {
				t.Fatalf("at %d, due %d comes back at %d", w.now, due, at)
			}
		}
		items, dues := rapid.Uint32Range(0, 20), rapid.Uint32Range(0, 3*slots)
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) { set(items.Draw(t, "item"), dues.Draw(t, "due")) },
			"remove": func(t *rapid.T) {
				item := items.Draw(t, "item")
				w.Remove(item)
				delete(want, item)
			},
			"clear": func(*rapid.T) {
				w.Clear()
				clear(want)
			},
			"set back": func(t *rapid.T) {
				by := rapid.Uint32Range(0, w.now/Turn).Draw(t, "turns") * Turn
				w.SetBack(by)
				for item := range want {
					want[item] -= by
				}
			},
			"advance": func(t *rapid.T) {
				to := w.now + rapid.Uint32Range(0, 2*slots).Draw(t, "ticks")
				again, other := rapid.Bool().Draw(t, "set again"), items.Draw(t, "removed meanwhile")
				w.Advance(to, func(item uint32) {
					if want[item] != w.now {
						t.Fatalf("item %d came at %d, want %d", item, w.now, want[item])
					}
					delete(want, item)
					w.Remove(other)
					delete(want, other)
					if again {
						set(item, w.now+item)
					}
				})
			},
			"": func(t *rapid.T) {
				for item, at := range want {
					if at <= w.now {
						t.Fatalf("item %d did not come at %d", item, at)
					}
				}
				for item := range uint32(22) {
					if at, in := want[item]; in && w.At(item) != at || !in && w.At(item) != never {
						t.Fatalf("item %d comes at %d, want one of %v", item, w.At(item), maps.Clone(want))
					}
				}
			},
		})
	})
}

// A wheel keeps nothing of items that were set again and again.
func TestWheelMovesInPlace(t *testing.T) {
	var w Wheel
	w.Set(99, 10)
	before := cap(w.nodes)
	for i := range uint32(100_000) {
		w.Set(99, 10+i%1000)
		w.Advance(w.now+1, func(uint32) {})
	}
	if cap(w.nodes) != before {
		t.Errorf("room for %d nodes, and %d before", cap(w.nodes), before)
	}
}
