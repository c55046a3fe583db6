package poller

import (
	"fmt"
	"testing"
	"time"
)

// TestPhaseIsEven uses realistic names, which differ little.
func TestPhaseIsEven(t *testing.T) {
	const names, window, parts = 1000, time.Second, 10
	for _, format := range []string{"s%d", "stream-%04d", "%d", "%03d.prices"} {
		var counts [parts]int
		for i := range names {
			at := phase(fmt.Sprintf(format, i), window)
			if at < 0 || at >= window {
				t.Fatalf("%v is outside of the window", at)
			}
			counts[at/(window/parts)]++
		}
		for i, n := range counts {
			if n < 60 || n > 140 { // four standard deviations
				t.Errorf("%s: %d of %d names in part %d of %d", format, n, names, i, parts)
			}
		}
	}
}

func TestPhase(t *testing.T) {
	for _, test := range []struct {
		name   string
		window time.Duration
		want   time.Duration
	}{
		{"default", 0, 0},
		{"default", -1, 0},
		{"default", 1, 0},
		{"", time.Second, 957_673_425},        // the same on every machine,
		{"default", time.Second, 941_553_928}, // in every process
		{"default", 10 * time.Second, 9_415_539_283},
	} {
		if got := phase(test.name, test.window); got != test.want {
			t.Errorf("%q in %v: %d, want %d", test.name, test.window, got, test.want)
		}
	}
}
