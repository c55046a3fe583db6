// Package stat has the few statistics that a report of measurements needs. All
// of them are pure functions of their arguments.
package stat

import (
	"math"
	"slices"
)

// Median returns the middle of values, or NaN without any. A NaN among the
// values, which stands for "not measured", does not count.
func Median(values []float64) float64 {
	v := sorted(values)
	n := len(v)
	switch {
	case n == 0:
		return math.NaN()
	case n%2 == 1:
		return v[n/2]
	default:
		return (v[n/2-1] + v[n/2]) / 2
	}
}

// Spread returns the smallest and the largest of values, NaN not counted.
func Spread(values []float64) (low, high float64) {
	v := sorted(values)
	if len(v) == 0 {
		return math.NaN(), math.NaN()
	}
	return v[0], v[len(v)-1]
}

// Noise returns how far values lie apart, as a share of their median.
func Noise(values []float64) float64 {
	low, high := Spread(values)
	return (high - low) / math.Abs(Median(values))
}

// Line returns the straight line through the points that least squares gives.
func Line(x, y []float64) (slope, intercept float64) {
	if len(x) != len(y) || len(x) < 2 {
		return math.NaN(), math.NaN()
	}
	n := float64(len(x))
	var sx, sy float64
	for i := range x {
		sx += x[i]
		sy += y[i]
	}
	mx, my := sx/n, sy/n
	var sxx, sxy float64
	for i := range x {
		sxx += (x[i] - mx) * (x[i] - mx)
		sxy += (x[i] - mx) * (y[i] - my)
	}
	slope = sxy / sxx
	return slope, my - slope*mx
}

// Rank returns which of n, counted from 1 in ascending order, is the given
// quantile: the smallest with at least q of all at or below it.
func Rank(q float64, n int) int {
	return min(max(int(math.Ceil(q*float64(n))), 1), max(n, 1))
}

func sorted(values []float64) []float64 {
	v := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	slices.Sort(v)
	return v
}
