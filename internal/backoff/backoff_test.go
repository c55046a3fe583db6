package backoff

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const most = 5 * time.Minute

func TestBackoff(t *testing.T) {
	const highest = 1 - 1.0/(1<<53)
	for _, test := range []struct {
		name   string
		every  time.Duration
		random float64
		want   []time.Duration
	}{
		{"lowest draw", 8 * time.Second, 0, []time.Duration{8e9, 8e9, 8e9, 8e9}},
		{"middle draw", 8 * time.Second, 0.5, []time.Duration{8e9, 10e9, 13e9, 17.5e9}},
		{"up to five minutes", 100 * time.Second, highest, []time.Duration{100e9, 150e9 - 1, 225e9 - 1, 300e9 - 1, 300e9 - 1}},
		{"every just below the cap", 300*time.Second - 2, 0.5, []time.Duration{300e9 - 2, 300e9 - 1, 300e9 - 1}},
		{"every at the cap", 5 * time.Minute, 0.5, []time.Duration{300e9, 300e9, 300e9}},
		{"every beyond the cap", time.Hour, 0.5, []time.Duration{time.Hour, time.Hour}},
		{"a draw above 1", 8 * time.Second, 7, []time.Duration{8e9, 12e9}},
		{"a draw below 0", 8 * time.Second, -7, []time.Duration{8e9, 8e9}},
		{"a draw that is none", 8 * time.Second, math.NaN(), []time.Duration{8e9, 8e9}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := New(test.every, most, func() float64 { return test.random })
			for range 2 { // the second round begins after a success
				for i, want := range test.want {
					if got := b.Next(); got != want {
						t.Errorf("failure %d: %v, want %v", i+1, got, want)
					}
				}
				b.Reset()
			}
		})
	}
}

func TestBackoffProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		every := time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(7*24*time.Hour)).Draw(t, "every"))
		b := New(every, most, func() float64 { return rapid.Float64Range(0, 1).Draw(t, "random") })
		interval := float64(every)
		for range rapid.IntRange(1, 60).Draw(t, "failures") {
			// The interval is truncated to whole nanoseconds each time.
			if got := b.Next(); got < every || float64(got) > interval+1 || got > max(every, most) {
				t.Fatalf("%v, want %v to %v", got, every, time.Duration(interval))
			}
			interval *= increment
		}
		b.Reset()
		if got := b.Next(); got != every {
			t.Fatalf("%v after a reset, want %v", got, every)
		}
	})
}
