package stat

import (
	"math"
	"math/bits"
)

// The precision of a Histogram: each power of two is divided into 2^subBits
// steps, so that a quantile is off by less than one part in 128.
const (
	subBits = 7
	buckets = (64 - subBits) << subBits
)

// Histogram counts values of which there are too many to keep. The zero value is
// empty. It is not safe for concurrent use.
type Histogram struct {
	counts [buckets]int64
	total  int64
	most   int64
}

// Add counts one value. A negative one, which two readings of a clock on two
// cores may yield, counts as zero.
func (h *Histogram) Add(value int64) {
	value = max(value, 0)
	h.counts[bucket(value)]++
	h.total++
	h.most = max(h.most, value)
}

// Merge adds the values of another Histogram.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.most = max(h.most, other.most)
}

// Count returns how many values were added.
func (h *Histogram) Count() int64 { return h.total }

// Max returns the largest value, exactly.
func (h *Histogram) Max() int64 { return h.most }

// Quantile returns a value that at least q of all values do not exceed, or NaN
// without any.
func (h *Histogram) Quantile(q float64) float64 {
	if h.total == 0 {
		return math.NaN()
	}
	rank := int64(Rank(q, int(h.total)))
	var seen int64
	for i, n := range h.counts {
		seen += n
		if seen >= rank {
			return math.Min(float64(upper(i)), float64(h.most))
		}
	}
	return float64(h.most)
}

// bucket returns the index of a value. Values below 2^subBits have one each.
func bucket(value int64) int {
	v := uint64(value)
	if v < 1<<subBits {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return (shift+1)<<subBits + int(v>>shift) - 1<<subBits
}

// upper returns the largest value of a bucket.
func upper(i int) int64 {
	if i < 1<<subBits {
		return int64(i)
	}
	shift := i>>subBits - 1
	sub := uint64(i&(1<<subBits-1)) + 1<<subBits
	return int64((sub+1)<<shift - 1)
}
