package natslog

import (
	"errors"
	"testing"
)

// A consumer that reads nothing is replaced after a number of comparisons that grows with each one, up to
// a bound, and that is smaller while the log counts as lost.
func TestPatienceWithConsumers(t *testing.T) {
	for _, row := range []struct {
		deaf       int
		want, lost int
	}{{0, 2, 1}, {1, 3, 2}, {3, 5, 4}, {4, 6, 5}, {5, 6, 6}, {6, 6, 6}, {600, 6, 6}} {
		l, one := &Log{shared: true}, &teller{deaf: row.deaf}
		if got := l.patienceFor(one); got != row.want {
			t.Errorf("after %d consumers: %d comparisons, want %d", row.deaf, got, row.want)
		}
		l.failure = errors.New("lost")
		if got := l.patienceFor(one); got != row.lost {
			t.Errorf("after %d consumers, lost: %d comparisons, want %d", row.deaf, got, row.lost)
		}
	}
}
