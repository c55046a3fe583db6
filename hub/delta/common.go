package delta

import (
	"slices"

	"github.com/polluxhub/pollux/hub/document"
)

// Bounds on the search for a longest common subsequence.
const (
	maxEdits    = 256     // insertions and removals
	maxElements = 1 << 16 // of both arrays, without the common beginning and end
)

// common returns pairs of elements that are very likely equal, ascending on both
// sides: a longest common subsequence by hash. It returns nil if that would take too
// much work.
func (d *differ) common(from, to []document.Value) []pair {
	switch {
	case len(from) == 0, len(to) == 0, len(from)+len(to) > maxElements:
		return nil
	case len(from) == 1 && len(to) == 1:
		return nil // they will be compared anyway
	}
	sumsFrom, sumsTo := d.sums(from), d.sums(to)
	if d.work.left < 0 {
		return nil
	}
	// An element that only one side has cannot be common.
	x, y := shared(sumsFrom, sumsTo), shared(sumsTo, sumsFrom)
	pairs := subsequence(
		len(x), len(y),
		func(i, j int) bool { return sumsFrom[x[i]] == sumsTo[y[j]] },
		&d.work,
	)
	for i, p := range pairs {
		pairs[i] = pair{x[p.from], y[p.to]}
	}
	return pairs
}

func (d *differ) sums(values []document.Value) []uint64 {
	sums := make([]uint64, len(values))
	for i, value := range values {
		if !d.work.spend(1 + len(value.Raw())/4) {
			break
		}
		sums[i] = sum(d.seed, value)
	}
	return sums
}

// shared returns the indices of the sums that are also in others.
func shared(sums, others []uint64) []int {
	known := make(map[uint64]struct{}, len(others))
	for _, s := range others {
		known[s] = struct{}{}
	}
	var indices []int
	for i, s := range sums {
		if _, ok := known[s]; ok {
			indices = append(indices, i)
		}
	}
	return indices
}

// subsequence returns a longest common subsequence of two sequences of the
// lengths n and m, by the greedy algorithm of E. Myers, "An O(ND) Difference
// Algorithm and Its Variations" (1986). It returns nil if that takes more than
// maxEdits edits.
func subsequence(n, m int, equal func(i, j int) bool, w *work) []pair {
	most := min(maxEdits, n+m)
	// furthest[middle+k] is the furthest index in the first sequence on diagonal k,
	// the points whose indices differ by k.
	middle := most + 1
	furthest := make([]int, 2*middle+1)
	var rounds [][]int // furthest[middle-edits : middle+edits+1] after each number of edits
	for edits := 0; edits <= most; edits++ {
		steps := 0
		for k := -edits; k <= edits; k += 2 {
			x := start(furthest[middle-edits-1:], edits+1, k, edits)
			y := x - k
			for x < n && y < m && equal(x, y) {
				x++
				y++
				steps++
			}
			furthest[middle+k] = x
			if x >= n && y >= m {
				return walkBack(rounds, n, m)
			}
		}
		if !w.spend(2*edits + steps) {
			return nil
		}
		rounds = append(rounds, slices.Clone(furthest[middle-edits:middle+edits+1]))
	}
	return nil
}

// start returns where diagonal k begins after one more edit: a removal on the
// diagonal below or an insertion on the one above, whichever leads further.
// furthest[zero] is that of diagonal 0.
func start(furthest []int, zero, k, edits int) int {
	if edits == 0 {
		return 0
	}
	below, above := furthest[zero+k-1], furthest[zero+k+1]
	if k == -edits || k != edits && below < above {
		return above
	}
	return below + 1
}

// walkBack collects the pairs on the way to the point (n, m), which was reached with
// one edit more than the number of rounds.
func walkBack(rounds [][]int, n, m int) []pair {
	var pairs []pair
	x, y := n, m
	for edits := len(rounds); edits > 0; edits-- {
		before, zero, k := rounds[edits-1], edits-1, x-y
		from := k - 1
		if k == -edits || k != edits && before[zero+k-1] < before[zero+k+1] {
			from = k + 1
		}
		lastX := before[zero+from]
		lastY := lastX - from
		for x > lastX && y > lastY {
			x--
			y--
			pairs = append(pairs, pair{x, y})
		}
		x, y = lastX, lastY
	}
	for ; x > 0; x-- {
		pairs = append(pairs, pair{x - 1, x - 1})
	}
	slices.Reverse(pairs)
	return pairs
}
