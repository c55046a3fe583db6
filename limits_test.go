package pollux

import (
	"runtime"
	"testing"
)

// What the process holds beside clients is kept back for it.
func TestReserveOfDescriptors(t *testing.T) {
	l := NewLimits(100, true, 0, 0)
	want := 16 + 2*runtime.GOMAXPROCS(0) + 16 + 100 + min(max(l.Descriptors/64, 16), 256)
	if l.Reserve != min(want, l.Descriptors/2) {
		t.Errorf("%d descriptors of %d are kept back, want %d", l.Reserve, l.Descriptors, want)
	}
	if l.Descriptors >= 2*want && l.Upstreams != want-16-2*runtime.GOMAXPROCS(0)-16 {
		t.Errorf("%d of them for upstreams", l.Upstreams)
	}
}
