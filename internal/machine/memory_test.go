package machine

import (
	"errors"
	"io/fs"
	"math"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// What all history together may take: a quarter of what the process may use, and
// 256 MiB at most.
func TestHistoryTotal(t *testing.T) {
	for _, test := range []struct {
		limits []int64
		want   int
	}{
		{nil, 256 << 20},
		{[]int64{0, math.MaxInt64}, 256 << 20},
		{[]int64{-1}, 256 << 20},
		{[]int64{1}, 1},
		{[]int64{128 << 20}, 32 << 20},
		{[]int64{1 << 30}, 256 << 20},
		{[]int64{1<<30 - 4, math.MaxInt64}, 256<<20 - 1},
		{[]int64{1 << 40}, 256 << 20},
		{[]int64{512 << 20, 64 << 20}, 16 << 20},
		{[]int64{0, 64 << 20}, 16 << 20},
	} {
		if got := HistoryTotal(test.limits...); got != test.want {
			t.Errorf("%v: %d, want %d", test.limits, got, test.want)
		}
	}
}

// What clients that read slowly may hold together: an eighth, and 128 MiB at most.
func TestHeldTotal(t *testing.T) {
	for _, test := range []struct {
		limits []int64
		want   int
	}{
		{nil, 128 << 20},
		{[]int64{0, -1, math.MaxInt64}, 128 << 20},
		{[]int64{1}, 1},
		{[]int64{1<<30 - 8}, 128<<20 - 1},
		{[]int64{1 << 40}, 128 << 20},
		{[]int64{512 << 20, 256 << 20}, 32 << 20},
	} {
		if got := HeldTotal(test.limits...); got != test.want {
			t.Errorf("%v: %d, want %d", test.limits, got, test.want)
		}
	}
}

// No limit, and no control groups, are no mistake. What cannot be read is one.
func TestCgroupLimit(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		limit uint64
		err   error
		want  int64
		wrong error
	}{
		{256 << 20, nil, 256 << 20, nil},
		{math.MaxInt64, nil, math.MaxInt64, nil},
		{math.MaxInt64 + 1, nil, math.MaxInt64, nil},
		{0, memlimit.ErrNoLimit, 0, nil},
		{0, memlimit.ErrNoCgroup, 0, nil},
		{0, memlimit.ErrCgroupsNotSupported, 0, nil},
		{0, &fs.PathError{Err: fs.ErrNotExist}, 0, nil},
		{0, broken, 0, broken},
	} {
		got, err := cgroupLimit(func() (uint64, error) { return test.limit, test.err })
		if got != test.want || !errors.Is(err, test.wrong) {
			t.Errorf("%d, %v: %d, %v, want %d, %v", test.limit, test.err, got, err, test.want, test.wrong)
		}
	}
}

// Where the control group has a limit the collector has one below it, unless the
// operator gave it another.
func TestSoftLimit(t *testing.T) {
	for _, test := range []struct {
		cgroup int64
		env    string
		want   int64
	}{
		{0, "", 0},
		{256 << 20, "", 256 << 20 / 5 * 4},
		{1, "", 1},
		{256 << 20, "1GiB", 0},
		{256 << 20, "off", 0},
	} {
		getenv := func(name string) string { return map[string]string{"GOMEMLIMIT": test.env}[name] }
		if got := softLimit(test.cgroup, getenv); got != test.want {
			t.Errorf("%d, %q: %d, want %d", test.cgroup, test.env, got, test.want)
		}
	}
}
