package load

import (
	"math/rand/v2"
	"testing"
)

func TestOrder(t *testing.T) {
	type step struct {
		seq  uint32
		want verdict
	}
	for name, steps := range map[string][]step{
		"in order":         {{10, fresh}, {11, fresh}, {12, fresh}},
		"twice":            {{10, fresh}, {10, duplicate}, {11, fresh}, {10, duplicate}},
		"late":             {{12, fresh}, {10, late}, {11, late}, {10, duplicate}, {13, fresh}},
		"first is missing": {{11, fresh}, {10, late}},
		"at the limit":     {{10, fresh}, {10 + memory, fresh}, {11, late}, {11, duplicate}, {10, duplicate}},
		"below the limit":  {{9 + memory, fresh}, {10, late}, {10, duplicate}},
		"far ahead":        {{10, fresh}, {1000, fresh}, {999, late}, {10, duplicate}},
	} {
		t.Run(name, func(t *testing.T) {
			var o order
			o.begin(10)
			for i, s := range steps {
				if got := o.add(s.seq); got != s.want {
					t.Errorf("step %d: %d is %d, want %d", i, s.seq, got, s.want)
				}
			}
		})
	}
}

// Against a set that remembers everything, as long as nothing is older than the
// order remembers.
func TestOrderModel(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		const first = 100
		var o order
		o.begin(first)
		seen := map[uint32]bool{}
		top := uint32(first - 1)
		for range 300 {
			seq := uint32(max(first, int(top)+random.IntN(20)-14))
			want := fresh
			switch {
			case seen[seq]:
				want = duplicate
			case seq < top:
				want = late
			}
			if got := o.add(seq); got != want {
				t.Fatalf("%d after %d is %d, want %d", seq, top, got, want)
			}
			seen[seq] = true
			top = max(top, seq)
		}
	}
}
