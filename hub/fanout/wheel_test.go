package fanout

import (
	"testing"

	"pgregory.net/rapid"
)

// Nothing comes back late, nothing beyond the horizon later than the horizon,
// everything once.
func TestWheel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w wheel[int]
		backAt := map[int]uint32{}
		n := 0
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				due := rapid.Uint32Range(0, 3*wheelSlots).Draw(t, "due")
				back := w.add(n, due)
				if back <= w.now || back > w.now+wheelSlots || back > due && back != w.now+1 {
					t.Fatalf("at %d, due %d comes back at %d", w.now, due, back)
				}
				backAt[n] = back
				n++
			},
			"advance": func(t *rapid.T) {
				to := w.now + rapid.Uint32Range(0, 2*wheelSlots).Draw(t, "ticks")
				w.advance(to, func(item int) {
					if backAt[item] != w.now {
						t.Fatalf("item %d came at %d, want %d", item, w.now, backAt[item])
					}
					delete(backAt, item)
				})
				for item, at := range backAt {
					if at <= to {
						t.Fatalf("item %d did not come at %d", item, at)
					}
				}
			},
		})
	})
}
