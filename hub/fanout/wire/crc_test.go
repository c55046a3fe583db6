package wire

import (
	"hash/crc32"
	"testing"

	"pgregory.net/rapid"
)

func TestCombinedCRC(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.SliceOf(rapid.Byte()).Draw(t, "first")
		second := rapid.SliceOf(rapid.Byte()).Draw(t, "second")
		want := crc32.ChecksumIEEE(append(append([]byte(nil), first...), second...))
		got := combine(crc32.ChecksumIEEE(first), crc32.ChecksumIEEE(second), shiftFor(len(second)))
		if got != want {
			t.Fatalf("combined %08x, want %08x", got, want)
		}
	})
}

// Lengths far beyond what a test can hold: appending n zeros twice equals appending 2n
// zeros.
func TestShiftAddsUp(t *testing.T) {
	for _, n := range []int{0, 1, 2, 255, 1 << 16, 1<<29 - 1, 1 << 30} {
		if got, want := multiply(shiftFor(n), shiftFor(n)), shiftFor(2*n); got != want {
			t.Errorf("twice %d bytes: %08x, want %08x", n, got, want)
		}
	}
}
