package soak

import (
	"testing"
	"time"
)

func series(values ...float64) (samples []Sample) {
	for i, v := range values {
		samples = append(samples, Sample{At: time.Duration(i) * time.Minute, Age: time.Duration(i) * time.Minute, Memory: v * 1e6})
	}
	return samples
}

func TestTrend(t *testing.T) {
	memory := Figures()[0] // a twentieth and 4 MB
	for name, test := range map[string]struct {
		samples []Sample
		flat    bool
	}{
		"nothing":          {nil, true},
		"one":              {series(100), true},
		"still":            {series(100, 100, 100), true},
		"to and fro":       {series(100, 120, 80, 120, 80, 100), true},
		"falls":            {series(200, 150, 100), true},
		"just within":      {series(100, 104.5, 109), true},
		"just beyond":      {series(100, 104.6, 109.2), false},
		"grows in a curve": {series(100, 110, 130, 160), false},
	} {
		if got := memory.trend(test.samples); got.Flat != test.flat {
			t.Errorf("%s: %+v, want flat %v", name, got, test.flat)
		}
	}
	got := memory.trend(series(10, 20, 30))
	if got.First < 9.999e6 || got.First > 10.001e6 || got.Last < 29.999e6 || got.Last > 30.001e6 || got.Samples != 3 {
		t.Errorf("%+v", got)
	}
}

func TestLives(t *testing.T) {
	first, second := series(1, 2, 3, 4), series(5, 6, 7)
	got := lives(append(first, second...), 2*time.Minute)
	if len(got) != 2 || len(got[0]) != 2 || len(got[1]) != 1 || got[0][0].Memory != 3e6 || got[1][0].Memory != 7e6 {
		t.Errorf("%+v", got)
	}
}
