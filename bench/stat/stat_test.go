package stat

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func TestMedian(t *testing.T) {
	nan := math.NaN()
	for _, test := range []struct {
		values                  []float64
		median, low, high, wide float64
	}{
		{nil, nan, nan, nan, nan},
		{[]float64{nan}, nan, nan, nan, nan},
		{[]float64{4}, 4, 4, 4, 0},
		{[]float64{8, 2}, 5, 2, 8, 1.2},
		{[]float64{9, 1, 5}, 5, 1, 9, 1.6},
		{[]float64{9, nan, 1, 5}, 5, 1, 9, 1.6},
		{[]float64{-2, -4}, -3, -4, -2, 2. / 3},
	} {
		before := slices.Clone(test.values)
		if got := Median(test.values); !same(got, test.median) {
			t.Errorf("Median(%v) = %v, want %v", test.values, got, test.median)
		}
		low, high := Spread(test.values)
		if !same(low, test.low) || !same(high, test.high) {
			t.Errorf("Spread(%v) = %v, %v, want %v, %v", test.values, low, high, test.low, test.high)
		}
		if got := Noise(test.values); !same(got, test.wide) {
			t.Errorf("Noise(%v) = %v, want %v", test.values, got, test.wide)
		}
		for i := range before {
			if !same(before[i], test.values[i]) {
				t.Errorf("%v was reordered to %v", before, test.values)
			}
		}
	}
}

func TestRank(t *testing.T) {
	for _, test := range []struct {
		q       float64
		n, want int
	}{
		{0.5, 1, 1}, {0.5, 2, 1}, {0.5, 3, 2}, {0.99, 100, 99}, {0.99, 101, 100},
		{0, 10, 1}, {1, 10, 10}, {0.99, 10000, 9900}, {0.5, 0, 1},
	} {
		if got := Rank(test.q, test.n); got != test.want {
			t.Errorf("Rank(%v, %d) = %d, want %d", test.q, test.n, got, test.want)
		}
	}
}

func TestLine(t *testing.T) {
	slope, intercept := Line([]float64{1, 2, 5}, []float64{5, 8, 17})
	if math.Abs(slope-3) > 1e-9 || math.Abs(intercept-2) > 1e-9 {
		t.Errorf("Line = %v, %v, want 3, 2", slope, intercept)
	}
	for _, n := range []int{0, 1} {
		if slope, _ := Line(make([]float64, n), make([]float64, n)); !math.IsNaN(slope) {
			t.Errorf("a line through %d points has the slope %v", n, slope)
		}
	}
}

func TestHistogram(t *testing.T) {
	if h := new(Histogram); !math.IsNaN(h.Quantile(0.5)) || h.Count() != 0 {
		t.Error("an empty histogram has a median")
	}
	random := rand.New(rand.NewPCG(1, 2))
	h := new(Histogram)
	var values []int64
	for range 20000 {
		v := random.Int64N(1 << (1 + random.IntN(40)))
		values = append(values, v)
		h.Add(v)
	}
	slices.Sort(values)
	for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999, 1} {
		exact := float64(values[Rank(q, len(values))-1])
		if got := h.Quantile(q); got < exact || got > exact*(1+1./128)+1 {
			t.Errorf("Quantile(%v) = %v, exactly %v", q, got, exact)
		}
	}
	if h.Max() != values[len(values)-1] || h.Count() != int64(len(values)) {
		t.Errorf("Max, Count = %d, %d", h.Max(), h.Count())
	}
}

func TestBucketBounds(t *testing.T) {
	values := []int64{0, 1, 127, 128, 129, 255, 256, 257, 1<<40 - 1, 1 << 40, math.MaxInt64}
	last := -1
	for _, v := range values {
		i := bucket(v)
		if i < last || i >= buckets {
			t.Errorf("bucket(%d) = %d after %d, of %d", v, i, last, buckets)
		}
		if upper(i) < v || i > 0 && upper(i-1) >= v {
			t.Errorf("%d is not in bucket %d, which ends at %d", v, i, upper(i))
		}
		last = i
	}
	h := new(Histogram)
	h.Add(-5)
	if h.Quantile(1) != 0 {
		t.Error("a negative value is not counted as zero")
	}
}

// Two histograms that are merged are one of all values.
func TestHistogramMerge(t *testing.T) {
	var all, some, rest Histogram
	for v := range int64(1000) {
		all.Add(v * v)
		if v%3 == 0 {
			some.Add(v * v)
		} else {
			rest.Add(v * v)
		}
	}
	some.Merge(&rest)
	if some != all {
		t.Errorf("%d values up to %d, want %d up to %d", some.Count(), some.Max(), all.Count(), all.Max())
	}
}
